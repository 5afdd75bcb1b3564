"""Camera moves of clips, such as a stream makes them."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor


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
