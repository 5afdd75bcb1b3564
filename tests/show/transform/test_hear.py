"""A video that is drawn over dances to its own sound, or another's; and holds still where it is deaf."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.audio.types import AudioFeatures
from phosphene.cli import main
from phosphene.config import PipelineConfig
from phosphene.errors import InputError
from phosphene.show.transform import TransformOptions, transform
from phosphene.show.transform.hear import Lean, Listener
from phosphene.stream.camera import CameraMove
from tests.conftest import make_features
from tests.show.toy import Stopped, failing
from tests.show.transform.conftest import drawer
from tests.video.media import pictures

FPS, SECONDS, EVERY = 24, 5.0, 0.625
"""a click falls on every fifteenth picture"""
RATE = 44100


def clicks(seconds: float = SECONDS, every: float = EVERY, first: float = 0.5) -> np.ndarray:
    samples = np.zeros(round(seconds * RATE), np.float32)
    rng = np.random.default_rng(0)
    for at in np.arange(first, seconds - 0.1, every):
        burst = np.exp(-np.arange(RATE // 10) / 900) * rng.standard_normal(RATE // 10)
        begin = round(at * RATE)
        samples[begin : begin + len(burst)] += 0.3 * burst.astype(np.float32)
    return samples.clip(-1, 1)


def texture(size: tuple[int, int]) -> np.ndarray:
    """A still picture in which any move can be seen."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 5), np.cos(y / 7), np.sin((x + y) / 9)], axis=-1)
    return ((waves + 1) * 127).astype(np.uint8)


def clip(path: Path, samples: np.ndarray | None) -> Path:
    """A still picture of five seconds, with sound."""
    image = texture((128, 192))
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", FPS, options={"crf": "10"})
        video.width, video.height, video.pix_fmt = 192, 128, "yuv420p"
        sound = None if samples is None else out.add_stream("aac", RATE, layout="mono")
        for k in range(round(SECONDS * FPS)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None and samples is not None:
            for begin in range(0, len(samples), 1024):
                block = av.AudioFrame.from_ndarray(
                    samples[None, begin : begin + 1024], format="fltp", layout="mono"
                )
                block.sample_rate, block.pts = RATE, begin
                out.mux(sound.encode(block))
            out.mux(sound.encode(None))
    return path


def song(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 30000).astype("<i2").tobytes())
    return path


def drawn(source: Path, config: PipelineConfig, **options: object) -> np.ndarray:
    """How much each picture differs from the one before it."""
    out = source.with_name(f"out-{len(list(source.parent.iterdir()))}.mp4")
    transform(source, out, config, TransformOptions(**options), base=drawer(config))
    found = pictures(out).astype(np.float32)
    return np.abs(np.diff(found, axis=0)).mean(axis=(1, 2, 3))


def struck(first: float = 0.5, every: float = EVERY) -> np.ndarray:
    """Which changes of picture lead to the picture that a click sounds in."""
    times = np.arange(1, round(SECONDS * FPS)) / FPS
    hits = np.arange(first, SECONDS - 0.1, every)
    return np.array([float(np.any(np.abs(t - hits) < 0.5 / FPS)) for t in times])


@pytest.fixture
def config(config: PipelineConfig) -> PipelineConfig:
    config.transform.stabilize = 0.0
    return config


def test_a_clip_with_clicks_in_its_sound_moves_on_the_clicks(tmp_path, config):
    moved = drawn(clip(tmp_path / "clip.mp4", clicks()), config)
    assert np.corrcoef(moved, struck())[0, 1] > 0.6
    on, off = moved[struck() > 0].mean(), moved[struck() == 0].mean()
    assert on > 3 * off


def test_deaf_or_mute_it_holds_still(tmp_path, config):
    loud, mute = clip(tmp_path / "loud.mp4", clicks()), clip(tmp_path / "mute.mp4", None)
    assert drawn(loud, config, deaf=True).max() < 0.05
    assert drawn(mute, config).max() < 0.05
    config.react.reactivity = 0.0
    # the camera's own slow way is no answer to the sound
    assert np.corrcoef(drawn(loud, config), struck())[0, 1] < 0.4


def test_it_dances_to_another_song_and_sounds_of_it(tmp_path, config):
    source = clip(tmp_path / "clip.mp4", clicks())
    other = song(tmp_path / "song.wav", clicks(first=0.3, every=0.9))
    moved = drawn(source, config, sound=other)
    theirs, own = struck(0.3, 0.9), struck()
    assert np.corrcoef(moved, theirs)[0, 1] > 0.6
    assert np.corrcoef(moved, own)[0, 1] < 0.4
    [out] = tmp_path.glob("out-*.mp4")
    with av.open(str(out)) as file:
        assert len(file.streams.audio) == 1
        rate = file.streams.audio[0].rate
        heard = np.concatenate([f.to_ndarray().mean(axis=0) for f in file.decode(audio=0)])
    power = [np.abs(heard[round(t * rate) :][: rate // 20]).mean() for t in (0.3, 1.2, 2.1)]
    assert min(power) > 5 * np.abs(heard[round(0.8 * rate) :][: rate // 20]).mean()


def test_an_interrupted_one_goes_on_to_the_very_same_pictures(tmp_path, config):
    source = clip(tmp_path / "clip.mp4", clicks())
    whole = tmp_path / "whole.mp4"
    transform(source, whole, config, base=drawer(config))
    base = failing(drawer(config), 20)
    out = tmp_path / "again.mp4"
    with pytest.raises(Stopped):
        transform(source, out, config, base=base)
    report = transform(source, out, config, TransformOptions(resume=True), base=drawer(config))
    assert 0 < report.new_frames < SECONDS * FPS
    np.testing.assert_array_equal(pictures(out), pictures(whole))


def test_a_song_that_changes_meanwhile_is_refused(tmp_path, config):
    source = clip(tmp_path / "clip.mp4", None)
    other, out = song(tmp_path / "song.wav", clicks()), tmp_path / "out.mp4"
    base = drawer(config)
    decode = base.decode

    def changing(latents, palettes=None):
        if not out.exists() and other.stat().st_size > 100:
            other.write_bytes(other.read_bytes()[:-4])
        return decode(latents, palettes)

    base.decode = changing
    with pytest.raises(InputError, match=r"song\.wav was changed while it was read"):
        transform(source, out, config, TransformOptions(sound=other), base=base)
    assert not out.exists()


def test_what_cannot_be_is_said(tmp_path, capsys):
    with pytest.raises(InputError, match="not both"):
        TransformOptions(deaf=True, sound=Path("x"))
    source = clip(tmp_path / "clip.mp4", clicks())
    assert main(["transform", str(source), "--sound", str(tmp_path / "no.wav"), "-o", "x.mp4"]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_lean_comes_back_and_is_the_same_at_any_rate():
    kick = CameraMove(zoom=2.0**0.2, rotate=0.1, pan_x=0.05)
    still = CameraMove()
    ends = []
    for fps in (10, 60):
        lean = Lean().after(kick, 0.0)
        for _ in range(fps):
            lean = lean.after(still, 1 / fps)
        ends.append(lean)
    assert ends[0].octaves == pytest.approx(ends[1].octaves)
    assert 0 < ends[0].octaves < 0.005
    assert 0 < ends[0].turn < 0.002


@pytest.mark.parametrize("lean", [
    Lean(octaves=0.3), Lean(turn=0.2), Lean(turn=-0.4), Lean(right=0.1, down=-0.1), Lean(octaves=-0.5),
])  # fmt: skip
def test_no_edge_shows(lean):
    white = np.full((90, 160, 3), 255, np.uint8)
    assert lean.seen(white).min() == 255


def test_a_picture_leans_the_way_the_camera_moves():
    image = np.zeros((101, 101, 3), np.uint8)
    image[40:61, 70:91] = 255
    middle = np.argwhere(image[..., 0] > 128).mean(axis=0)
    larger = np.argwhere(Lean(octaves=0.3).seen(image)[..., 0] > 128).mean(axis=0)
    assert larger[1] > middle[1] + 3
    turned = np.argwhere(Lean(octaves=0.5, turn=0.2).seen(image)[..., 0] > 128).mean(axis=0)
    # clockwise: what is right goes down
    assert turned[0] > middle[0] + 3


def test_no_click_falls_between_two_pictures():
    features: AudioFeatures = make_features(num_frames=240, fps=60.0)
    onset = np.zeros(240, np.float32)
    onset[61] = 1.0
    object.__setattr__(features, "onset_strength", onset)
    heard = [Listener(features).between(k / 12, 1 / 12).onset for k in range(24)]
    assert sum(heard) == 1.0
