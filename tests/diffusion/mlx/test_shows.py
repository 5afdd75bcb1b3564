"""Whole shows with device mlx, on the cpu that it has here: commands, and a live session's threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phosphene import cli
from tests.diffusion.mlx.tools import load
from tests.show.live.running_shows import quick_config, see_two, show
from tests.video.media import pictures

pytestmark = pytest.mark.usefixtures("offline")

SMALL = ("--size", "64x64", "--fps", "2", "--device", "mlx")
SEED_TOLERANCE = 3.0
"""mean grey levels between MLX and torch after a second of feeding on itself, through H.264"""


@pytest.fixture(params=["lsd", "turbo"])
def model(request: pytest.FixtureRequest, mlx_trees: dict[str, Path]) -> str:
    return "lsd" if request.param == "lsd" else str(mlx_trees[request.param])


def run(*args: object) -> None:
    assert cli.main([str(arg) for arg in args]) == 0


def test_render_dream_and_transform(model: str, wav: Path, tmp_path: Path) -> None:
    rendered, dreamt, drawn = (tmp_path / f"{name}.mp4" for name in ("r", "d", "t"))
    run("render", wav, "-o", rendered, "--duration", 1, *SMALL, "--model", model)
    run("dream", "-o", dreamt, "--seconds", 1, *SMALL, "--model", model, "--quantize", "none")
    run("transform", rendered, "-o", drawn, "--device", "mlx", "--model", model, "--prompt", "ice")
    for path in (rendered, dreamt, drawn):
        shown = pictures(path)
        assert shown.shape == (2, 64, 64, 3)
        assert shown.std() > 2


def test_the_song_is_drawn_as_on_torch(mlx_trees, wav: Path, tmp_path: Path) -> None:
    shown = []
    for device in ("cpu", "mlx"):
        out = tmp_path / f"{device}.mp4"
        told = ["--size", "64x64", "--fps", 4, "--device", device, "--model", mlx_trees["turbo"]]
        run("render", wav, "-o", out, "--duration", 1, *told)
        shown.append(pictures(out).astype(float))
    assert np.abs(shown[0] - shown[1]).mean() < SEED_TOLERANCE


def test_a_live_session_shares_arrays_between_its_threads(model: str) -> None:
    base = load(model, "mlx")
    config = quick_config()
    config.live.fps, config.prompt.transition_seconds = 30.0, 0.5
    with show(config, base) as (session, watcher):
        watcher.frames(3)
        session.set({"prompt.base_prompt": "a blue cat"})
        watcher.frames(4)
        see_two(session, watcher)
    assert watcher.errors == []


def test_a_dump_goes_on_elsewhere(mlx_trees) -> None:
    """A stream begun on torch goes on on MLX: what it remembers is plain numbers."""
    from phosphene.config import StreamConfig
    from phosphene.diffusion.stream import StreamDiffusionPipeline
    from phosphene.stream.noise import gaussian

    def step(stream: StreamDiffusionPipeline, frame: int) -> np.ndarray:
        noise = gaussian(3, frame, 0, stream.get_latent_shape())
        return np.asarray(stream.step_latent(noise, stream.encode_prompt("red")))

    config = StreamConfig(denoising_steps=2)
    torch, mlx = (
        StreamDiffusionPipeline(load(mlx_trees["turbo"], device), config)
        for device in ("cpu", "mlx")
    )
    for frame in range(3):
        step(torch, frame)
    mlx.restore_state(torch.dump_state())
    np.testing.assert_allclose(step(mlx, 3), step(torch, 3), atol=1e-3)
