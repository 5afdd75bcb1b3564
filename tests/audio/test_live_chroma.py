"""Harmony as it comes, in whatever tuning."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.audio.live_ear import LiveChroma

RATE = 22050


def chord(notes: tuple[int, ...], tuning: float, count: int) -> np.ndarray:
    times = np.arange(count) / RATE
    pitches = [tuning * 2 ** ((note - 69) / 12) for note in notes]
    return sum(0.1 * np.sin(2 * np.pi * pitch * times) for pitch in pitches).astype(np.float32)


@pytest.mark.parametrize("tuning", [440.0, 432.0, 447.0])
@pytest.mark.parametrize("notes", [(60, 64, 67), (57, 60, 64)])
def test_chords_in_any_tuning(tuning: float, notes: tuple[int, ...]) -> None:
    chroma = LiveChroma(RATE)
    sound = chord(notes, tuning, chroma.length)
    for _ in range(20):
        chroma.hear(sound[None], 0.2, 0.1)
    wanted = {note % 12 for note in notes}
    assert set(np.argsort(chroma.value)[-3:].tolist()) == wanted
    assert chroma.value.max() == 1
    assert np.delete(chroma.value, sorted(wanted)).max() < 0.15


def test_silence_has_no_harmony() -> None:
    chroma = LiveChroma(RATE)
    chroma.hear(chord((60, 64, 67), 440.0, chroma.length)[None], 0.2, 0.1)
    chroma.hear(np.zeros((1, chroma.length), np.float32), 0.2, 0.1)
    assert not chroma.value.any()
    assert not chroma.strength.any()


def test_another_tuning_is_learnt_while_the_old_one_is_forgotten() -> None:
    chroma = LiveChroma(RATE)
    for tuning, steps in ((440.0, 200), (447.0, 600)):
        sound = chord((69,), tuning, chroma.length)
        for _ in range(steps):
            chroma.hear(sound[None], 0.2, 0.1)
    assert chroma.value[9] == 1
    assert np.delete(chroma.value, 9).max() < 0.05
