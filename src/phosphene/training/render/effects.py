"""Families that look like something done to a picture: contour lines, rain on glass, glitches."""

from __future__ import annotations

import torch
from torch import Tensor

from phosphene.training.render.canvas import Canvas, Field, drifting_points, smooth


def _hash(x: Tensor, y: Tensor) -> Tensor:
    """Numbers in [0, 1) that look random, from whole ones."""
    return ((x * 12.9898 + y * 78.233).sin() * 43758.5453).remainder(1.0)


def flow_field(c: Canvas) -> Field:
    # lines of equal stream function are where a swimmer would drift
    x, y = c.flow(c.p(0, 0.1, 0.3), octaves=2)
    psi = c.noise(x, y, base=2, octaves=2, gain=0.4)[:, 0] + 0.6 * c.y
    lines = c.p(1, 2.0, 4.0) * c.scale
    u = psi * lines + 0.5 * c.t
    ridge = (u - u.round()).abs()
    line = smooth(0.2, 0.06, ridge)
    tone = 0.3 + 0.22 * psi
    return Field(0.12 + 0.35 * tone + (0.35 + 0.3 * tone) * line, 0.6 + 0.5 * line)


def rain_glass(c: Canvas) -> Field:
    lamps = c.noise(c.x * 0.8, c.y * 0.8, base=4, octaves=1, speed=0.4)[:, 0]
    value = 0.16 + 0.3 * smooth(0.2, 1.8, lamps)
    light = 0.55 + 0.5 * smooth(0.0, 2.0, lamps)
    k = 36
    rnd = c.random(3, k)
    px, py = drifting_points(c, k, wander=0.02)
    fall = c.time[:, None] * 0.22 * rnd[:, 0] ** 3
    py = (py + fall + 1.6).remainder(3.2) - 1.6
    for i in range(k):
        radius = (0.06 + 0.16 * rnd[:, 1, i] ** 2)[:, None, None] / c.scale
        dx = (c.x - px[:, i, None, None]) / radius
        dy = (c.y - py[:, i, None, None]) / (1.25 * radius)
        d = (dx * dx + dy * dy).sqrt()
        drop = smooth(1.04, 0.96, d)
        # a drop is a lens: the light of the street stands on its head
        inner = 0.3 + 0.45 * smooth(-0.9, 0.9, dy) + 0.15 * rnd[:, 2, i, None, None]
        rim = smooth(0.75, 1.0, d)
        spot = smooth(0.32, 0.12, ((dx + 0.35) ** 2 + (dy + 0.4) ** 2).sqrt())
        value = value * (1 - drop) + drop * (inner - 0.25 * rim) + 0.35 * spot * drop
        light = light * (1 - drop) + drop * (1.0 - 0.45 * rim) + 0.6 * spot * drop
    return Field(value.clamp(0, 1), light)


def glitch(c: Canvas) -> Field:
    tick = (1.2 * c.t).floor()
    band = (c.y * c.p(0, 4, 8) * c.scale).floor()
    jump = _hash(band, tick)
    x = c.x + torch.where(jump > 0.6, 1.6 * (jump - 0.8), torch.zeros_like(jump))
    column = (x * c.p(1, 3, 7) * c.scale).floor()
    row = (c.y * c.p(2, 6, 16) * c.scale).floor()
    tone = _hash(column + 17.0, row + (0.5 * tick).floor())
    torn = _hash(band + 5.0, tick + 9.0) > 0.75
    stripe = 0.5 + 0.5 * (40 * x).sin()
    value = torch.where(torn, 0.25 + 0.6 * stripe, 0.1 + 0.8 * tone * tone)
    scan = 0.5 + 0.5 * (c.y * 110).sin()
    return Field(value, 0.75 + 0.3 * scan + 0.25 * torn)
