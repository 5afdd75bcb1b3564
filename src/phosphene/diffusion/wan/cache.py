"""Keys and values of past latent frames: a few that stay for ever, and a ring of the latest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Tensor = Any
EMPTY = -1
"""of a slot that holds no frame"""


class KeyValueCache:
    """For every layer the keys and values of ``sink + window`` latent frames, in as many slots.

    A frame's slot follows from its number alone: the first ``sink`` frames keep theirs, the others take
    turns. So writing a frame evicts the one ``window`` before it, writing it again overwrites it, and
    nothing is ever moved. Keys lie here as they are before rotation; who reads them turns them by where they
    are then, so positions do not grow with the stream.

    Rows are streams of their own, one a step of a stream batch.

    Args:
        like: a tensor of the network's dtype and device.
        shape: (layers, tokens of a frame, heads, width of a head).
    """

    def __init__(
        self, like: Tensor, shape: tuple[int, int, int, int], sink: int, window: int, rows: int = 1
    ) -> None:
        layers, *frame = shape
        self.sink, self.window = sink, window
        self.keys = [like.new_zeros((rows, sink + window, *frame)) for _ in range(layers)]
        self.values = [like.new_zeros((rows, sink + window, *frame)) for _ in range(layers)]
        self.frames = [[EMPTY] * (sink + window) for _ in range(rows)]
        """of every row, the latent frame in each slot"""

    @property
    def rows(self) -> int:
        """Streams side by side."""
        return len(self.frames)

    @property
    def bytes(self) -> int:
        """Memory that is held, whatever is in it."""
        return sum(each.numel() * each.element_size() for each in (*self.keys, *self.values))

    def slot(self, frame: int) -> int:
        """Where a latent frame lies."""
        return frame if frame < self.sink else self.sink + (frame - self.sink) % self.window

    def claim(self, row: int, frames: Sequence[int]) -> list[int]:
        """Give ``frames`` of a row their slots; what lay there is gone."""
        slots = [self.slot(frame) for frame in frames]
        for slot, frame in zip(slots, frames, strict=True):
            self.frames[row][slot] = frame
        return slots

    def positions(self, row: int) -> list[int]:
        """Of every slot, how many held frames are older: 0.. for the sink, the highest for the newest."""
        held = self.frames[row]
        ranks = {frame: rank for rank, frame in enumerate(sorted(f for f in held if f != EMPTY))}
        return [ranks.get(frame, EMPTY) for frame in held]

    def forget(self, *, keep_sink: bool) -> None:
        """Empty every row, but for the frames that stay for ever if they are to."""
        for held in self.frames:
            for slot in range(self.sink if keep_sink else 0, len(held)):
                held[slot] = EMPTY

    def spread(self, row: int = 0) -> None:
        """Let every row be what one of them is."""
        for each in (*self.keys, *self.values):
            each[:] = each[row].clone()
        self.frames = [list(self.frames[row]) for _ in self.frames]
