"""A tempo is held until another proves itself."""

from __future__ import annotations

import pytest

from phosphene.audio.live_lock import (
    FADE_SECONDS,
    HOLD_SECONDS,
    PROOFS,
    PROOFS_FAINT,
    PROOFS_YOUNG,
    TempoLock,
    same_beats,
)
from phosphene.audio.live_search import Estimate


def estimate(tempo: float, anchor: float = 0.0, confidence: float = 0.6) -> Estimate:
    return Estimate(tempo, anchor, confidence, outdated=False)


def held(seconds: float) -> TempoLock:
    """A lock that has been confirmed every second for ``seconds``."""
    lock = TempoLock()
    for now in range(int(seconds) + 1):
        lock.hear(estimate(120, anchor=now), float(now))
    return lock


def test_the_first_sure_estimate_is_taken() -> None:
    lock = TempoLock()
    assert not lock.hear(None, 0.0)
    assert not lock.hear(estimate(100, confidence=0.1), 1.0)
    assert lock.held is None
    assert lock.confidence(1.0) == 0
    assert lock.hear(estimate(120), 2.0)
    assert lock.confidence(2.0) == 0.6


def test_faint_estimates_must_agree_to_be_taken() -> None:
    lock = TempoLock()
    for now in range(PROOFS_FAINT - 1):
        assert not lock.hear(estimate(86, confidence=0.17), float(now))
    lock.hear(None, 5.0)
    for now in range(10, 9 + PROOFS_FAINT):
        assert not lock.hear(estimate(86, confidence=0.17), float(now))
    assert lock.hear(estimate(86, confidence=0.17), 9.0 + PROOFS_FAINT)
    # and cannot overthrow what is held
    for now in range(20, 30):
        assert not lock.hear(estimate(100, confidence=0.17), float(now))


@pytest.mark.parametrize(("age", "proofs"), [(2.0, PROOFS_YOUNG), (60.0, PROOFS)])
def test_another_tempo_must_say_it_again(age: float, proofs: int) -> None:
    lock = held(age)
    for proof in range(1, proofs):
        assert not lock.hear(estimate(95), age + proof), proof
    assert lock.held is not None
    assert lock.held.tempo == 120
    assert lock.hear(estimate(95), age + proofs)
    assert lock.held.tempo == 95


def test_a_contradiction_in_between_starts_over() -> None:
    lock = held(60)
    for now, tempo in enumerate((95, 95, 120, 95, 95), start=61):
        assert not lock.hear(estimate(tempo), float(now))
    for now, tempo in enumerate((140, 95, 140, 95), start=70):
        lock.hear(estimate(tempo), float(now))
    assert lock.held is not None
    assert lock.held.tempo == 120


def test_off_beat_is_another_beat() -> None:
    assert same_beats(estimate(120, 1.0), estimate(120.2, 21.02))
    assert not same_beats(estimate(120, 1.0), estimate(120, 21.25))
    assert not same_beats(estimate(120), estimate(126))


def test_what_nothing_confirms_fades() -> None:
    lock = held(30)
    assert lock.confidence(30 + HOLD_SECONDS) == 0.6
    assert lock.confidence(30 + HOLD_SECONDS + FADE_SECONDS / 2) == pytest.approx(0.3)
    assert lock.confidence(30 + HOLD_SECONDS + FADE_SECONDS) == 0
    lock.drop()
    assert lock.held is None


def test_trust_grows_with_age_and_doubt_takes_it() -> None:
    trust = [held(age).trust(age) for age in (2.0, 10.0, 16.0, 60.0)]
    assert trust == sorted(trust)
    assert (trust[0], trust[-1]) == (0.0, 1.0)
    lock = held(60)
    assert lock.settled(60.0)
    lock.doubt(60.0)
    assert lock.trust(60.0) == 0
    assert not lock.settled(60.0)


def test_the_double_inherits_the_age() -> None:
    lock = held(60)
    for now in range(61, 61 + PROOFS):
        lock.hear(estimate(240), float(now))
    assert lock.held is not None
    assert lock.held.tempo == 240
    assert lock.trust(64.0) == 1.0
