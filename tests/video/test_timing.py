"""Cutting, thinning out and resampling keep the time, whatever the times are."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from phosphene.video.timing import Shown, every, resample, window

lengths = st.lists(st.integers(1, 400), min_size=1, max_size=60)
milliseconds = st.integers(0, 5000).map(lambda ms: Fraction(ms, 1000))
rates = st.sampled_from(
    [Fraction(1), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(120)]
)


def sequence(lengths: list[int], offset: Fraction = Fraction(0)) -> list[Shown[int]]:
    """Pictures 0, 1, 2 ... of these lengths in milliseconds."""
    out, begin = [], offset
    for number, length in enumerate(lengths):
        end = begin + Fraction(length, 1000)
        out.append(Shown(begin, end, number))
        begin = end
    return out


def on_screen(shown: list[Shown[int]], time: Fraction) -> int | None:
    return next((s.picture for s in shown if s.begin <= time < s.end), None)


def gapless(shown: list[Shown[int]]) -> bool:
    return all(a.end == b.begin and a.begin < a.end for a, b in pairwise(shown))


@given(lengths, milliseconds, st.none() | milliseconds.filter(bool), milliseconds)
def test_a_window_shows_what_was_on_the_screen(lengths, start, duration, probe) -> None:
    whole = sequence(lengths)
    part = list(window(whole, start, duration))
    assert gapless(part)
    if duration is None or probe < duration:
        assert on_screen(part, probe) == on_screen(whole, start + probe)
    if part:
        assert part[0].begin == 0
        left = whole[-1].end - start
        assert part[-1].end == (left if duration is None else min(left, duration))


def test_a_window_keeps_a_late_beginning() -> None:
    late = sequence([100, 100], Fraction(1, 2))
    assert next(iter(window(late, Fraction(0), None))).begin == Fraction(1, 2)


@given(lengths, st.integers(0, 7))
def test_skipping_keeps_every_time(lengths, skip) -> None:
    whole = sequence(lengths)
    part = list(every(whole, skip))
    assert gapless(part)
    assert [s.picture for s in part] == list(range(0, len(whole), skip + 1))
    assert [s.begin for s in part] == [s.begin for s in whole[:: skip + 1]]
    assert part[-1].end == whole[-1].end


@given(lengths, rates, milliseconds)
def test_resampling_is_even_and_keeps_the_length(lengths, rate, offset) -> None:
    whole = sequence(lengths, offset)
    part = list(resample(whole, rate))
    assert gapless(part)
    assert all(s.end - s.begin == 1 / rate for s in part)
    assert part[0].begin == offset
    if whole[-1].end - offset <= 1 / rate / 2:
        assert len(part) == 1
        return
    assert abs(part[-1].end - whole[-1].end) <= 1 / rate / 2
    for s in part:
        assert on_screen(whole, (s.begin + s.end) / 2) == s.picture


def test_the_same_rate_changes_nothing_even_with_rounded_times() -> None:
    """Matroska stores 33, 67, 100 ms for 30 frames a second."""
    rounded = [Fraction(round(1000 * k / 30), 1000) for k in range(301)]
    whole = [Shown(a, b, k) for k, (a, b) in enumerate(pairwise(rounded))]
    assert [s.picture for s in resample(whole, Fraction(30))] == list(range(300))
