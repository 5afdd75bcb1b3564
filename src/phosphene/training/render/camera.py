"""How the renderer looks at its worlds: a slow camera of its own, and one that moves like a stream's."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from phosphene.training.render import noise


@dataclass(frozen=True)
class Drift:
    """A camera move that repeats from frame to frame, per clip, all (clips,).

    Units as in `phosphene.stream.camera.CameraMove`: zoom is a factor, rotate radians, pans picture widths.
    """

    zoom: Tensor
    rotate: Tensor
    pan_x: Tensor
    pan_y: Tensor

    def to(self, device: torch.device) -> Drift:
        """The same on another device."""
        return Drift(*(v.to(device) for v in (self.zoom, self.rotate, self.pan_x, self.pan_y)))

    def affine(self, power: Tensor) -> tuple[Tensor, Tensor]:
        """Where a picture's points came from, `power` (clips, n) moves ago: z -> A z + B, both complex.

        z = x + i y in half picture widths from the middle. One move takes z to (z - pan) a with
        a = e^(-i rotate) / zoom.
        """
        a = torch.polar(1 / self.zoom.double(), -self.rotate.double())[:, None]
        pan = torch.complex(2 * self.pan_x.double(), 2 * self.pan_y.double())[:, None]
        times = power.double()
        whole = a**times
        away = (a - 1).abs() > 1e-9
        series = torch.where(
            away, a * (whole - 1) / torch.where(away, a - 1, torch.ones_like(a)), times + 0j
        )
        return whole, -pan * series


def random_drift(rng: random.Random, clips: int, still: float) -> Drift:
    """Moves such as a show makes; a share of `still` clips stands still."""
    rows = []
    for _ in range(clips):
        if rng.random() < still:
            rows.append((1.0, 0.0, 0.0, 0.0))
            continue
        zoom = 2.0 ** (rng.gauss(0.006, 0.010))
        pan = (rng.gauss(0, 0.002), rng.gauss(0, 0.002))
        rows.append((zoom, rng.gauss(0, 0.008), *pan))
    zoom, rotate, pan_x, pan_y = torch.tensor(rows).unbind(1)
    return Drift(zoom, rotate, pan_x, pan_y)


def view(
    gen: torch.Generator,
    clips: int,
    audio: Tensor,
    time: Tensor,
    size: int,
    sway: float,
    drift: Drift | None,
    keep: tuple[int, ...],
) -> tuple[Tensor, Tensor]:
    """(n, h, w) coordinates of every pixel; bass pulls the camera in, an onset twists it."""
    device, frames = time.device, time.shape[0] // clips
    axis = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    rnd = noise.uniform(gen, device, clips, 5).repeat_interleave(frames, 0)[..., None, None]
    if drift is not None:
        # counted from the last frame drawn, which is seen as it is
        power = torch.tensor([[k - keep[-1] for k in keep]], device=device).expand(clips, -1)
        a, b = (v.reshape(-1, 1, 1).to(torch.complex64) for v in drift.to(device).affine(power))
        x, y = (
            a.real * x - a.imag * y + b.real,
            a.real * y + a.imag * x + b.imag,
        )
    bass, onset = (audio[:, k].reshape(-1, 1, 1) for k in (0, 3))
    t = time[:, None, None]
    zoom = (1.1 - 0.24 * bass) * (1 + 0.06 * (0.7 * t + 6 * rnd[:, 0]).sin())
    turn = sway * ((rnd[:, 1] - 0.5) * 2.5 + (rnd[:, 2] - 0.5) * 0.35 * t)
    turn = turn + 0.22 * onset * (1.5 - (x * x + y * y).clamp(max=2)) * (0.3 + 0.7 * sway)
    u, v = (x - 0.3 * (rnd[:, 3] - 0.5)) * zoom, (y - 0.3 * (rnd[:, 4] - 0.5)) * zoom
    return turn.cos() * u - turn.sin() * v, turn.sin() * u + turn.cos() * v


def clip_time(audio: Tensor, speed: Tensor, start: Tensor) -> Tensor:
    """(clips, frames) phase: the mid band sets how far a frame moves on."""
    step = 0.05 * speed[:, None] * (0.25 + 1.9 * audio[..., 1])
    return start[:, None] + step.cumsum(1)
