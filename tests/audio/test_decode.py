"""Every kind of file, good and bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phosphene.audio import AudioAnalyzer
from phosphene.audio.decode import decode
from phosphene.errors import InputError

from . import songs
from .conftest import CODECS, Encoder


def tone(rate: int, seconds: float, channels: int = 1) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


@pytest.mark.parametrize("kind", CODECS)
def test_formats_give_the_same_song(kind: str, encoder: Encoder, song: songs.Song) -> None:
    sound = decode(encoder(f"song.{kind}", song.samples), 22050)
    assert sound.source_rate == (48000 if kind == "ogg" else songs.RATE)
    assert sound.channels == 1
    # lossy codecs pad at the ends
    assert sound.duration == pytest.approx(12.0, abs=0.1)
    assert len(sound.samples) == pytest.approx(12 * 22050, abs=2400)
    count = 11 * 22050
    best = max(
        np.corrcoef(sound.samples[lag : lag + count : 5], song.samples[:count:5])[0, 1]
        for lag in (0, 529, 1024, 1105, 2048, 2112)
    )
    assert best > 0.95


def test_sound_of_a_video(encoder: Encoder) -> None:
    sound = decode(encoder("clip.mp4", tone(44100, 2, 2), 44100, "aac", picture=True), 22050)
    assert (sound.source_rate, sound.channels) == (44100, 2)
    assert sound.duration == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (96000, 6), (48000, 2)])
def test_any_rate_and_channels(rate: int, channels: int, encoder: Encoder) -> None:
    sound = decode(encoder("tone.wav", tone(rate, 1.0, channels), rate), 22050)
    assert (sound.source_rate, sound.channels) == (rate, channels)
    assert sound.duration == pytest.approx(1.0, abs=1e-6)
    assert len(sound.samples) == pytest.approx(22050, abs=64)
    spectrum = np.abs(np.fft.rfft(sound.samples[:22050]))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_nan_and_infinite_samples_are_silent(encoder: Encoder) -> None:
    wave = tone(44100, 1.0)
    wave[10000:10100] = np.nan
    wave[20000] = np.inf
    wave[30000] = -np.inf
    sound = decode(encoder("nan.wav", wave, 44100, "pcm_f32le"), 22050)
    assert np.isfinite(sound.samples).all()
    assert np.abs(sound.samples[5002:5048]).max() < 0.3
    assert np.abs(sound.samples[:4900]).max() == pytest.approx(0.5, abs=0.02)
    # the damage stays where it is
    assert np.corrcoef(sound.samples[5200:9900], sound.samples[15200:19900])[0, 1] != 0


def test_absurdly_hot_samples_do_not_overflow(encoder: Encoder) -> None:
    sound = decode(encoder("hot.wav", tone(22050, 1.0) * 1e30, 22050, "pcm_f32le"), 22050)
    assert np.abs(sound.samples).max() == pytest.approx(1.0, abs=0.01)


def test_tenth_of_a_second(encoder: Encoder) -> None:
    features = AudioAnalyzer().analyze(encoder("blip.wav", tone(44100, 0.1), 44100))
    assert features.duration == pytest.approx(0.1)
    assert features.num_frames == 3
    assert features.tempo == 0


def test_truncated_mp3_gives_what_is_there(encoder: Encoder, song: songs.Song) -> None:
    whole = encoder("song.mp3", song.samples)
    cut = whole.with_name("cut.mp3")
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 55 // 100])
    assert 5.0 < decode(cut, 22050).duration < 8.0


def test_damaged_middle_is_skipped(encoder: Encoder, song: songs.Song) -> None:
    path = encoder("song.mp3", song.samples)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(bytes(data))
    assert decode(path, 22050).duration > 10.0


def test_odd_file_names(encoder: Encoder, tmp_path: Path) -> None:
    path = encoder("tone.wav", tone(22050, 0.5))
    for name in ("http:x.wav", "a song, ü #1 %d.wav", "-y.wav"):
        moved = path.rename(tmp_path / name)
        assert decode(moved, 22050).duration == pytest.approx(0.5)
        path = moved


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda d: d / "nothing.mp3", "does not exist"),
        (lambda d: d, "is a folder"),
        (lambda d: _write(d / "empty.mp3", b""), "is an empty file"),
        (lambda d: _write(d / "text.mp3", b"these are words, not music\n" * 40), "mp3"),
        (lambda d: _write(d / "noise.wav", bytes(range(256)) * 20), "wav"),
        (lambda d: _write(d / "header.wav", b"RIFF\x24\x00\x00\x00WAVEfmt "), "wav"),
        (lambda d: d / "nul\0name.mp3", "nul"),
    ],
    ids=["missing", "folder", "empty", "text", "noise", "header only", "nul"],
)
def test_bad_input_is_one_clear_sentence(make, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        decode(make(tmp_path), 22050)
    message = str(caught.value)
    assert says in message
    assert message.endswith(".")
    assert "\n" not in message


def test_video_without_sound(encoder: Encoder, tmp_path: Path) -> None:
    import av

    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        out.mux(video.encode(image))
        out.mux(video.encode())
    with pytest.raises(InputError, match="no sound in it"):
        decode(path, 22050)


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
