"""Pictures and how long each is shown: cut, thinned out and resampled without losing the time.

A sequence of :class:`Shown` is without gaps and in order; so is what every function here gives.
Times are exact fractions of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Shown(Generic[T]):
    """A picture and the time it is on the screen."""

    begin: Fraction
    """seconds"""
    end: Fraction
    """seconds; not shown any more"""
    picture: T


def window(
    shown: Iterable[Shown[T]], start: Fraction, duration: Fraction | None
) -> Iterator[Shown[T]]:
    """The stretch from ``start``, ``duration`` seconds long or to the end, with ``start`` at 0.

    It begins with the picture that is on the screen at ``start``.
    """
    for item in shown:
        if duration is not None and item.begin >= start + duration:
            return
        if item.end <= start:
            continue
        end = item.end if duration is None else min(item.end, start + duration)
        yield Shown(max(item.begin - start, Fraction(0)), end - start, item.picture)


def every(shown: Iterable[Shown[T]], skip: int) -> Iterator[Shown[T]]:
    """One picture, then ``skip`` left out, over and over; each stays for those it stands for."""
    held: Shown[T] | None = None
    for index, item in enumerate(shown):
        if index % (skip + 1) == 0:
            if held is not None:
                yield held
            held = item
        elif held is not None:
            held = replace(held, end=item.end)
    if held is not None:
        yield held


def resample(shown: Iterable[Shown[T]], rate: Fraction) -> Iterator[Shown[T]]:
    """An even ``rate``: for each tick the picture that is on the screen half way through it.

    The same picture comes again where ticks are closer than pictures. The length is kept to half a
    tick, and is one tick at least.
    """
    first: Shown[T] | None = None
    tick = 0
    for item in shown:
        first = first or item
        start = first.begin
        # of ticks whose middle lies before `end`; times rounded by a container do no harm there
        ticks = ceil((item.end - start) * rate - Fraction(1, 2))
        for k in range(tick, ticks):
            yield Shown(start + k / rate, start + (k + 1) / rate, item.picture)
        tick = max(tick, ticks)
    if first is not None and not tick:
        yield replace(first, end=first.begin + 1 / rate)
