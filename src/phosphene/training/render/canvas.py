"""What a family draws on: coordinates, parameters and noise of a batch of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from phosphene.training.render import noise

PARAMS = 8
AUDIO = ("bass", "mid", "treble", "onset", "beat_phase")


class Field(NamedTuple):
    """A picture before its colours: palette position and brightness, both (n, h, w)."""

    value: Tensor
    light: Tensor


@dataclass(frozen=True)
class Canvas:
    """One batch of frames of one family; frames of a clip are neighbours.

    x, y: (n, h, w) camera coordinates, the picture spans [-1, 1].
    time: (n,) phase. params: (n, PARAMS) in [0, 1]. audio: (n, 5), see `AUDIO`.
    scale: (n, 1, 1) detail factor, above 1 is finer.
    """

    gen: torch.Generator
    clips: int
    x: Tensor
    y: Tensor
    time: Tensor
    params: Tensor
    audio: Tensor
    scale: Tensor

    @property
    def t(self) -> Tensor:
        return self.time[:, None, None]

    @property
    def r(self) -> Tensor:
        return (self.x * self.x + self.y * self.y + 1e-6).sqrt()

    @property
    def angle(self) -> Tensor:
        return torch.atan2(self.y, self.x)

    def p(self, k: int, low: float, high: float) -> Tensor:
        """(n, 1, 1) parameter k in [low, high]."""
        return (low + (high - low) * self.params[:, k])[:, None, None]

    def whole(self, k: int, low: int, high: int) -> Tensor:
        """(n, 1, 1) parameter k as a whole number in [low, high]."""
        return (low + (high + 1 - low) * self.params[:, k] * 0.999).floor()[:, None, None]

    def hear(self, name: str) -> Tensor:
        """(n, 1, 1) one component of the audio vector."""
        return self.audio[:, AUDIO.index(name)][:, None, None]

    def random(self, *shape: int) -> Tensor:
        """(n, *shape) uniform numbers, the same for the frames of a clip."""
        value = noise.uniform(self.gen, self.x.device, self.clips, *shape)
        return value.repeat_interleave(self.time.shape[0] // self.clips, dim=0)

    def noise(
        self,
        x: Tensor,
        y: Tensor,
        *,
        channels: int = 1,
        base: int = 4,
        octaves: int = 4,
        gain: float = 0.5,
        speed: float = 1.0,
    ) -> Tensor:
        """(n, channels, h, w) fractal noise of unit variance at the coordinates x, y."""
        tex = noise.texture(
            self.gen,
            self.clips,
            self.time,
            channels=channels,
            base=base,
            octaves=octaves,
            gain=gain,
            speed=speed,
        )
        return noise.sample(tex, x, y)

    def flow(self, amount: Tensor, *, base: int = 3, octaves: int = 3) -> tuple[Tensor, Tensor]:
        """Coordinates pushed about by noise: the domain warp of Quilez."""
        push = self.noise(self.x, self.y, channels=2, base=base, octaves=octaves)
        return self.x + amount * push[:, 0], self.y + amount * push[:, 1]


def smooth(low: float | Tensor, high: float | Tensor, v: Tensor) -> Tensor:
    """GLSL smoothstep."""
    u = ((v - low) / (high - low)).clamp(0, 1)
    return u * u * (3 - 2 * u)


def nearest_two(c: Canvas, px: Tensor, py: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Voronoi distances F1, F2 and the index of the nearest point.

    Args:
        px, py: (n, k) points.

    Returns:
        three (n, h, w).
    """
    dx = c.x[:, None] - px[..., None, None]
    dy = c.y[:, None] - py[..., None, None]
    best, index = (dx * dx + dy * dy).topk(2, dim=1, largest=False)
    best = best.sqrt()
    return best[:, 0], best[:, 1], index[:, 0]


def drifting_points(
    c: Canvas, k: int, reach: float = 1.5, wander: float = 0.12
) -> tuple[Tensor, Tensor]:
    """(n, k) jittered-grid points that wander on small circles: even cover without clumps."""
    side = int(k**0.5 + 0.999)
    rnd = c.random(4, side * side)
    ij = torch.arange(side * side, device=c.x.device)
    cell = 2 * reach / side
    turn = 6.283 * rnd[:, 2] + c.time[:, None] * (0.5 + rnd[:, 3])
    px = -reach + ((ij % side) + 0.15 + 0.7 * rnd[:, 0]) * cell + wander * turn.cos()
    py = -reach + ((ij // side) + 0.15 + 0.7 * rnd[:, 1]) * cell + wander * turn.sin()
    return px, py
