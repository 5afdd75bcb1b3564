"""Families that flow: smoke, ink, fire, water, clouds and light."""

from __future__ import annotations

import torch

from phosphene.training.render.canvas import Canvas, Field, smooth


def nebula(c: Canvas) -> Field:
    x, y = c.flow(c.p(0, 0.12, 0.3))
    gas = c.noise(x * c.scale, y * c.scale, channels=2, base=3, octaves=5, gain=0.55)
    body = torch.sigmoid(1.1 * gas[:, 0])
    stars = smooth(3.2, 4.2, c.noise(c.x, c.y, base=56, octaves=1, speed=0.2)[:, 0])
    dust = smooth(-1.8, 1.2, gas[:, 1])
    return Field(0.05 + body * 0.85, 0.12 + 1.05 * dust * body.sqrt() + 1.5 * stars)


def smoke(c: Canvas) -> Field:
    x, y = c.x * c.scale, c.y + 0.25 * c.t
    bend = c.noise(c.x, c.y, channels=2, base=3, octaves=3)
    x = x + c.p(0, 0.15, 0.35) * bend[:, 0]
    wisps = c.noise(x, 0.45 * y * c.scale + 0.3 * bend[:, 1], base=3, octaves=4, gain=0.42)[:, 0]
    body = smooth(-2.4, 2.6, wisps)
    return Field(0.05 + 0.85 * body, 0.15 + 1.0 * body)


def ink(c: Canvas) -> Field:
    x, y = c.flow(c.p(0, 0.35, 0.7), octaves=4)
    drop = c.noise(x * c.scale, y * c.scale, base=2, octaves=5)[:, 0] + 0.5 - 0.55 * c.r
    edge = smooth(-0.1, 0.12, drop)
    depth = torch.sigmoid(1.8 * drop)
    return Field(0.98 - 0.2 * edge - 0.62 * edge * depth, 1.0 - 0.12 * edge)


def marble(c: Canvas) -> Field:
    x, y = c.flow(c.p(0, 0.15, 0.4), octaves=4)
    bend = c.noise(x, y, base=3, octaves=5)[:, 0]
    turn = c.p(1, 0, 3.1)
    stripe = (turn.cos() * x + turn.sin() * y) * c.p(2, 3, 6) * c.scale
    vein = (stripe + 0.9 * bend + 0.4 * c.t).sin().abs()
    return Field(vein.pow(0.7), 0.75 + 0.3 * vein)


def silk(c: Canvas) -> Field:
    x, y = c.flow(c.p(0, 0.4, 0.8), base=2, octaves=2)
    turn = c.p(1, 0, 3.1)
    u = (turn.cos() * x + turn.sin() * y) * c.p(2, 2.5, 5) * c.scale + 0.5 * c.t
    fold = u.sin() + 0.35 * (2.3 * u + 3 * y).sin()
    shine = (u + 0.9).cos().clamp(min=0).pow(6)
    return Field(0.5 + 0.36 * fold, 0.62 + 0.3 * u.cos() + 0.55 * shine)


def plasma(c: Canvas) -> Field:
    f, t = c.p(0, 2.5, 5) * c.scale, c.t
    a = (f * c.x + t).sin() + (f * c.y * c.p(1, 0.6, 1.4) - 0.7 * t).sin()
    b = (f * (c.x + c.y) * 0.7 + 1.3 * t).sin() + (f * 1.3 * c.r - 1.1 * t).sin()
    return Field(0.5 + 0.5 * ((a + b) * c.p(2, 1.0, 1.6)).sin(), torch.full_like(c.x, 1.0))


def liquid(c: Canvas) -> Field:
    x, y = 1.4 * c.x * c.scale, 1.4 * c.y * c.scale
    shift = c.p(0, 0, 6.28)
    for k in range(1, 5):
        x, y = (
            x + 0.75 / k * (k * 1.6 * y + 0.5 * c.t + shift + k).sin(),
            y + 0.75 / k * (k * 1.6 * x - 0.4 * c.t + 2 * k).cos(),
        )
    value = 0.5 + 0.5 * (1.5 * x + y).sin()
    rim = (2.2 * y - x).sin().clamp(min=0).pow(8)
    return Field(value, 0.72 + 0.25 * (x - y).cos() + 0.5 * rim)


def lava_lamp(c: Canvas) -> Field:
    k = 7
    rnd = c.random(5, k)
    time = c.time[:, None]
    px = 1.1 * (2 * rnd[:, 0] - 1) + 0.15 * (time * (0.4 + rnd[:, 1]) + 6 * rnd[:, 2]).sin()
    py = 1.2 * (time * (0.25 + 0.35 * rnd[:, 3]) + 6.283 * rnd[:, 4]).sin()
    size = (0.16 + 0.24 * rnd[:, 2])[..., None, None] / c.scale[:, None]
    d2 = (c.x[:, None] - px[..., None, None]) ** 2 + 0.7 * (c.y[:, None] - py[..., None, None]) ** 2
    heat = (size * size / (d2 + 0.004)).sum(1)
    wax = smooth(0.94, 1.06, heat)
    back = 0.08 + 0.14 * (c.y + 1) / 2 + 0.1 * smooth(0.3, 1.0, heat)
    body = 0.45 + 0.5 * smooth(1.0, 4.5, heat)
    return Field(back * (1 - wax) + body * wax, 0.75 + 0.3 * wax)


def fire(c: Canvas) -> Field:
    rise = 1.1 * c.t
    x, y = c.x * c.scale, c.y
    lick = c.noise(x, 0.5 * y + 0.35 * rise, channels=2, base=4, octaves=4)
    x = x + 0.22 * lick[:, 1] * (1 - y)
    tongue = c.noise(x, 0.45 * y + 0.5 * rise, base=5, octaves=4)[:, 0]
    heat = 0.5 + 0.48 * y + c.p(0, -0.1, 0.15) + 0.2 * tongue
    heat = heat.clamp(0, 1.1)
    return Field(heat, smooth(0.02, 0.5, heat) * 1.1)


def caustics(c: Canvas) -> Field:
    f = c.p(0, 2.2, 3.6) * c.scale
    x, y = c.flow(c.p(1, 0.05, 0.15))
    x, y = f * x, f * y
    bright = torch.zeros_like(x)
    u, v = x, y
    for k in range(4):
        s = c.t * (1 - 0.25 * k) + 5.0 * c.p(2, 0, 1)
        u, v = x + (s - u).cos() + (s + v).sin(), y + (s - v).sin() + (s + u).cos()
        bright = bright + 1 / ((x / (u + s).sin().clamp_min(1e-2) * 9).abs() + 1).sqrt()
    web = ((x + u).sin() * (y + v).cos()).abs()
    net = (1 - web).pow(5)
    return Field(0.22 + 0.2 * (0.5 * u).sin() + 0.65 * net, 0.7 + 0.1 * bright + 0.5 * net)


def clouds(c: Canvas) -> Field:
    x, y = c.x * c.scale + 0.2 * c.t.sin(), c.y * 1.5 * c.scale
    puff = c.noise(x, y, channels=1, base=3, octaves=6, gain=0.52, speed=0.6)[:, 0]
    lit = c.noise(x - 0.06, y - 0.09, base=3, octaves=3, speed=0.6)[:, 0]
    cover = smooth(-0.35, 0.75, puff + c.p(0, -0.3, 0.3))
    sky = 0.3 + 0.12 * c.y
    return Field(sky + (0.98 - sky) * cover * (0.75 + 0.1 * lit), 0.85 + 0.15 * cover)


def aurora(c: Canvas) -> Field:
    bend = c.noise(c.x * c.scale, 0.2 * c.y, channels=3, base=3, octaves=3)
    glow = torch.zeros_like(c.x)
    for k in range(3):
        foot = 0.55 - 0.4 * k + 0.22 * bend[:, k] + 0.1 * (2 * c.x + c.t + 2 * k).sin()
        up = foot - c.y
        ray = 0.6 + 0.4 * (c.x * c.scale * 22 + 6 * bend[:, k] + c.t * (1 + k)).sin()
        curtain = smooth(-0.03, 0.05, up) * (-up.clamp(min=0) * c.p(0, 1.6, 3.0)).exp()
        glow = glow + curtain * ray * (1 - 0.25 * k)
    stars = smooth(3.0, 3.8, c.noise(c.x, c.y, base=60, octaves=1, speed=0.1)[:, 0])
    glow = glow.clamp(0, 1.2)
    return Field(0.12 + 0.75 * glow, 0.35 + 0.85 * glow + 0.8 * stars)


def waves(c: Canvas) -> Field:
    value = torch.zeros_like(c.x) + 0.9
    light = torch.ones_like(c.x)
    layers = 6
    for k in range(layers):
        u = c.x * (3.2 - 0.3 * k) * c.scale + c.t * (0.5 + 0.22 * k) + 2.1 * k + 6 * c.p(0, 0, 1)
        crest = -0.75 + 0.3 * k + (0.07 + 0.02 * k) * (u.sin() + 0.5 * (2.3 * u + k).sin())
        depth = c.y - crest
        water = smooth(-0.008, 0.008, depth)
        foam = (-depth.clamp(min=0) * 26).exp()
        shade = 0.72 - 0.11 * k + 0.32 * foam - 0.12 * depth.clamp(0, 1)
        value = value * (1 - water) + shade * water
        light = light * (1 - water) + (0.92 + 0.2 * foam) * water
    return Field(value, light)


def lightning(c: Canvas) -> Field:
    x, y = c.flow(c.p(0, 0.05, 0.12), octaves=4)
    bolt = c.noise(x * c.scale, y * 0.5 * c.scale, channels=2, base=2, octaves=5, gain=0.55)
    near = bolt.abs().amin(1)
    core = 0.05 / (near + 0.035)
    haze = c.noise(c.x, c.y, base=3)[:, 0]
    return Field((0.12 + 0.1 * haze + 0.7 * core.clamp(max=1.2)).clamp(0, 1), 0.5 + 0.9 * core)
