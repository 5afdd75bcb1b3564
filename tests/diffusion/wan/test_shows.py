"""A random Wan stream in every show there is: render, dream, transform, live, from the command line."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from phosphene.cli import main
from phosphene.config import InferenceConfig, PipelineConfig
from phosphene.errors import ModelError
from phosphene.show.live.loading import load
from phosphene.show.live.session import Session
from phosphene.show.live.types import Source
from phosphene.show.render import RenderOptions, render_source
from phosphene.show.sources.moments import Given
from phosphene.show.sources.song import SongSource
from tests.conftest import make_features
from tests.diffusion.wan import trees
from tests.show.live.running_shows import jpeg

SMALL = ("--size", "64x64", "--device", "cpu")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trees.diffusers_tree(tmp_path_factory.mktemp("models") / "framewise-2step")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def pictures(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def test_dream_transform_and_info_from_the_command_line(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "dream.mp4"
    asked = ["dream", "-o", str(out), "--seconds", "2", "--model", str(tree), *SMALL]
    assert main([*asked, "--prompt", "rain", "--prompt", "@1 fire"]) == 0, capsys.readouterr().err
    dreamt = pictures(out)
    # sixteen a second without a word, as the model was trained
    assert dreamt.shape == (32, 64, 64, 3)
    assert np.abs(np.diff(dreamt.astype(float), axis=0)).mean((1, 2, 3)).min() > 0
    again = tmp_path / "again.mp4"
    asked[2] = str(again)
    assert main([*asked, "--prompt", "rain", "--prompt", "@1 fire"]) == 0
    assert np.array_equal(pictures(again), dreamt)
    over = tmp_path / "over.mp4"
    told = ["transform", str(out), "-o", str(over), "--model", str(tree), "--device", "cpu"]
    assert main([*told, "--prompt", "fire"]) == 0, capsys.readouterr().err
    assert pictures(over).shape == dreamt.shape
    capsys.readouterr()
    assert main(["models", "info", str(tree)]) == 0
    said = capsys.readouterr().out
    assert "Causal-Forcing++, two steps" in said and "missing    nothing" in said
    assert (
        main(["dream", "-o", str(again), "--seconds", "1", "--model", str(tree / "vae"), *SMALL])
        == 2
    )


def test_memory_is_planned_for_the_size_that_is_drawn_before_anything_is_read(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from phosphene.diffusion.wan import load as loading

    monkeypatch.setattr("phosphene.diffusion.wan.plan.free_bytes", lambda device: 0.5e9)
    monkeypatch.setattr(loading, "load_transformer", lambda *_: pytest.fail("read without room"))
    out = str(tmp_path / "x.mp4")
    told = ["--seconds", "1", "--model", str(tree), "--device", "cpu", "--size", "1280x720"]
    assert main(["dream", "-o", out, *told]) == 2
    # what is larger is enlarged
    assert "GB at 320x576 with a window of 9; 0.5 free" in capsys.readouterr().err
    config = PipelineConfig()
    config.diffusion.model, config.diffusion.device = str(tree), "cpu"
    with pytest.raises(ModelError, match=r"at 320x576 with a window of 9; 0\.5 free"):
        load(config, (1280, 720))


class Ending(SongSource):
    """A song in whose middle the power fails."""

    def at(self, frame: int) -> Given:
        if frame == 26:
            raise KeyboardInterrupt
        return super().at(frame)


def test_a_render_that_was_broken_off_goes_on_as_if_it_had_not(tree: Path, tmp_path: Path) -> None:
    config = PipelineConfig()
    config.diffusion.model, config.diffusion.device = str(tree), "cpu"
    config.video.segment_seconds = 0.5
    options = RenderOptions(size=(64, 64))

    def rendered(out: Path, source: SongSource, options: RenderOptions) -> int:
        told = config.model_copy(deep=True)
        return render_source(source, None, out, told, options).new_frames

    song, whole, out = make_features(40, 16.0), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    assert rendered(whole, SongSource(song), options) == 40
    with pytest.raises(KeyboardInterrupt):
        rendered(out, Ending(song), options)
    left = rendered(out, SongSource(song), replace(options, resume=True))
    assert left in (40 - 16, 40 - 24)
    assert np.array_equal(pictures(out), pictures(whole))


def test_live_with_nothing_then_a_camera(tree: Path) -> None:
    config = PipelineConfig()
    config.diffusion.model, config.diffusion.device = str(tree), "cpu"
    config.inference = InferenceConfig(width=64, height=64)
    base = load(config, None)
    assert config.live.fps == 16
    session, shown, complaints = Session(base, config), [], []
    session.on_error(complaints.append)
    session.subscribe(lambda each: shown.append((time.monotonic(), each)))
    session.start()
    try:
        until(lambda: len(shown) > 8)
        session.set({"prompt.base_prompt": "a green wood"})
        until(lambda: len(shown) > 16)
        session.use(Source(see=True))
        seen = len(shown)
        until(lambda: len(shown) > seen + 12, feed=session)
        session.set({"inference.width": 96})
        until(lambda: shown[-1][1].image.shape == (64, 96, 3), feed=session)
    finally:
        session.close()
    assert not complaints


def until(holds: Any, feed: Session | None = None) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "it took a minute"
        if feed is not None:
            feed.picture(jpeg(np.full((64, 96, 3), 90, np.uint8)), time.monotonic())
        time.sleep(0.03)
