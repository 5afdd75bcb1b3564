"""Finished pictures enlarged: the published layout, any factor, and files that are something else."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from phosphene import cli
from phosphene.diffusion.sd.upscale import Upscaler
from phosphene.errors import ModelError
from tests.diffusion.sd.tools import load, noise

pytestmark = pytest.mark.usefixtures("offline")


def compact(factor: int, convolutions: int = 2, features: int = 6) -> torch.nn.Sequential:
    """SRVGGNetCompact's body with random weights."""
    torch.manual_seed(6)
    layers = [torch.nn.Conv2d(3, features, 3, padding=1), torch.nn.PReLU(features)]
    for _ in range(convolutions):
        layers += [torch.nn.Conv2d(features, features, 3, padding=1), torch.nn.PReLU(features)]
    layers.append(torch.nn.Conv2d(features, 3 * factor * factor, 3, padding=1))
    return torch.nn.Sequential(*layers)


def published(net: torch.nn.Sequential) -> dict[str, torch.Tensor]:
    return {f"body.{key}": value for key, value in net.state_dict().items()}


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_it_is_the_published_net(tmp_path: Path, factor: int, kind: str) -> None:
    net, file = compact(factor), tmp_path / f"net.{kind}"
    if kind == "pth":
        torch.save({"params": published(net)}, file)
    else:
        save_file(published(net), file)
    upscaler = Upscaler(str(file), torch.device("cpu"), torch.float32)
    assert upscaler.factor == factor
    pixels = torch.rand((2, 3, 5, 7), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        got = upscaler(pixels)
        blocks = net(pixels).view(2, 3, factor, factor, 5, 7)
        expected = torch.empty((2, 3, 5 * factor, 7 * factor))
        for y in range(factor):
            for x in range(factor):
                expected[:, :, y::factor, x::factor] = blocks[:, :, y, x] + pixels
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_pictures_come_out_larger(trees: dict[str, Path], tmp_path: Path) -> None:
    net = compact(2)
    # nothing added: every pixel is shown as four
    torch.nn.init.zeros_(net[-1].weight)
    torch.nn.init.zeros_(net[-1].bias)
    save_file(published(net), tmp_path / "net.safetensors")
    small = load(trees["eps"]).decode(noise(2))
    large = load(trees["eps"], upscaler_id=str(tmp_path / "net.safetensors")).decode(noise(2))
    assert large.shape == (2, 128, 128, 3)
    assert np.array_equal(large, small.repeat(2, axis=1).repeat(2, axis=2))


def test_a_render_may_be_larger_than_what_is_drawn(
    trees: dict[str, Path], wav: Path, tmp_path: Path
) -> None:
    save_file(published(compact(2)), tmp_path / "net.safetensors")
    settings = tmp_path / "my.toml"
    settings.write_text(f'[diffusion]\nupscaler_id = "{tmp_path / "net.safetensors"}"\n')
    out = tmp_path / "out.mp4"
    arguments = ["render", str(wav), "-o", str(out), "--duration", "1", "--fps", "4"]
    arguments += ["--config", str(settings), "--size", "128x128"]
    assert cli.main([*arguments, "--model", str(trees["turbo"])]) == 0
    with av.open(str(out)) as video:
        assert (video.streams.video[0].width, video.streams.video[0].height) == (128, 128)


def test_other_files_are_refused(tmp_path: Path) -> None:
    device = torch.device("cpu")
    file = tmp_path / "net.safetensors"
    with pytest.raises(ModelError, match="there is no upscaler"):
        Upscaler(str(file), device, torch.float32)
    save_file({"model.0.weight": torch.zeros(3, 3, 3, 3)}, file)
    with pytest.raises(ModelError, match="compact layout"):
        Upscaler(str(file), device, torch.float32)
    file.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="broken"):
        Upscaler(str(file), device, torch.float32)
