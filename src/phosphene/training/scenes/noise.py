"""Smooth random textures that change with time, for the procedural renderer.

A texture is a sum of octaves; an octave is a lattice of random sinusoids in time, enlarged bicubically. It is
continuous in time, never repeats visibly and needs no state.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def generator(seed: int, device: torch.device) -> torch.Generator:
    """Random numbers where they are needed; the same seed draws other numbers on another kind of device.

    Apple's GPU lends no generator that can be trusted with a seed, so there they come from the CPU.
    """
    home = device if device.type == "cuda" else torch.device("cpu")
    return torch.Generator(home).manual_seed(seed)


def uniform(gen: torch.Generator, device: torch.device, *shape: int) -> Tensor:
    """Numbers in [0, 1)."""
    return torch.rand(shape, generator=gen, device=gen.device).to(device)


def texture(
    gen: torch.Generator,
    clips: int,
    time: Tensor,
    *,
    channels: int = 1,
    base: int = 4,
    octaves: int = 4,
    gain: float = 0.5,
    size: int = 128,
    speed: float = 1.0,
) -> Tensor:
    """Fractal noise, about unit variance.

    Args:
        time: (n,) phase of every frame; frames of one clip are neighbours, n = clips * frames.
        base: lattice cells along a side in the first octave, doubled by every next one.

    Returns:
        (n, channels, size, size).
    """
    frames = time.shape[0] // clips
    out = time.new_zeros(time.shape[0], channels, size, size)
    norm = 0.0
    for octave in range(octaves):
        cells = min(base * 2**octave + 3, size)
        shape = (3, clips, channels, cells, cells)
        noise = torch.randn(shape, generator=gen, device=gen.device).to(time.device)
        a, b, rate = noise.repeat_interleave(frames, dim=1)
        # every lattice point beats at its own rate, finer octaves faster
        angle = time[:, None, None, None] * speed * (0.7 + 0.25 * rate) * (1.0 + 0.5 * octave)
        lattice = a * angle.cos() + b * angle.sin()
        weight = gain**octave
        out += weight * F.interpolate(lattice, (size, size), mode="bicubic", align_corners=True)
        norm += weight**2
    # bicubic enlargement keeps about 70 % of the lattice's deviation
    return out.div(0.7 * norm**0.5)


def sample(tex: Tensor, x: Tensor, y: Tensor, reach: float = 1.6) -> Tensor:
    """Look a texture up at coordinates in about [-reach, reach], mirrored beyond.

    Args:
        tex: (n, c, s, s).
        x, y: (n, h, w).

    Returns:
        (n, c, h, w).
    """
    grid = torch.stack((x, y), dim=-1) / reach
    return F.grid_sample(tex, grid, mode="bilinear", padding_mode="reflection", align_corners=True)
