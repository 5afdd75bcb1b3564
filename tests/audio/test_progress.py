"""How far a long job is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.audio import AudioAnalyzer
from phosphene.audio.progress import STEP, in_steps, part
from phosphene.config import AudioConfig

from . import songs
from .conftest import CODECS, Encoder


@given(st.lists(st.floats(0, 2), max_size=200))
def test_steps_rise_and_are_worth_telling(shares: list[float]) -> None:
    told: list[float] = []
    tell = in_steps(told.append)
    for share in [*shares, 1.0, 1.0]:
        tell(share)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert told.count(1.0) == 1
    assert len(told) <= 1 / STEP + 2


def test_a_part_is_a_stretch_of_the_whole() -> None:
    told: list[float] = []
    first = part(part(told.append, 0.5, 1.0), 0.0, 0.5)
    for share in (0.0, 0.5, 1.0):
        first(share)
    assert told == [0.5, 0.625, 0.75]


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("backend", ["numpy", "librosa"])
def test_a_song_is_heard_step_by_step(kind: str, backend: str, encoder: Encoder) -> None:
    if backend == "librosa":
        pytest.importorskip("librosa", reason="the librosa backend needs the extra [librosa]")
    song = songs.make_song("rock", 120.0, 40.0)
    told: list[float] = []
    analyzer = AudioAnalyzer(AudioConfig(backend=backend))
    analyzer.analyze(encoder(f"song.{kind}", song.samples), progress=told.append)
    assert told[0] == 0.0
    assert told[-1] == 1.0
    assert told == sorted(told)
    # decoding and hearing are both seen
    assert sum(share < 0.4 for share in told) > 5
    assert sum(0.4 < share < 1 for share in told) >= (5 if backend == "numpy" else 2)


def test_what_watches_may_end_it(encoder: Encoder, song: songs.Song) -> None:
    def enough(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        AudioAnalyzer().analyze(encoder("song.wav", song.samples), progress=enough)
