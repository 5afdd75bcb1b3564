"""The fourth stage: latents become pictures a viewer may see."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np

from phosphene.arrays import Array
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.namespaces import array_namespace
from phosphene.show.detail import with_lines
from phosphene.show.transform.batches import batches
from phosphene.show.transform.items import Drawn, Frame, Picture, State
from phosphene.video.flash import FlashLimiter


class Developer:
    """Decodes latents, puts lines back and holds back flashes.

    ``lines`` is the share of the source's fine lines, 0..1; ``limiter`` None lets every flash through.
    """

    def __init__(
        self, base: BaseDiffusionPipeline, lines: float, limiter: FlashLimiter | None
    ) -> None:
        self._base = base
        self._lines = lines
        self._limiter = limiter
        self._last: tuple[Array, Frame] | None = None

    def run(self, drawn: Iterator[Drawn], batch: int) -> Generator[Picture, None, None]:
        """Pictures of all latents; up to ``batch`` share a call of the decoder."""
        for group in batches(drawn, batch):
            images = self._decode(group)
            for item, decoded in zip(group, images, strict=True):
                image = decoded if self._limiter is None else self._limiter(decoded)
                state = item.state
                if state is not None and self._limiter is not None:
                    state = state | {"flashes": np.frombuffer(self._limiter.get_state(), np.uint8)}
                yield Picture(item.shot, image, state)

    def restore(self, state: State) -> None:
        """Go on where the state of a picture was taken."""
        if self._limiter is not None:
            self._limiter.set_state(state["flashes"].tobytes())

    def _decode(self, group: list[Drawn]) -> list[Frame]:
        """One picture for each latent; the very same latent again is not decoded again."""
        known = {} if self._last is None else {id(self._last[0]): self._last[1]}
        new = {id(item.latent): item for item in group if id(item.latent) not in known}
        if new:
            joined = concat([item.latent for item in new.values()])
            decoded = self._base.decode(self._base.as_model_dtype(joined))
            for (key, item), image in zip(new.items(), decoded, strict=True):
                known[key] = with_lines(image, item.image, self._lines)
        images = [known[id(item.latent)] for item in group]
        # held, so that its id stays its own
        self._last = group[-1].latent, images[-1]
        return images


def concat(latents: list[Array]) -> Array:
    """Latents (1 c h w) as one batch (b c h w)."""
    return array_namespace(latents[0]).concat(latents, axis=0)
