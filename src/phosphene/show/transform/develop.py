"""The fourth stage: latents become pictures a viewer may see."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np

from phosphene.diffusion.base import BasePipeline, Frames
from phosphene.diffusion.stream import Key
from phosphene.show.detail import with_lines
from phosphene.show.transform.batches import batches
from phosphene.show.transform.between import Over, between
from phosphene.show.transform.hold import Holder
from phosphene.show.transform.items import Drawn, Frame, Picture, State
from phosphene.stream.conditioning import concat
from phosphene.video.flash import FlashLimiter


class Developer:
    """Decodes latents, holds pictures to the one before, puts lines back and holds back flashes.

    ``lines`` is the share of the source's fine lines, 0..1; ``limiter`` None lets every flash through.
    """

    def __init__(
        self,
        base: BasePipeline,
        holder: Holder,
        lines: float,
        limiter: FlashLimiter | None,
    ) -> None:
        self._base = base
        self._holder = holder
        self._lines = lines
        self._limiter = limiter
        self._shown: Frame | None = None
        self._last: Over | None = None
        self._waiting: list[Drawn] = []
        """pictures between the one drawn last and the next"""

    def run(self, drawn: Iterator[Drawn], batch: int) -> Generator[Picture, None, None]:
        """Pictures of all latents; up to ``batch`` share a call of the decoder."""
        for group in batches(drawn, batch):
            decoded = iter(self._decode([d.key for d in group if d.key is not None]))
            for item in group:
                again = item.sight is None and item.state is None
                if item.passed is not None or (again and self._waiting):
                    self._waiting.append(item)
                    continue
                over = None
                if item.sight is not None:
                    held = self._holder(next(decoded), item.sight.motion)
                    over = Over(item.shot.time, item.sight.grey, held)
                yield from self._between(over)
                if item.sight is not None and over is not None:
                    self._last = over
                    self._shown = with_lines(over.drawn, item.sight.image, self._lines)
                yield self._picture(item)
                if item.state is not None:
                    # a resumed segment knows nothing of it either
                    self._last = None
        yield from self._between(None)

    def _picture(self, item: Drawn) -> Picture:
        assert self._shown is not None
        image = self._shown if self._limiter is None else self._limiter(self._shown)
        return Picture(item.shot, image, self._dump(item.state))

    def _between(self, following: Over | None) -> Generator[Picture, None, None]:
        """The pictures that wait for the ``following`` one; None where none comes."""
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            # before a segment's first key, which was like what is shown, that stays
            if item.passed is not None and self._last is not None:
                seen = between(item.passed, item.shot.time, self._last, following)
                self._shown = with_lines(seen, item.passed, self._lines)
            yield self._picture(item)

    def restore(self, state: State) -> None:
        """Go on where the state of a picture was taken."""
        self._shown = state["shown"]
        self._holder.held = state.get("held")
        if self._limiter is not None:
            self._limiter.set_state(state["flashes"].tobytes())

    def _dump(self, state: State | None) -> State | None:
        """``state``, where there is one, with what this stage remembers."""
        if state is None or self._shown is None:
            return None
        own: State = {"shown": self._shown}
        if self._holder.held is not None:
            own["held"] = self._holder.held
        if self._limiter is not None:
            own["flashes"] = np.frombuffer(self._limiter.get_state(), np.uint8)
        return state | own

    def _decode(self, keys: list[Key]) -> Frames | list[Frame]:
        if not keys:
            return []
        latents = concat([key.latent for key in keys])
        colours = [key.palette for key in keys if key.palette is not None]
        return self._base.decode(
            self._base.as_model_dtype(latents), concat(colours) if colours else None
        )
