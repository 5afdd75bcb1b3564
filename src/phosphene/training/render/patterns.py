"""Families that repeat: stripes, checks, hexagons, tunnels, mandalas."""

from __future__ import annotations

import torch

from phosphene.training.render.canvas import Canvas, Field, smooth

TAU = 6.283185


def kaleidoscope(c: Canvas) -> Field:
    folds = c.whole(0, 3, 6) * 2
    wedge = TAU / folds
    a = (c.angle + 0.25 * c.t).remainder(wedge)
    a = torch.minimum(a, wedge - a)
    x, y = c.r * a.cos(), c.r * a.sin()
    gas = c.noise(x * c.scale + 0.3 * c.t.sin(), y * c.scale, channels=2, base=5, octaves=3)
    value = 0.5 + 0.5 * (2.2 * gas[:, 0] + 5 * c.r - 0.6 * c.t).sin()
    return Field(value, 0.7 + 0.35 * torch.tanh(1.5 * gas[:, 1]))


def mandala(c: Canvas) -> Field:
    n = c.whole(0, 6, 14)
    a = c.angle + 0.15 * c.t
    value = torch.zeros_like(c.x) + 0.06
    light = torch.full_like(c.x, 0.85)
    for k in range(5, 0, -1):
        reach = 0.24 * k * (1 + 0.06 * (c.t + k).sin()) / c.scale
        petal = ((a + (k % 2) * TAU / 2 / n) * n / 2).cos().abs().pow(c.p(1, 0.5, 1.3))
        edge = reach * (0.62 + 0.38 * petal) - c.r
        inside = smooth(-0.012, 0.012, edge)
        tone = 0.28 + 0.13 * k + 0.35 * smooth(0.0, 0.2, edge)
        line = smooth(0.035, 0.012, edge.abs())
        value = value * (1 - inside) + (tone.remainder(1.0)) * inside
        light = (light * (1 - inside) + (0.8 + 0.25 * petal) * inside) * (1 - 0.75 * line)
    return Field(value, light)


def flower(c: Canvas) -> Field:
    n = c.whole(0, 5, 9)
    value = torch.full_like(c.x, 0.05)
    light = torch.full_like(c.x, 0.8)
    for k in range(6, 0, -1):
        a = c.angle + k * 2.4 + 0.2 * c.t
        reach = (0.2 + 0.16 * k) / c.scale
        petal = (0.5 + 0.5 * (n * a).cos()).sqrt()
        edge = reach * (0.45 + 0.55 * petal) - c.r
        inside = smooth(-0.01, 0.015, edge)
        rim = (edge / reach).clamp(0, 1)
        value = value * (1 - inside) + (0.95 - 0.09 * k - 0.45 * rim) * inside
        light = light * (1 - inside * 0.55 * smooth(0.0, 0.08, -edge + 0.08)) + 0.2 * inside * rim
    return Field((0.9 * value).clamp(0, 1), light)


def spiral(c: Canvas) -> Field:
    arms = c.whole(0, 1, 5)
    pitch = c.p(1, 2.5, 5) * c.scale
    u = arms * c.angle + pitch * (c.r + 0.03).log() * 2 - 2.0 * c.t
    soft = c.p(2, 0.6, 2.5)
    return Field(
        0.5 + 0.5 * torch.tanh(soft * u.sin()) / torch.tanh(soft), 0.55 + 0.5 * c.r.clamp(max=1)
    )


def vortex(c: Canvas) -> Field:
    twist = c.p(0, 2.0, 4.5) * (-1.3 * c.r).exp() * 2
    a = c.angle + twist + 0.4 * c.t
    x, y = c.r * a.cos(), c.r * a.sin()
    gas = c.noise(x * c.scale, y * c.scale, base=5, octaves=4)[:, 0]
    eye = smooth(0.02, 0.3, c.r)
    return Field(
        0.5 + 0.5 * (1.8 * gas + 3 * c.r - c.t).sin(), (0.15 + 0.9 * eye) * (1.1 - 0.25 * c.r)
    )


def tunnel(c: Canvas) -> Field:
    depth = 0.6 / (c.r + 0.02)
    n = c.whole(0, 3, 8)
    u = depth * c.p(1, 1.5, 3) * c.scale + 2.0 * c.t
    v = c.angle + 0.3 * depth * c.p(2, -1, 1)
    wall = torch.tanh(2.5 * (TAU / 2 * u).sin() * (n * v).cos())
    return Field(0.5 + 0.46 * wall, smooth(0.02, 0.75, c.r) * 1.15)


def ripples(c: Canvas) -> Field:
    rnd = c.random(2, 3)
    value = torch.zeros_like(c.x)
    for k in range(3):
        dx, dy = (
            c.x - 1.6 * (rnd[:, 0, k, None, None] - 0.5),
            c.y - 1.6 * (rnd[:, 1, k, None, None] - 0.5),
        )
        d = (dx * dx + dy * dy + 1e-4).sqrt()
        value = value + (d * c.p(0, 11, 20) * c.scale - 2.2 * c.t + k).sin() / (1 + 0.6 * d)
    return Field(0.5 + 0.24 * value, 0.85 + 0.16 * value)


def rings(c: Canvas) -> Field:
    u = c.r * c.p(0, 2.5, 5) * c.scale - 0.6 * c.t
    wave = torch.tanh(c.p(1, 1, 4) * (TAU * u).sin())
    step = (u + 0.25).floor().remainder(3.0) / 3.0
    return Field(0.25 + 0.2 * wave + 0.5 * step, 0.8 + 0.25 * wave)


def stripes(c: Canvas) -> Field:
    x, y = c.flow(c.p(0, 0.0, 0.35), base=2, octaves=2)
    turn = c.p(1, 0, 3.14)
    u = (turn.cos() * x + turn.sin() * y) * c.p(2, 2.0, 4.5) * c.scale + 0.4 * c.t
    wave = torch.tanh(4 * (TAU * u).sin())
    third = (u.floor().remainder(3.0)) / 3.0
    return Field(0.14 + 0.13 * (1 + wave) * (1 + 2 * third), torch.full_like(c.x, 1.0))


def checker(c: Canvas) -> Field:
    bulge = 1 + c.p(0, -0.35, 0.9) * (-2.0 * c.r * c.r).exp() * (0.6 + 0.4 * c.t.sin())
    turn = c.p(1, 0, 1.57) + 0.1 * c.t
    x, y = c.x / bulge, c.y / bulge
    u = (turn.cos() * x + turn.sin() * y) * c.p(2, 6, 11) * c.scale + c.t
    v = (turn.cos() * y - turn.sin() * x) * c.p(2, 6, 11) * c.scale
    tile = torch.tanh(7 * u.sin() * v.sin())
    return Field(0.5 + 0.46 * tile, 0.65 + 0.4 * bulge.clamp(max=1.2) / 1.2)


def dots(c: Canvas) -> Field:
    f = c.p(0, 2.2, 4.5) * c.scale
    turn = c.p(1, 0, 1.57)
    u = (turn.cos() * c.x + turn.sin() * c.y) * f + 0.3 * c.t
    v = (turn.cos() * c.y - turn.sin() * c.x) * f
    cx, cy = u.round(), v.round()
    d = ((u - cx) ** 2 + (v - cy) ** 2).sqrt()
    size = 0.3 + 0.14 * (1.3 * cx + 0.9 * cy + 2 * c.t).sin()
    disc = smooth(0.04, -0.04, d - size)
    tone = 0.66 + 0.3 * (0.8 * cx - 1.1 * cy).sin()
    return Field(0.1 * (1 - disc) + tone * disc, 0.9 + 0.15 * disc)


def hexagons(c: Canvas) -> Field:
    f = c.p(0, 2.2, 4.2) * c.scale
    u, v = c.x * f + 0.25 * c.t, c.y * f

    def cell(dx: float, dy: float) -> tuple[torch.Tensor, torch.Tensor]:
        px = ((u - dx) / 1.0).round() + dx
        py = ((v - dy) / 1.7320508).round() * 1.7320508 + dy
        return px, py

    ax, ay = cell(0.0, 0.0)
    bx, by = cell(0.5, 0.8660254)
    closer = ((u - ax) ** 2 + (v - ay) ** 2) < ((u - bx) ** 2 + (v - by) ** 2)
    px, py = torch.where(closer, ax, bx), torch.where(closer, ay, by)
    qx, qy = (u - px).abs(), (v - py).abs()
    edge = 0.5 - torch.maximum(qx, 0.5 * qx + 0.8660254 * qy)
    pulse = 0.5 + 0.5 * (1.7 * px + 2.3 * py + 1.5 * c.t + 0.8 * (px * py).sin()).sin()
    line = smooth(0.07, 0.02, edge)
    return Field(0.15 + 0.8 * pulse * (1 - line), (1 - 0.8 * line) * (0.75 + 0.6 * edge))


def labyrinth(c: Canvas) -> Field:
    x, y = c.flow(c.p(0, 0.15, 0.35), base=3, octaves=2)
    f = c.p(1, 8, 13) * c.scale
    a = (f * x + 1.5 * (f * 0.5 * y + c.t).sin()).sin()
    b = (f * y + 1.5 * (f * 0.5 * x - 0.8 * c.t).sin()).sin()
    wall = torch.tanh(4 * (a + b))
    return Field(0.5 + 0.44 * wall, 0.9 + 0.12 * wall)


def scales(c: Canvas) -> Field:
    f = c.p(0, 2.6, 4.6) * c.scale
    u, v = c.x * f, c.y * f * 1.6 + 0.3 * c.t
    value = torch.zeros_like(u)
    light = torch.zeros_like(u)
    for k in (2.0, 1.0, 0.0):
        row = v.floor() - k + 1
        shift = 0.5 * row.remainder(2.0)
        col = (u - shift).round()
        dx, dy = u - shift - col, (v - row) / 1.6
        d = (dx * dx + dy * dy).sqrt()
        inside = smooth(0.66, 0.63, d) * (dy > -0.02)
        tone = 0.5 + 0.4 * (1.1 * col + 0.7 * row + c.t).sin()
        value = value * (1 - inside) + (tone * 0.5 + 0.45 * (1 - d)) * inside
        light = light * (1 - inside) + smooth(0.66, 0.4, d) * inside
    return Field(value, 0.25 + 0.9 * light)


def grid(c: Canvas) -> Field:
    horizon = c.p(0, -0.35, 0.1)
    z = 0.35 / ((c.y - horizon).clamp(min=0.012))
    u, v = c.x * z * 2.6 * c.scale, z * 3.0 * c.scale + 1.6 * c.t
    width = 0.05 + 0.05 * z

    def line(w: torch.Tensor) -> torch.Tensor:
        return smooth(width, 0.3 * width, (w - w.round()).abs())

    floor = torch.maximum(line(u), line(v)) * (-0.28 * z).exp()
    below = smooth(-0.004, 0.004, c.y - horizon)
    sun_d = (c.x * c.x + (c.y - horizon + 0.32) ** 2).sqrt()
    bars = smooth(-0.2, 0.2, (38 * (c.y - horizon)).sin() + 0.9 - 2.2 * (c.y - horizon + 0.5))
    sun = smooth(0.4, 0.385, sun_d) * bars
    sky = 0.12 + 0.3 * (-3 * (c.y - horizon).abs()).exp()
    value = below * (0.06 + 0.8 * floor) + (1 - below) * (
        sky * (1 - sun) + sun * (0.75 - 0.35 * c.y)
    )
    return Field(value, 0.75 + 0.5 * floor * below + 0.35 * sun * (1 - below))
