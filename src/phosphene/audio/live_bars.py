"""Bars of a live count: which of its beats begin one, held until others prove themselves."""

from __future__ import annotations

import numpy as np

from phosphene.audio.bars import WAYS, name_metre
from phosphene.audio.pulse import Float64Array

MEMORY = 8.0
"""answers after which what was said is half forgotten: windows overlap, so it is told again and again"""
LEAD = 1.0
"""natural log of odds by which other bars must lead to replace those that are counted"""
PROOFS = 3
"""answers in a row for which they must"""
PHRASE_BARS = 8


class LiveBars:
    """Bars counted on top of a beat count.

    The music's beats are numbered; one of them is ``scale`` of the count (more or less than one when the
    performer doubles or halves it), and number 0 is at ``offset`` of the count.
    """

    def __init__(self) -> None:
        self.count = 4
        """the music's beats in a bar"""
        self.metre = 4
        self.bar = 0
        """bars counted so far"""
        self.position = 0.0
        """counted beats since the bar began"""
        self._first = 0
        # other bars that take over at their next beginning
        self._next: tuple[int, int] | None = None
        self._scale, self._offset = 1.0, 0.0
        self._scores = np.zeros(len(WAYS))
        self._weight = 0.0
        self._proofs = 0
        self._known = False
        self._before = 0.0

    @property
    def phrase(self) -> int:
        """phrases counted so far"""
        return self.bar // PHRASE_BARS

    @property
    def length(self) -> int:
        """counted beats in a bar"""
        return max(1, round(self.count * self._scale))

    def forget(self) -> None:
        """Other music, or another count of it: what was said about its bars is void."""
        self._scores[:], self._weight, self._proofs, self._known = 0.0, 0.0, 0, False

    def hear(self, scores: Float64Array, where: float, ternary: float, scale: float) -> None:
        """Take the scores of a window whose beat 0 is at ``where`` of the count; see :data:`WAYS`."""
        first = self._number(where, scale)
        keep = 0.5 ** (1 / MEMORY)
        turned = np.asarray(
            [scores[WAYS.index((count, (place - first) % count))] for count, place in WAYS]
        )
        self._scores = self._scores * keep + (turned - turned.max())
        self._weight = self._weight * keep + 1
        mean = self._scores / self._weight
        top = int(mean.argmax())
        here = WAYS.index(self._next or (self.count, self._first))
        if not self._known:
            # where a bar of so many beats begins is anyone's guess so far
            here = max((k for k, way in enumerate(WAYS) if way[0] == self.count), key=mean.item)
            self._next = WAYS[here]
        ahead = mean[top] - mean[here] > LEAD
        self._proofs = self._proofs + 1 if ahead else 0
        if self._proofs >= (PROOFS if self._known else 1):
            self._proofs, self._next = 0, WAYS[top]
        self._known = True
        self.metre = name_metre((self._next or WAYS[here])[0], ternary)

    def begin_at(self, where: float, scale: float) -> None:
        """A bar begins at ``where`` of the count: the performer says so."""
        self.forget()
        self._first, self._next = self._number(where, scale) % self.count, None
        self._known = True

    def go(self, position: float) -> bool:
        """Go on to ``position`` of the count; True when a bar begins."""
        before, self._before = self._before, position
        place, begun = self._place(before, position, self.count, self._first)
        if self._next is not None:
            other, starts = self._place(before, position, *self._next)
            if starts:
                (self.count, self._first), self._next = self._next, None
                place, begun = other, True
        self.bar += begun
        self.position = place
        return begun

    def _number(self, where: float, scale: float) -> int:
        """Number of the music's beat at ``where`` of the count."""
        if scale != self._scale:
            self._scale, self._offset = scale, float(round(where) % max(round(scale), 1))
            self.forget()
        return round((where - self._offset) / scale)

    def _place(self, before: float, now: float, count: int, first: int) -> tuple[float, bool]:
        """(counted beats since a bar of so many beats began, whether one has begun)."""
        then, place = (
            (position - self._offset) / self._scale - first for position in (before, now)
        )
        begun = place // count > then // count
        return place % count * self._scale, bool(begun)
