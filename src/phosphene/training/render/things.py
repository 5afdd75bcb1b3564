"""Families with bodies: cells, crystals, stars, galaxies, hills, glowing curves."""

from __future__ import annotations

import torch

from phosphene.training.render.canvas import Canvas, Field, drifting_points, nearest_two, smooth


def _pick(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """(n, k) per-point values at (n, h, w) indices."""
    return values.gather(1, index.flatten(1)).view(index.shape)


def cells(c: Canvas) -> Field:
    px, py = drifting_points(c, 25)
    x, y = c.flow(c.p(0, 0.02, 0.08))
    f1, f2, _ = nearest_two(_at(c, x * c.scale, y * c.scale), px, py)
    wall = smooth(0.02, 0.09, f2 - f1)
    nucleus = smooth(0.13, 0.09, f1)
    body = 0.75 - 0.9 * f1
    return Field((0.1 + body * wall) * (1 - nucleus) + 0.95 * nucleus, 0.55 + 0.5 * wall)


def _at(c: Canvas, x: torch.Tensor, y: torch.Tensor) -> Canvas:
    return Canvas(c.gen, c.clips, x, y, c.time, c.params, c.audio, c.scale)


def stained_glass(c: Canvas) -> Field:
    px, py = drifting_points(c, 25, wander=0.1)
    f1, f2, index = nearest_two(_at(c, c.x * c.scale, c.y * c.scale), px, py)
    tone = _pick(c.random(25), index)
    lead = smooth(0.025, 0.06, f2 - f1)
    grain = c.noise(c.x, c.y, base=12, octaves=2, speed=0.3)[:, 0]
    return Field(0.2 + 0.75 * tone, lead * (0.9 + 0.1 * grain + 0.25 * (0.3 - f1)))


def crystal(c: Canvas) -> Field:
    px, py = drifting_points(c, 36)
    f1, f2, index = nearest_two(_at(c, c.x * c.scale, c.y * c.scale), px, py)
    turn = 6.28 * _pick(c.random(36), index) + 0.5 * c.t
    facet = (turn.cos() * (c.x - _pick(px, index)) + turn.sin() * (c.y - _pick(py, index))) * 1.8
    edge = smooth(0.05, 0.0, f2 - f1)
    tone = 0.25 + 0.5 * _pick(c.random(36), index) + facet
    return Field((tone + 0.5 * edge).clamp(0, 1), 0.8 + 0.5 * facet + 0.45 * edge)


def bubbles(c: Canvas) -> Field:
    k = 16
    rnd = c.random(4, k)
    px, py = drifting_points(c, k, reach=1.4)
    py = (py - 0.3 * c.time[:, None] * (0.6 + 0.8 * rnd[:, 0]) + 1.6).remainder(3.2) - 1.6
    value = 0.1 + 0.1 * (c.y + 1)
    light = torch.full_like(c.x, 0.75)
    for i in range(k):
        radius = (0.12 + 0.3 * rnd[:, 1, i] ** 2)[:, None, None] / c.scale
        dx, dy = c.x - px[:, i, None, None], c.y - py[:, i, None, None]
        d = (dx * dx + dy * dy).sqrt() / radius
        disc = smooth(1.03, 0.98, d)
        rim = disc * d.clamp(max=1.0) ** 5
        spot = smooth(0.3, 0.12, ((dx / radius + 0.4) ** 2 + (dy / radius + 0.42) ** 2).sqrt())
        tone = 0.35 + 0.45 * rnd[:, 2, i, None, None]
        value = value * (1 - 0.75 * disc) + disc * 0.75 * (tone * 0.6 + 0.4 * rim)
        value = value + 0.3 * rim + spot * 0.5
        light = light * (1 - 0.3 * disc) + 0.3 * disc + 0.35 * rim + 0.7 * spot
    return Field(value.clamp(0, 1), light)


def stars(c: Canvas) -> Field:
    k = 30
    rnd = c.random(3, k)
    px, py = drifting_points(c, 36, wander=0.03)
    value = 0.26 + 0.12 * c.noise(c.x, c.y, base=3)[:, 0]
    glow = torch.zeros_like(c.x)
    for i in range(k):
        dx, dy = (c.x - px[:, i, None, None]).abs(), (c.y - py[:, i, None, None]).abs()
        size = (0.02 + 0.06 * rnd[:, 0, i] ** 3)[:, None, None] / c.scale
        twinkle = 0.75 + 0.25 * (c.t * (1 + 2 * rnd[:, 1, i, None, None]) * 2 + 9 * i).sin()
        d2 = dx * dx + dy * dy
        flare = (-(dx * dy) / (0.04 * size * size + 1e-7) - 6 * d2.sqrt()).exp() * (size > 0.036)
        glow = glow + twinkle * (1.4 * (-d2 / (size * size)).exp() + 0.7 * flare)
    return Field(value + 0.8 * glow.clamp(0, 1), 0.55 + 0.9 * glow)


def galaxy(c: Canvas) -> Field:
    tilt = c.p(0, 1.0, 2.2)
    y = c.y * tilt
    r = (c.x * c.x + y * y + 1e-5).sqrt() * 1.1 * c.scale
    a = torch.atan2(y, c.x)
    arms = c.whole(1, 2, 4)
    gas = c.noise(c.x * 1.5, y * 1.5, channels=2, base=5, octaves=4, speed=0.4)
    wave = 0.5 + 0.5 * (arms * a + 5.5 * (r + 0.05).log() - 0.6 * c.t + 0.5 * gas[:, 0]).cos()
    disc = (-1.9 * r).exp()
    core = (-26 * r * r).exp()
    bright = 1.5 * disc * (0.15 + wave.pow(1.6)) * (1 + 0.25 * gas[:, 1]) + core
    sparks = smooth(2.6, 3.4, c.noise(c.x, c.y, base=58, octaves=1, speed=0.2)[:, 0])
    return Field((0.1 + 0.75 * bright).clamp(0, 1), 0.3 + 0.9 * bright + 0.9 * sparks)


def orb(c: Canvas) -> Field:
    radius = c.p(0, 0.45, 0.7) / c.scale.sqrt()
    gas = c.noise(c.x * 1.2, c.y * 1.2, channels=2, base=4, octaves=4)
    lift = (1 - (c.r / radius).clamp(max=1) ** 2).sqrt()
    bands = 0.5 + 0.4 * (7 * c.y / radius * c.p(1, 0.3, 1) + 1.5 * gas[:, 0] + 0.6 * c.t).sin()
    disc = smooth(0.008, -0.008, c.r - radius)
    out = (c.r - radius).clamp(min=0)
    rays = 0.6 + 0.4 * (c.angle * c.whole(2, 5, 12) + 1.2 * gas[:, 1] + 0.4 * c.t).sin()
    corona = (-4.5 * out).exp() * rays
    sun = 0.35 + 0.65 * (0.5 + 0.5 * ((c.x + c.y) / radius)).clamp(0, 1)
    value = disc * bands + (1 - disc) * (0.08 + 0.62 * corona)
    return Field(value, disc * (0.35 + 0.8 * lift * sun) + (1 - disc) * (0.45 + 0.8 * corona))


def rays(c: Canvas) -> Field:
    n = c.whole(0, 6, 16)
    u = n * (c.angle + 0.2 * c.t) + c.p(1, 0, 2.0) * (4 * c.r).sin()
    beam = torch.tanh(c.p(2, 1.5, 5) * u.sin())
    core = (-5 * c.r * c.r).exp()
    return Field(
        (0.42 + 0.34 * beam + 0.5 * core).clamp(0, 1), 0.95 + 0.1 * beam - 0.15 * c.r + 0.3 * core
    )


def neon_curves(c: Canvas) -> Field:
    glow = torch.zeros_like(c.x)
    tone = torch.zeros_like(c.x)
    rnd = c.random(4, 6)
    for k in range(6):
        a, b, s, o = (rnd[:, i, k, None, None] for i in range(4))
        line = (1.6 * o - 0.8) + (0.2 + 0.3 * a) * (
            (2 + 3 * b) * c.x * c.scale + c.t * (0.6 + s) + 6 * o
        ).sin()
        line = line + 0.12 * (7 * c.x * a + 2 * c.t).sin()
        d = (c.y - line).abs()
        lit = (-((d / 0.02) ** 2)).exp() + 0.32 * (-9 * d).exp()
        glow = glow + lit
        tone = tone + lit * (0.35 + 0.6 * (k / 5))
    mixed = tone / (glow + 0.05)
    bright = glow.clamp(0, 1.3)
    return Field(0.05 + mixed * smooth(0.0, 0.5, bright) * 0.95, 0.25 + 1.05 * bright)


def mountains(c: Canvas) -> Field:
    sun_x, sun_y = c.p(0, -0.6, 0.6), c.p(1, -0.6, -0.1)
    d = ((c.x - sun_x) ** 2 + (c.y - sun_y) ** 2).sqrt()
    sun = smooth(0.24, 0.225, d)
    value = 0.72 + 0.18 * c.y + 0.3 * sun + 0.12 * (-3 * d).exp()
    light = torch.ones_like(c.x) + 0.1 * sun
    for k in range(5):
        ridge = c.noise(
            c.x + 0.13 * c.t * (0.3 + 0.3 * k),
            torch.full_like(c.y, 0.2 * k - 0.5),
            base=3 + k,
            octaves=4,
            speed=0.0,
        )[:, 0]
        top = -0.25 + 0.26 * k - (0.2 - 0.012 * k) * ridge * c.scale.sqrt()
        rock = smooth(-0.008, 0.008, c.y - top)
        shade = 0.56 - 0.115 * k + 0.1 * (1 - ((c.y - top) * 3).clamp(0, 1))
        value = value * (1 - rock) + shade * rock
    return Field(value, light)


def dunes(c: Canvas) -> Field:
    value = 0.9 - 0.1 * c.y
    light = torch.ones_like(c.x)
    for k in range(5):
        u = (
            c.x * (1.3 + 0.35 * k) * c.scale.sqrt()
            + 6 * c.p(0, 0, 1)
            + 1.9 * k
            + 0.25 * c.t * (1 + 0.4 * k)
        )
        crest = -0.5 + 0.33 * k + 0.2 * u.sin() + 0.05 * (2.7 * u).sin()
        sand = smooth(-0.008, 0.008, c.y - crest)
        lee = smooth(-0.4, 0.4, (u + 0.5 + 1.6 * (c.y - crest)).cos())
        rippling = 0.025 * ((c.y - crest) * 44 * c.scale + 5 * u.sin()).sin()
        value = value * (1 - sand) + (0.22 + 0.5 * lee + rippling) * sand
        light = light * (1 - sand) + (0.72 + 0.35 * lee) * sand
    return Field(value, light)


def julia(c: Canvas) -> Field:
    turn = c.p(0, 0, 6.28) + 0.12 * c.t
    cr, ci = 0.7885 * turn.cos(), 0.7885 * turn.sin()
    zr, zi = 1.25 * c.x / c.scale.sqrt(), 1.25 * c.y / c.scale.sqrt()
    count = torch.zeros_like(zr)
    trap = torch.full_like(zr, 9.0)
    for _ in range(18):
        r2, i2 = zr * zr, zi * zi
        alive = ((r2 + i2) < 16).float()
        count = count + alive
        trap = torch.minimum(trap, (r2 + i2))
        zr, zi = (r2 - i2 + cr).clamp(-9, 9), (2 * zr * zi + ci).clamp(-9, 9)
    inside = (count > 17.5).float()
    value = (count / 18).pow(1.2) * (1 - inside) + inside * (0.75 * (1 - trap.sqrt()).clamp(0, 1))
    return Field(value, 0.75 + 0.45 * (1 - trap.clamp(max=1)))
