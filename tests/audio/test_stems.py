"""Stems that were made: each drives what is its own. Taking apart fetches nothing by itself."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import write_wav
from phosphene.audio.stems import made_stems, separated, with_stems
from phosphene.config import AudioConfig
from phosphene.errors import InputError, ModelError
from phosphene.show.analysis import analyze

RATE, SECONDS = 22050, 8.0


@pytest.fixture
def song(tmp_path):
    """Drums every half second, bass in the middle, a voice in the second half; the mix hides them."""
    time = np.arange(round(RATE * SECONDS)) / RATE
    noise = np.random.default_rng(5).normal(size=len(time))
    drums = 0.5 * noise * np.exp(-40 * (time % 0.5))
    bass = 0.5 * np.sin(2 * np.pi * 55 * time) * ((time > 3) & (time < 5))
    vocals = 0.4 * np.sin(2 * np.pi * 440 * time + 3 * np.sin(2 * np.pi * 5 * time)) * (time > 4)
    hum = 0.3 * np.sin(2 * np.pi * 70 * time)
    folder = tmp_path / "stems"
    folder.mkdir()
    for name, samples in (("drums", drums), ("Bass", bass), ("vocals", vocals), ("other", hum)):
        write_wav(folder / f"{name}.wav", samples.astype(np.float32), RATE)
    path = tmp_path / "song.wav"
    write_wav(path, (0.4 * (drums + bass + vocals + hum)).astype(np.float32), RATE)
    return path, folder


def test_each_stem_drives_its_own(song) -> None:
    path, folder = song
    config = AudioConfig()
    mix = AudioAnalyzer(config).analyze(path)
    assert not mix.vocals.any()
    apart = with_stems(mix, made_stems(folder), config)
    time = np.arange(apart.num_frames) / apart.fps
    assert apart.vocals[time > 4.5].min() > 0.5 > 0.05 > apart.vocals[time < 3.5].max()
    middle = (time > 3.4) & (time < 4.9)
    assert apart.bass[middle].mean() > 3 * apart.bass[time < 2.9].mean() + 0.1
    assert mix.bass[middle].mean() < 3 * mix.bass[time < 2.9].mean()
    near = np.abs((time + 0.25) % 0.5 - 0.25) < 0.06
    struck = np.diff(apart.onset_strength, prepend=0) > 0.3
    assert struck.sum() >= 14 and near[struck].all()
    # the mix still counts
    assert apart.tempo == mix.tempo and np.array_equal(apart.beat_position, mix.beat_position)


def test_a_silent_stem_drives_nothing(song) -> None:
    path, folder = song
    write_wav(folder / "vocals.wav", np.zeros(RATE, np.float32), RATE)
    mix = AudioAnalyzer(AudioConfig()).analyze(path, 1.0, 4.0)
    apart = with_stems(mix, made_stems(folder), AudioConfig())
    assert not apart.vocals.any() and apart.num_frames == mix.num_frames


def test_the_command_and_what_is_missing(song, tmp_path, monkeypatch) -> None:
    path, folder = song
    assert "voices: " in analyze(str(path), AudioConfig(), None, None, False, str(folder))
    (folder / "drums.wav").unlink()
    with pytest.raises(InputError, match="lacks drums"):
        made_stems(folder)
    with pytest.raises(InputError, match="no folder of stems"):
        made_stems(path)
    # without weights nothing is fetched, and the sentence says what fetches them
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    with pytest.raises(ModelError, match="phosphene models pull htdemucs"):
        separated(path, tmp_path / "new")
