"""The built-in model on real footage: batches, a kill, what the one knob does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.metrics import compare, luma
from phosphene.show.transform import TransformOptions, transform, transform_frames
from phosphene.video.clip import probe
from phosphene.video.motion.optical_flow import estimate, halve
from phosphene.video.motion.steady import is_cut
from phosphene.video.project import work_folder
from phosphene.video.reader import read_frames
from tests.show.transform.real import real_clip
from tests.video.media import pictures


def drawn(name: str, config: PipelineConfig, **options: float) -> list[np.ndarray]:
    made = transform_frames(real_clip(name), config, TransformOptions(deaf=True, **options))
    return [frame.image for frame in made]


@pytest.mark.parametrize("name", ["bikes", "bigbuckbunny", "carphone_pristine"])
def test_real_clips_come_through_right(tmp_path: Path, name: str) -> None:
    config = PipelineConfig.fast_preset()
    out = tmp_path / "out.mp4"
    transform(real_clip(name), out, config, TransformOptions(skip=9))
    before, after = probe(real_clip(name)), probe(out)
    assert (after.size, after.sample_aspect) == (before.size, before.sample_aspect)
    assert before.duration is not None
    assert after.duration is not None
    assert abs(before.duration - after.duration) <= 1 / before.rate
    with av.open(str(real_clip(name))) as source, av.open(str(out)) as made:
        kinds = [[(s.type, s.codec_context.name) for s in file.streams] for file in (source, made)]
        assert kinds[0] == kinds[1]
        sounds = [
            [bytes(p) for p in file.demux(file.streams.audio[0]) if p.size]
            for file in (source, made)
            if file.streams.audio
        ]
        assert len(sounds) == 0 or sounds[0] == sounds[1]


def test_batches_change_nothing_with_the_built_in_model() -> None:
    frames = []
    for batch in (1, 5):
        config = PipelineConfig.fast_preset()
        config.transform.batch = batch
        frames.append(drawn("bikes", config, duration=0.5))
    np.testing.assert_array_equal(*frames)


def test_killed_process_resumes_to_the_same_file(tmp_path: Path) -> None:
    """kill -9 at some moment, with the real command line: same picture, same sound, same bytes."""
    (tmp_path / "c.toml").write_text("[video]\nsegment_seconds = 0.5\n")
    command = [sys.executable, "-m", "phosphene", "transform", str(real_clip("bigbuckbunny"))]
    command += [
        "--config",
        "c.toml",
        "--preset",
        "fast",
        "--duration",
        "1.5",
        "--scale",
        "0.25",
        "--prompt",
        "purple galaxy",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def run(*more: str) -> None:
        subprocess.run([*command, *more], cwd=tmp_path, env=environment, check=True, timeout=300)

    run("-o", "whole.mp4")
    process = subprocess.Popen([*command, "-o", "broken.mp4"], cwd=tmp_path, env=environment)
    part = work_folder(tmp_path / "broken.mp4")
    deadline = time.monotonic() + 120
    while not (part / "00001.state").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert process.returncode != 0
    assert not (tmp_path / "broken.mp4").exists()
    run("-o", "broken.mp4", "--resume")
    assert (tmp_path / "broken.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert len(pictures(tmp_path / "broken.mp4")) == 38


def test_the_one_knob_steadies_without_blur_or_freezing() -> None:
    config = PipelineConfig.fast_preset()
    config.transform.detail = 0.0  # lines of the input are as steady as the input
    results = {}
    for stabilize in (0.0, 1.0):
        config.transform.stabilize = stabilize
        made = drawn("bikes", config, start=3.2, duration=0.8)
        height, width = made[0].shape[:2]
        given = [f.image for f in read_frames(real_clip("bikes"), (width, height))][80:100]
        results[stabilize] = compare(zip(given, made, strict=True))
    loose, held = results[0.0], results[1.0]
    assert held.warp_error < 0.85 * loose.warp_error
    assert held.tof < loose.tof
    assert held.sharpness > 0.85 * loose.sharpness
    # it follows what moves better than what is not held, and is no still picture
    assert held.motion_ratio > max(0.5, loose.motion_ratio)
    assert held.difference > 0.7 * loose.difference


@pytest.mark.parametrize(
    ("name", "cuts"), [("bikes", [30, 76, 137, 187, 242]), ("carphone_pristine", [])]
)
def test_real_cuts_are_found(name: str, cuts: list[int]) -> None:
    small = [halve(luma(f.image)) for f in read_frames(real_clip(name), (256, 112))]
    pairs = zip(small[1:], small, strict=False)
    found = [i for i, (a, b) in enumerate(pairs, 1) if is_cut(a, b, estimate(a, b))]
    assert found == cuts
