"""Song in, video out: lengths, alignment, sizes, resume; real files, decoded again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import av
import numpy as np
import pytest

from phosphene.config import PipelineConfig, VideoConfig
from phosphene.errors import InputError, OutputError
from phosphene.show import RenderOptions, render
from phosphene.show.batch import render_many
from tests.show.toy import Stopped, failing, toy


def small(**video) -> PipelineConfig:
    config = PipelineConfig(video=VideoConfig(segment_seconds=0.5, **video))
    config.inference.width = config.inference.height = 64
    return config


def frames_of(path):
    with av.open(str(path)) as file:
        return [f.to_ndarray(format="rgb24") for f in file.decode(video=0)]


def lengths_of(path):
    """(video, audio) seconds, as a player sees them."""
    with av.open(str(path)) as file:
        streams = (file.streams.video[0], file.streams.audio[0])
        return tuple(float(stream.duration * stream.time_base) for stream in streams)


def test_streams_are_equally_long(wav, tmp_path) -> None:
    out = tmp_path / "out.mp4"
    report = render(wav, out, small(), base=toy())
    assert report.frames == report.new_frames == 48
    video, audio = lengths_of(out)
    assert video == pytest.approx(2.0)
    assert abs(video - audio) <= 1 / 24
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert "48 frames" in report.describe()


def test_stretch_and_size(wav, tmp_path) -> None:
    out = tmp_path / "out.mp4"
    options = RenderOptions(start=0.5, duration=1.0, size=(321, 180))
    report = render(wav, out, small(), options, base=toy())
    frames = frames_of(out)
    assert len(frames) == 24
    assert frames[0].shape == (180, 322, 3)
    assert any("even" in note for note in report.notes)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_frame_accurate_with_any_number_of_steps(steps, wav, tmp_path) -> None:
    """A prompt change must land on its own frame however long the stream is."""
    config = small(crf=0, limit_flashes=False)
    config.stream.denoising_steps = steps
    config.stream.enable_temporal_coherence = False
    config.prompt.chroma_strength = 0
    config.prompt.transition_seconds = 0
    config.prompt.base_prompt = "a"
    config.prompt.timeline = [{"at": 1.0, "prompt": "abcd"}]
    out = tmp_path / "out.mp4"
    render(wav, out, config, base=toy())
    means = np.array([f.mean(axis=(0, 1)) for f in frames_of(out)])
    assert len(means) == 48
    jumps = np.abs(np.diff(means, axis=0)).sum(axis=1)
    assert int(jumps.argmax()) == 23
    assert jumps[23] > 5 * np.sort(jumps)[-2]


def test_prompts_are_encoded_once(wav, tmp_path) -> None:
    base = toy()
    render(wav, tmp_path / "out.mp4", small(), base=base)
    assert len(base.prompts) <= 14


def test_interrupted_and_resumed_is_bit_identical(wav, tmp_path) -> None:
    # lossless, so that every bit of every drawn frame is compared
    config = small(crf=0)
    config.stream.denoising_steps = 2
    whole, broken = tmp_path / "whole.mp4", tmp_path / "broken.mp4"
    render(wav, whole, config, base=toy())

    with pytest.raises(Stopped):
        render(wav, broken, config, base=failing(toy(), 31))
    assert not broken.exists()
    with pytest.raises(OutputError, match="--resume"):
        render(wav, broken, config, base=toy())
    report = render(wav, broken, config, RenderOptions(resume=True), base=toy())
    assert 0 < report.new_frames < 48
    for a, b in zip(frames_of(whole), frames_of(broken), strict=True):
        np.testing.assert_array_equal(a, b)
    assert lengths_of(whole) == lengths_of(broken)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.mp4", "whole.mp4"]


def test_killed_process_resumes_bit_identical(tmp_path, wav) -> None:
    """kill -9 at a random moment, with the real model and the real command line."""
    (tmp_path / "c.toml").write_text("[video]\nsegment_seconds = 0.5\n")
    command = [sys.executable, "-m", "phosphene", "render", str(wav), "--config", "c.toml"]
    command += ["--preset", "fast"]
    subprocess.run([*command, "-o", "whole.mp4"], cwd=tmp_path, check=True, timeout=120)
    process = subprocess.Popen([*command, "-o", "broken.mp4"], cwd=tmp_path)
    part = tmp_path / "broken.mp4.part"
    deadline = time.time() + 60
    while not (part / "00001.mp4").exists() and time.time() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "broken.mp4").exists()
    resume = [*command, "-o", "broken.mp4", "--resume"]
    subprocess.run(resume, cwd=tmp_path, check=True, timeout=120)
    whole, broken = frames_of(tmp_path / "whole.mp4"), frames_of(tmp_path / "broken.mp4")
    assert len(whole) == len(broken) == 48
    for a, b in zip(whole, broken, strict=True):
        np.testing.assert_array_equal(a, b)


def test_other_settings_do_not_resume(wav, tmp_path) -> None:
    out = tmp_path / "out.mp4"
    base = toy()
    base.decode = None
    with pytest.raises(TypeError):
        render(wav, out, small(), base=base)
    # nothing finished yet, so nothing is lost by starting with other settings
    other = small()
    other.inference.seed = 9
    render(wav, out, other, RenderOptions(resume=True), base=toy())
    assert out.exists()


def test_refusals(wav, tmp_path) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(InputError, match="start"):
        render(wav, out, options=RenderOptions(start=float("nan")))
    with pytest.raises(InputError, match="duration"):
        render(wav, out, options=RenderOptions(duration=0))
    with pytest.raises(InputError, match="99"):
        render(wav, out, small(), RenderOptions(start=99), base=toy())
    assert not list(tmp_path.iterdir())


def test_config_of_the_caller_is_not_changed(wav, tmp_path) -> None:
    config = small()
    before = config.model_copy(deep=True)
    render(wav, tmp_path / "out.mp4", config, RenderOptions(size=(128, 64)), base=toy())
    assert config == before


def test_a_bad_song_does_not_stop_the_rest(wav, tmp_path, capsys) -> None:
    bad = tmp_path / "bad.mp3"
    bad.write_text("no sound")
    config = PipelineConfig.fast_preset()
    pairs = [(bad, tmp_path / "v/bad.mp4"), (wav, tmp_path / "v/good.mp4")]
    assert render_many(pairs, config, RenderOptions(duration=0.5)) == 2
    assert [p.name for p in (tmp_path / "v").iterdir()] == ["good.mp4"]
    told = capsys.readouterr()
    assert "bad.mp3" in told.err
    assert "1 of 2" in told.out
