"""The third stage for models that draw chunks: a few pictures are drawn over together."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from phosphene.config import PipelineConfig
from phosphene.diffusion.chunk import ChunkOptions, ChunkPipeline, as_planes
from phosphene.diffusion.stream import Key
from phosphene.show.transform.items import Drawn, Frame, Motif, Sight, State

LAST = "chunk"
"""the picture drawn last, among what the stages remember"""


class ChunkPainter:
    """Turns motifs into finished pictures, each chunk hanging on those before it.

    Where a segment ends the stream begins anew with the picture drawn last, so that a resumed video is the
    same and its states stay small; what a chunk lacks there is its last picture again.
    """

    def __init__(self, base: ChunkPipeline, config: PipelineConfig) -> None:
        self._base, self._config = base, config
        self._stream: Any = None
        self._last: Frame | None = None
        self.drawn = 0
        """pictures drawn, not shown again"""

    def run(self, motifs: Iterator[Motif], batch: int) -> Generator[Drawn, None, None]:
        """Pictures for all motifs; ``batch`` does not matter, the model has its own."""
        waiting: list[Motif] = []
        for motif in motifs:
            waiting.append(motif)
            if motif.shot.keep:
                yield from self._draw(waiting)
                self._stream, waiting = None, []
            elif sum(each.sight is not None for each in waiting) == self._wanted(waiting):
                yield from self._draw(waiting)
                waiting = []
        yield from self._draw(waiting)

    def restore(self, state: State) -> None:
        """Go on where the state of a picture was taken."""
        self._last = state.get(LAST)

    def _options(self) -> ChunkOptions:
        frames = self._config.stream.chunk_frames
        return ChunkOptions(
            steps=self._config.transform.steps, frames=None if frames == "auto" else frames
        )

    def _wanted(self, waiting: list[Motif]) -> int:
        sight = next((each.sight for each in waiting if each.sight is not None), None)
        if sight is None:
            return -1
        self._follow(sight)
        return self._base.pictures(self._stream, self._options())

    def _follow(self, sight: Sight) -> None:
        """A stream that is told what a picture is to be drawn as."""
        if self._stream is None:
            first = None if self._last is None else self._last[None]
            self._stream = self._base.open(sight.embeds, self._config.inference.seed, first)
        self._base.change(self._stream, sight.embeds, self._config.stream.prompt_change)

    def _draw(self, waiting: list[Motif]) -> Generator[Drawn, None, None]:
        sights = [each.sight for each in waiting if each.sight is not None]
        keys: list[Key] = []
        while len(keys) < len(sights):
            left = sights[len(keys) :]
            self._follow(left[0])
            wanted = self._base.pictures(self._stream, self._options())
            over = np.stack([each.image for each in left[:wanted]])
            over = np.concatenate([over, *[over[-1:]] * (wanted - len(over))])
            pictures = self._base.generate(self._stream, over, left[0].strength, self._options())
            keys += [Key(as_planes(picture[None])) for picture in pictures[: len(left)]]
            self._last = pictures[min(len(left), wanted) - 1]
        self.drawn += len(keys)
        given = iter(keys)
        for motif in waiting:
            state = motif.state
            if state is not None and self._last is not None:
                state = state | {LAST: self._last}
            key = next(given) if motif.sight is not None else None
            yield Drawn(motif.shot, motif.sight, key, state)
