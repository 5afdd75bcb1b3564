"""A beat is held until another proves itself over bars."""

from __future__ import annotations

import math

import pytest

from phosphene.audio.live_lock import (
    FADE_SECONDS,
    HOLD_SECONDS,
    LATE_SECONDS,
    MARGIN,
    PROOFS,
    PROOFS_YOUNG,
    SURE,
    TempoLock,
)
from phosphene.audio.live_search import Estimate, Found, same_beats


def estimate(tempo: float, anchor: float = 0.0, confidence: float = 0.9) -> Estimate:
    return Estimate(tempo, anchor, confidence)


def found(
    tempo: float,
    lead: float = 0.0,
    *,
    held: bool = True,
    chance: float = 0.95,
    length: float = 24.0,
    confidence: float = 0.9,
) -> Found:
    """An answer; ``held``: the beats at 120 are a way to count it."""
    same = estimate(120) if held else None
    return Found(estimate(tempo, confidence=confidence), same, lead, chance, length)


def held(seconds: float) -> TempoLock:
    """A lock that has been confirmed every second for ``seconds``."""
    lock = TempoLock()
    for now in range(-1, int(seconds) + 1):
        lock.hear(found(120), float(now))
    assert lock.held is not None
    return lock


def test_two_sure_answers_that_agree_are_taken() -> None:
    lock = TempoLock()
    assert not lock.hear(None, 0.0)
    assert not lock.hear(found(120, length=4.5), 4.5)
    assert not lock.hear(found(90, length=5.5), 5.5)
    assert lock.held is None
    assert lock.confidence(5.5) == 0
    assert lock.hear(found(90, length=6.5), 6.5)
    assert lock.confidence(6.5) == 0.9


def test_in_doubt_it_waits_but_not_for_ever() -> None:
    lock = TempoLock()
    for now in range(4, 7):
        assert not lock.hear(found(86, chance=0.6, length=float(now)), float(now))
    # one answer of many, and later of any
    assert not lock.hear(found(129, chance=0.6, length=7.5), 7.5)
    assert lock.hear(found(86, chance=0.6, length=LATE_SECONDS), LATE_SECONDS)
    # what is no beat at all never is
    lock = TempoLock()
    for now in range(4, 40):
        assert not lock.hear(found(86, chance=0.9, confidence=0.2), float(now))


@pytest.mark.parametrize("lead", [0.5, MARGIN])
def test_a_small_lead_never_changes_an_octave(lead: float) -> None:
    lock = held(10)
    for now in range(11, 600):
        assert not lock.hear(found(240, lead), float(now))


@pytest.mark.parametrize("tempo", [60.0, 240.0, 180.0])
def test_an_old_octave_gives_way_to_long_evidence_only(tempo: float) -> None:
    lock, young = held(60), held(2)

    def seconds(of: TempoLock, begin: float) -> float:
        now = begin
        while not of.hear(found(tempo, 4.0), now) and now < begin + 100:
            now += 2
        return now - begin

    assert 8 <= seconds(lock, 61) < 30
    assert lock.held is not None
    assert lock.held.tempo == tempo
    assert seconds(young, 3) < 6


def test_leads_that_come_and_go_change_nothing() -> None:
    lock = held(60)
    for now in range(61, 400):
        # an answer now and then, as a break or a fill gives it
        lead = 4.0 if now % 24 < 6 else 0.0
        assert not lock.hear(found(240, lead), float(now)), now


@pytest.mark.parametrize(("age", "proofs"), [(2.0, PROOFS_YOUNG), (60.0, PROOFS)])
def test_another_pulse_must_say_it_again(age: float, proofs: int) -> None:
    lock = held(age)
    for proof in range(1, proofs):
        assert not lock.hear(found(95, held=False), age + proof), proof
    assert lock.held is not None
    assert lock.held.tempo == 120
    assert lock.hear(found(95, held=False), age + proofs)
    assert lock.held.tempo == 95


def test_another_pulse_is_believed_sooner_when_the_latest_seconds_have_it() -> None:
    lock = held(60)
    lock.suspect(60.0)
    answers = [lock.hear(found(95, held=False), 61.0 + k) for k in range(PROOFS_YOUNG)]
    assert answers == [False] * (PROOFS_YOUNG - 1) + [True]


def test_a_contradiction_in_between_starts_over() -> None:
    lock = held(60)
    for now, tempo in enumerate((95, 95, 120, 95, 95), start=61):
        assert not lock.hear(found(tempo, held=tempo == 120), float(now))
    for now, tempo in enumerate((140, 95, 140, 95), start=70):
        assert not lock.hear(found(tempo, held=False), float(now))


def test_another_pulse_that_is_unsure_says_nothing() -> None:
    lock = held(60)
    for now in range(61, 75):
        assert not lock.hear(found(95, held=False, chance=SURE - 0.1), float(now))
    assert lock.held is not None
    assert lock.held.tempo == 120


def test_off_beat_is_another_beat() -> None:
    assert same_beats(estimate(120, 1.0), estimate(120.2, 21.02))
    assert not same_beats(estimate(120, 1.0), estimate(120, 21.25))
    assert not same_beats(estimate(120), estimate(126))


def test_what_nothing_confirms_fades() -> None:
    lock = held(30)
    assert lock.confidence(30 + HOLD_SECONDS) == 0.9
    assert lock.confidence(30 + HOLD_SECONDS + FADE_SECONDS / 2) == pytest.approx(0.45)
    assert lock.confidence(30 + HOLD_SECONDS + FADE_SECONDS) == 0
    lock.drop()
    assert lock.held is None


def test_after_a_silence_another_beat_is_believed_sooner() -> None:
    lock = held(60)
    assert lock.settled(60.0)
    lock.unsettle(60.0)
    assert not lock.settled(60.0)
    answers = [lock.hear(found(95, held=False), 61.0 + k) for k in range(PROOFS_YOUNG)]
    assert answers[-1]
    assert math.isclose(lock.doubt, 0.0)
