"""Sound as strangers' files hold it: gaps, changing rates, odd layouts, opposed channels, days of silence."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.audio.analyzer import AudioAnalyzer
from phosphene.audio.decode import decode
from phosphene.errors import InputError
from phosphene.sound_file import STEREO, Block, SoundFile, to_stereo
from phosphene.video.sound import Song
from tests.video.media import make_song

RATE = 8000


def beeps(seconds: float, rate: int = RATE) -> np.ndarray:
    """A beep of 50 ms at every whole second, the first at 1; (n,) float32."""
    time = np.arange(round(seconds * rate)) / rate
    return np.where((time >= 1) & (time % 1 < 0.05), 0.5 * np.sin(2500 * time), 0).astype(
        np.float32
    )


def onsets(samples: np.ndarray, rate: int) -> np.ndarray:
    """Seconds at which beeps begin, to 10 ms."""
    step = rate // 100
    loud = np.abs(samples[: len(samples) // step * step]).reshape(-1, step).max(axis=1) > 0.2
    return np.flatnonzero(loud[1:] & ~loud[:-1]) / 100 + 0.01


def write(path: Path, parts: list[tuple[float, np.ndarray]], codec: str, rate: int = RATE) -> Path:
    """Stretches of mono sound, each at its time in seconds."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.layout = "mono"
        size = stream.codec_context.frame_size or 400
        for at, samples in parts:
            for begin in range(0, len(samples), size):
                values = samples[None, begin : begin + size]
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray((values * 32767).astype(np.int16)), "s16", "mono"
                )
                frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
                frame.pts = round(at * rate) + begin
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def song_of(path: Path, seconds: float) -> np.ndarray:
    """(n,) the sound as it is put under a video."""
    song = Song(path)
    try:
        blocks = list(song.read(0.0, round(seconds * song.format.rate)))
    finally:
        song.close()
    return np.concatenate(blocks, axis=1)[0]


@pytest.mark.parametrize(
    ("name", "codec"), [("a.flv", "pcm_mulaw"), ("a.mkv", "pcm_s16le"), ("a.nut", "pcm_s16le")]
)
def test_a_gap_in_the_time_stamps_is_silent(tmp_path: Path, name: str, codec: str) -> None:
    whole = beeps(8)
    first, last = whole[: round(2.5 * RATE)], whole[round(4.4 * RATE) :]
    path = write(tmp_path / name, [(0.0, first), (4.4, last)], codec)
    for samples in (decode(path, RATE).samples, song_of(path, 8.0)):
        assert np.allclose(onsets(samples, RATE), [1, 2, 5, 6, 7], atol=0.03)
    assert decode(path, RATE).duration == pytest.approx(8.0, abs=0.06)


def test_overlaps_in_the_time_stamps_are_cut(tmp_path: Path) -> None:
    """Every packet begins before the one before it has ended: what is said about time counts."""
    whole, squeezed = beeps(10), 0.9
    parts = [(squeezed * k * 0.2, whole[k * RATE // 5 : (k + 1) * RATE // 5]) for k in range(50)]
    heard = decode(write(tmp_path / "a.mkv", parts, "pcm_s16le"), RATE)
    assert heard.duration == pytest.approx(9.0, abs=0.06)
    assert np.allclose(onsets(heard.samples, RATE), squeezed * np.arange(1, 10), atol=0.06)


def test_drift_is_followed(tmp_path: Path) -> None:
    """A recorder whose sound clock is 0.15 % slow: after a minute it would be 90 ms off."""
    slow = 1.0015
    whole = beeps(60)
    parts = [(slow * k * 0.05, whole[k * RATE // 20 : (k + 1) * RATE // 20]) for k in range(1200)]
    heard = onsets(decode(write(tmp_path / "a.mkv", parts, "pcm_s16le"), RATE).samples, RATE)
    assert np.allclose(heard, slow * np.arange(1, 60), atol=0.03)


@pytest.mark.parametrize(("first", "second"), [(44100, 22050), (22050, 44100), (48000, 32000)])
def test_the_rate_may_change_in_the_middle(tmp_path: Path, first: int, second: int) -> None:
    for name, rate in (("a.mp3", first), ("b.mp3", second)):
        make_song(tmp_path / name, rate, 2, 3.0)
    path = tmp_path / "joined.mp3"
    path.write_bytes((tmp_path / "a.mp3").read_bytes() + (tmp_path / "b.mp3").read_bytes())
    sound = decode(path, 22050)
    assert sound.duration == pytest.approx(6.0, abs=0.25)
    assert len(sound.samples) == pytest.approx(22050 * sound.duration, abs=200)
    assert np.abs(sound.samples[-22050:]).mean() > 0.02
    assert np.abs(song_of(path, 6.0)[-20000:]).mean() > 0.02


@pytest.mark.parametrize("joined", [("mono", "stereo"), ("stereo", "mono"), ("5.1", "stereo")])
def test_the_layout_may_change_in_the_middle(tmp_path: Path, joined: tuple[str, str]) -> None:
    path = tmp_path / "joined.ac3"
    data = b""
    for number, layout in enumerate(joined):
        part = tmp_path / f"{number}.ac3"
        with av.open(str(part), "w") as out:
            stream = out.add_stream("ac3", rate=48000)
            stream.layout = layout
            count = av.AudioLayout(layout).nb_channels
            tone = 0.3 * np.sin(np.arange(2 * 48000) / 20).astype(np.float32)
            values = np.repeat(tone[None], count, axis=0)
            frame = av.AudioFrame.from_ndarray(values, "fltp", layout)
            frame.sample_rate, frame.pts = 48000, 0
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
        data += part.read_bytes()
    path.write_bytes(data)
    sound = decode(path, 48000)
    assert sound.duration == pytest.approx(4.0, abs=0.1)
    for samples in (sound.samples, song_of(path, 4.0)):
        for begin in (1, 3):
            assert np.abs(samples[begin * 48000 - 20000 : begin * 48000]).max() > 0.1


def planar(path: Path, values: np.ndarray, layout: str, codec: str = "pcm_s16le") -> Path:
    """(channels, n) at 8 kHz."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE)
        stream.layout = layout
        packed = np.ascontiguousarray((values.T.reshape(1, -1) * 32767).astype(np.int16))
        frame = av.AudioFrame.from_ndarray(packed, "s16", layout)
        frame.sample_rate, frame.pts = RATE, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("share", [-1.0, -0.95])
def test_channels_that_cancel_out_are_heard(tmp_path: Path, share: float) -> None:
    left = beeps(6)
    path = planar(tmp_path / "a.flac", np.stack([left, share * left]), "stereo", "flac")
    heard = decode(path, RATE).samples
    assert np.abs(heard[RATE:]).max() > 0.4
    assert np.allclose(onsets(heard, RATE), [1, 2, 3, 4, 5], atol=0.02)


def test_usual_stereo_is_the_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(-0.5, 0.5, (2, 2 * RATE)).astype(np.float32)
    heard = decode(planar(tmp_path / "a.wav", values, "stereo"), RATE).samples
    assert np.allclose(heard, values.mean(axis=0), atol=1e-4)


def test_only_half_a_song_may_be_opposed(tmp_path: Path) -> None:
    left = beeps(8)
    right = np.where(np.arange(len(left)) < 4 * RATE, left, -left)
    heard = decode(planar(tmp_path / "a.wav", np.stack([left, right]), "stereo"), RATE).samples
    assert np.allclose(onsets(heard, RATE), [1, 2, 3, 4, 5, 6, 7], atol=0.02)


@pytest.mark.parametrize("count", [3, 9, 16])
def test_channels_without_a_known_place_are_averaged(tmp_path: Path, count: int) -> None:
    path = tmp_path / "a.wav"
    tone = beeps(3)
    data = (np.repeat(tone[:, None], count, axis=1) * 32767).astype("<i2").tobytes()
    fmt = (
        np.array([1, count], "<u2").tobytes() + np.array([RATE, RATE * 2 * count], "<u4").tobytes()
    )
    fmt += np.array([2 * count, 16], "<u2").tobytes()
    chunks = b"fmt " + np.uint32(16).tobytes() + fmt + b"data" + np.uint32(len(data)).tobytes()
    path.write_bytes(b"RIFF" + np.uint32(len(data) + 36).tobytes() + b"WAVE" + chunks + data)
    sound = decode(path, RATE)
    assert sound.channels == count
    assert np.allclose(sound.samples, tone, atol=1e-3)
    assert np.allclose(song_of(path, 3.0), tone, atol=1e-3)


@pytest.mark.parametrize("layout", ["5.1", "5.1(side)", "6.1", "7.1", "quad", "octagonal", "2.1"])
def test_full_scale_in_every_channel_is_not_clipped(tmp_path: Path, layout: str) -> None:
    count = av.AudioLayout(layout).nb_channels
    time = np.arange(RATE) / RATE
    values = np.repeat((0.999 * np.sin(2 * np.pi * 50 * time))[None], count, axis=0)
    block = Block(
        values.astype(np.float32), RATE, tuple(c.name for c in av.AudioLayout(layout).channels)
    )
    assert np.abs(to_stereo(block)).max() <= 1.0
    path = planar(tmp_path / "a.wav", values, layout)
    heard = decode(path, RATE).samples
    # a clipped sine has overtones
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.delete(spectrum, [49, 50, 51]).max() < 0.001 * spectrum[50]
    assert spectrum[50] > 0.3 * RATE / 2


def test_every_known_place_has_a_side() -> None:
    left = sum(one for one, _ in STEREO.values())
    right = sum(other for _, other in STEREO.values())
    assert left == pytest.approx(right)


def test_rubbish_before_a_song_is_no_time(tmp_path: Path) -> None:
    make_song(tmp_path / "a.mp3", 44100, 2, 1.2)
    page = b"<!DOCTYPE html><p>" + b"hello \xff\xe3 world </p>\n" * 2000
    path = tmp_path / "b.mp3"
    path.write_bytes(page + (tmp_path / "a.mp3").read_bytes())
    sound = decode(path)
    assert sound.duration == pytest.approx(1.2, abs=0.2)
    assert len(sound.samples) == pytest.approx(22050 * sound.duration, abs=50)
    assert AudioAnalyzer().analyze(path).duration == pytest.approx(sound.duration)


def test_what_gives_up_in_the_middle_is_said(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.mkv", [(0.0, beeps(30))], "flac")
    data = bytearray(whole.read_bytes())
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(bytes(data[: len(data) // 2]))
    features = AudioAnalyzer().analyze(cut)
    assert "as if cut short" in features.note
    begin = len(data) // 2
    data[begin : begin + 60] = bytes(60)
    damaged = tmp_path / "damaged.mkv"
    damaged.write_bytes(bytes(data))
    with SoundFile(damaged, "a song") as file:
        seconds = sum(block.values.shape[1] for block in file.blocks()) / RATE
    assert seconds == pytest.approx(30.0, abs=0.1)
    assert AudioAnalyzer().analyze(whole).note == ""


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FLAC of 6 hours of silence in a few kilobytes, in NUT, whose packets say no length."""
    path = tmp_path_factory.mktemp("day") / "silence.nut"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=8000, options={"frame_size": "65535"})
        stream.layout = "mono"
        silence = np.zeros((1, 65535), np.int16)
        for index in range(6 * 3600 * 8000 // 65535):
            frame = av.AudioFrame.from_ndarray(silence, "s16", "mono")
            frame.sample_rate, frame.pts = 8000, index * 65535
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert path.stat().st_size < 500_000
    return path


def test_a_small_file_of_many_hours_takes_no_memory(day: Path) -> None:
    with pytest.raises(InputError, match="longer than 20 minutes"):
        decode(day, most=1200.0)
    tracemalloc.start()
    try:
        sound = decode(day, 8000, until=2.0)
        assert sound.duration < 700
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    with pytest.raises(InputError, match="longer than 180 minutes"):
        decode(day, until=4 * 3600.0)


def test_a_sparse_wav_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sparse.wav"
    make_song(path, 8000, 1, 0.1)
    data = path.read_bytes()
    size = (1 << 32) - 100
    at = data.index(b"data")
    head = data[:4] + np.uint32(size).tobytes() + data[8 : at + 4] + np.uint32(size - 80).tobytes()
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    with pytest.raises(InputError, match="longer than 180 minutes"):
        decode(path)
    assert decode(path, until=2.0).duration < 700
