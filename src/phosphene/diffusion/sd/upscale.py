"""Finished pictures enlarged by a small network: draw small, show large.

The layout is Real-ESRGAN's compact one (``SRVGGNetCompact``, Wang 2021; realesr-general-x4v3 and
realesr-animevideov3): plain convolutions at the small size, then the channels become pixels.
"""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.diffusion.checkpoints.errors import explained
from phosphene.errors import ModelError

if TYPE_CHECKING:
    import torch

Weights = dict[str, "torch.Tensor"]


class Upscaler:
    """Pictures in, pictures ``factor`` times as wide and high out. Raises ModelError."""

    def __init__(self, file: str, device: torch.device, dtype: torch.dtype) -> None:
        import torch

        path = Path(file).expanduser()
        if not path.is_file():
            raise ModelError(f"there is no upscaler at {file}: give its .safetensors or .pth file.")
        with explained(file, "upscaler"):
            weights = _read(path)
            self._net, self.factor = _build(weights, file)
            torch.nn.Module.to(self._net, device, dtype).eval()
        self._dtype = dtype

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """(b 3 h w) in 0..1 -> (b 3 factor*h factor*w), about 0..1, float32."""
        from torch.nn.functional import interpolate, pixel_shuffle

        small = pixels.to(self._dtype)
        detail = pixel_shuffle(self._net(small), self.factor)
        # added in float32: bfloat16 has no more steps near white than 8 bits have
        large: torch.Tensor = interpolate(pixels.float(), scale_factor=self.factor, mode="nearest")
        return detail.float() + large


def _read(path: Path) -> Weights:
    import torch
    from safetensors.torch import load_file

    if path.suffix == ".safetensors":
        weights: Weights = load_file(path)
        return weights
    # weights_only runs no program, whatever the file holds
    held = torch.load(path, map_location="cpu", weights_only=True)
    for name in ("params_ema", "params"):
        held = held.get(name, held)
    return dict(held)


def _build(weights: Weights, file: str) -> tuple[torch.nn.Sequential, int]:
    """The network that fits the weights, and how much it enlarges."""
    import torch

    places = sorted({int(key.split(".")[1]) for key in weights if key.startswith("body.")})
    kernels = [weights.get(f"body.{place}.weight") for place in places]
    shapes = [tuple(kernel.shape) for kernel in kernels if kernel is not None]
    fits = len(shapes) > 2 and len(shapes) == len(places) and shapes[0][1:] == (3, 3, 3)
    factor = isqrt(shapes[-1][0] // 3) if fits else 0
    if not fits or shapes[-1][0] != 3 * factor * factor:
        raise ModelError(
            f"upscaler {file} is not in Real-ESRGAN's compact layout: use realesr-general-x4v3 or"
            " realesr-animevideov3."
        )
    layers: list[torch.nn.Module] = [
        torch.nn.Conv2d(shape[1], shape[0], 3, padding=1)
        if len(shape) == 4
        else torch.nn.PReLU(shape[0])
        for shape in shapes
    ]
    net = torch.nn.Sequential(*layers)
    net.load_state_dict({key.removeprefix("body."): value for key, value in weights.items()})
    return net, factor
