"""Families that are shapes of sound: waveforms, spectra, Lissajous figures, Chladni plates, bursts."""

from __future__ import annotations

from phosphene.diffusion.lsd.render.canvas import TAU, Canvas, Field
from phosphene.namespaces import Array, device


def chladni(c: Canvas) -> Field:
    xp = c.xp
    # sand gathers where a square plate does not move; the notes glide, so figures melt into each other
    m, n = c.p(0, 3.0, 7.0) * c.scale, c.p(1, 5.0, 10.0) * c.scale
    x, y = c.x * TAU / 4, c.y * TAU / 4
    a = xp.cos(n * x) * xp.cos(m * y) - xp.cos(m * x) * xp.cos(n * y)
    b = xp.sin(n * x) * xp.sin(m * y) + xp.sin(m * x) * xp.sin(n * y)
    mixed = a + c.p(2, -0.7, 0.7) * b
    d = c.distance(mixed, 60.0)
    sand = c.glow(d, 0.042)
    grain = c.still(13 * c.x, 13 * c.y, 1, "rough")
    shake = 0.5 + 0.5 * xp.sin(3.2 * c.t) * c.clamp(xp.abs(mixed) * 0.6)
    plate = 0.5 + 0.5 * xp.sin(2.2 * mixed + 1.3 * c.t)
    value = 0.08 + 0.34 * plate * c.clamp(xp.abs(mixed)) + sand * (0.5 + 0.03 * grain)
    return Field(value, 0.16 + 0.3 * plate * shake + sand * (0.85 + 0.12 * grain))


def oscilloscope(c: Canvas) -> Field:
    xp = c.xp
    value, light = xp.zeros_like(c.x) + 0.05, xp.zeros_like(c.x) + 0.1
    bass, mid, treble = c.hear("bass"), c.hear("mid"), c.hear("treble")
    gx, gy = c.x * 2.5, c.y * 2.5
    mesh = xp.maximum(
        c.line((gx - xp.floor(gx + 0.5)) / 2.5, 0.006),
        c.line((gy - xp.floor(gy + 0.5)) / 2.5, 0.006),
    )
    value, light = value + 0.12 * mesh, light + 0.1 * mesh
    ends = xp.exp(-0.9 * c.x * c.x)
    for k in range(4):
        u = c.x * c.scale
        back = 0.14 * k
        low = (0.16 + 0.4 * bass) * xp.sin(3.1 * u - 5.0 * (c.t - back))
        middle = (0.07 + 0.2 * mid) * xp.sin(8.3 * u + 7.0 * (c.t - back) + 1.0)
        high = (0.02 + 0.1 * treble) * xp.sin(23 * u - 11.0 * (c.t - back))
        path = ends * (low + middle * xp.sin(1.3 * (c.t - back) + u) + high)
        # distance to the curve, not height over it
        d = c.distance(c.y - path, 14.0)
        share = (1.0, 0.5, 0.28, 0.16)[k]
        lit = share * c.line(d, 0.016)
        value = value + lit * (0.75 - 0.12 * k) + share * 0.25 * c.glow(d, 0.05)
        light = light + lit * 1.1 + share * 0.55 * c.glow(d, 0.06)
    return Field(value, light)


def spectrum(c: Canvas) -> Field:
    xp = c.xp
    wide = 9.0 * c.scale
    i = xp.floor(c.x * wide)
    a = c.frac(c.x * wide) - 0.5
    place = c.clamp(0.5 + i / wide / (2 * c.x.shape[2] / c.x.shape[1]))
    high = _level(c, i, place)
    floor = 0.55
    up = floor - c.y
    bar = c.edge((0.38 - xp.abs(a)) / wide)
    rows = 16.0
    cell = c.smooth(0.14, 0.24, c.frac(up * rows)) if c.pixel < 0.02 else 0.9 + 0 * c.x
    on = c.edge(high - up) * c.edge(up) * bar * cell
    cap = c.line(up - high - 0.05, 0.016) * bar
    # on the polished floor everything stands on its head
    below = c.edge(c.y - floor)
    mirror = c.edge(high * 0.6 + up) * below * bar * xp.exp(2.6 * up)
    glow = xp.exp(-2.0 * xp.abs(up - high)) * c.clamp(1 - below)
    value = 0.07 + 0.06 * glow + on * (0.3 + 0.55 * c.clamp(up * 0.9)) + 0.7 * cap + 0.3 * mirror
    return Field(
        value, 0.12 + 0.12 * glow + on * (0.6 + 0.5 * c.clamp(up)) + 0.9 * cap + 0.4 * mirror
    )


def _level(c: Canvas, i: Array, place: Array) -> Array:
    """How high the bar of a band stands: bass on the left, treble on the right, each with its own dance."""
    xp = c.xp
    bass = xp.exp(-14 * place * place)
    treble = xp.exp(-9 * (1 - place) * (1 - place))
    middle = xp.exp(-12 * (place - 0.5) * (place - 0.5))
    loud = 0.25 + bass * c.hear("bass") + middle * c.hear("mid") + treble * c.hear("treble")
    number = c.hash(i, 0 * i)
    dance = 0.5 + 0.5 * xp.sin((2.0 + 3.0 * number) * c.t + TAU * number)
    return loud * (0.3 + 0.65 * dance) * (1.1 - 0.45 * place) + 0.25 * c.hear("onset") * number


def ring_spectrum(c: Canvas) -> Field:
    xp = c.xp
    n = 40.0
    u = (c.angle + 0.15 * c.t) * n / TAU
    i = xp.floor(u)
    i = i - n * xp.floor(i / n)
    f = (c.frac(u) - 0.5) * TAU / n * c.r
    place = xp.abs(2 * (i / n) - 1)
    inner = 0.38 + 0.05 * c.hear("bass") + 0.02 * xp.sin(1.1 * c.t)
    high = 0.5 * _level(c, i, place)
    up = c.r - inner
    bar = c.edge(0.35 * TAU / n * c.r - xp.abs(f)) * c.edge(up) * c.edge(high - up)
    ring = c.line(c.r - inner + 0.02, 0.014)
    core = c.edge(inner - 0.06 - c.r)
    wave = 0.5 + 0.5 * xp.sin(16 * c.r - 5.0 * c.t)
    halo = xp.exp(-3.0 * xp.abs(up))
    value = (
        0.06
        + 0.1 * halo
        + bar * (0.35 + 0.6 * c.clamp(up * 2))
        + 0.8 * ring
        + core * (0.15 + 0.4 * wave)
    )
    return Field(
        value,
        0.12
        + 0.25 * halo
        + bar * (0.7 + 0.5 * c.clamp(up * 2))
        + 0.9 * ring
        + core * (0.2 + 0.5 * wave),
    )


def lissajous(c: Canvas) -> Field:
    xp = c.xp
    p = c.whole(0, 2, 4)[:, :, 0]
    q = p + c.whole(1, 1, 2)[:, :, 0]
    phase = 0.35 * c.t[:, :, 0]
    size = ((0.78 + 0.1 * c.hear("bass")) / xp.sqrt(c.scale))[:, :, 0]
    many = int(1600 * 0.03125 / c.pixel) + 1
    s = xp.astype(xp.arange(many, device=device(c.x)), xp.float32)[None] * (TAU / many)
    run = c.frac(s / TAU - 0.25 * c.t[:, :, 0])
    px, py = size * xp.sin(p * s + phase), size * xp.sin(q * s)
    # a point stands for as much of the curve as it moves on
    step = (
        xp.sqrt((p * xp.cos(p * s + phase)) ** 2 + (q * xp.cos(q * s)) ** 2) * (TAU / many) * size
    )
    density = c.splat(px, py, step / c.pixel)
    tone = c.splat(px, py, run * step / c.pixel)
    line, tint = c.dots(density), c.dots(tone)
    run = c.clamp(tint / (line + 1e-3))
    line = 1 - xp.exp(-1.2 * line / max(1.0, 0.6 / (32 * c.pixel)))
    mesh = xp.exp(-1.3 * c.r * c.r)
    return Field(
        0.06 + 0.1 * mesh + line * (0.4 + 0.45 * run),
        0.1 + 0.16 * mesh + line * (0.45 + 0.95 * run),
    )


def fireworks(c: Canvas) -> Field:
    xp = c.xp
    _, h, w = c.x.shape
    wide = w / h
    value, light = 0.05 + 0.07 * c.clamp(c.y), xp.zeros_like(c.x) + 0.12
    many = 90
    k = xp.astype(xp.arange(many, device=device(c.x)), xp.float32)[None]
    for rocket in range(4):
        clock = 0.42 * c.t[:, :, 0] + 0.25 * rocket + c.numbers[:, 30 + rocket, None]
        shot = xp.floor(clock)
        age = clock - shot
        seed = c.frac(0.754877 * shot + 0.31 * rocket + c.numbers[:, 34 + rocket, None])
        cx, cy = (2 * seed - 1) * 0.8 * wide, -0.75 + 0.9 * c.frac(7.1 * seed)
        # even over the sphere, by the golden angle
        z = 1 - 2 * (k + 0.5) / many
        ring = xp.sqrt(1 - z * z)
        turn = 2.3999632 * k + 9 * seed
        spread = (0.75 + 0.35 * seed) * (1 - xp.exp(-3.2 * age))
        fall = 0.55 * age * age
        fade = c.clamp(1.15 - age) * c.clamp(14 * age)
        for trail in range(5):
            back = 0.018 * trail
            wide_ = spread - (0.75 + 0.35 * seed) * 3.2 * xp.exp(-3.2 * age) * back
            px, py = cx + wide_ * ring * xp.cos(turn), cy + wide_ * z + fall - 1.1 * age * back
            glint = fade * (1 - 0.17 * trail) * (0.6 + 0.4 * xp.sin(17 * k + 30 * age))
            dots = 1 - xp.exp(-c.dots(c.splat(px, py, glint)))
            value = value + dots * (0.5 + 0.35 * c.frac(3 * seed)[:, :, None])
            light = light + 1.5 * dots
        dx, dy = c.x - cx[:, :, None], c.y - cy[:, :, None]
        flash = xp.exp(-9 * (dx * dx + dy * dy)) * xp.exp(-9 * age)[:, :, None]
        value, light = value + 0.5 * flash, light + 0.9 * flash
    return Field(c.clamp(value, 0.0, 1.05), c.clamp(light, 0.0, 1.9))


def burst(c: Canvas) -> Field:
    xp = c.xp
    # shells of sparks thrown outwards, a new one on every beat of their own
    value, light = xp.zeros_like(c.x) + 0.06, xp.zeros_like(c.x) + 0.1
    a = c.angle + 0.08 * c.t
    for layer in range(4):
        n = 26.0 + 9 * layer
        clock = 0.36 * c.t + 0.25 * layer
        u = a * n / TAU + 0.3 * layer
        i = xp.floor(u)
        i = i - n * xp.floor(i / n)
        number = c.hash(i, xp.floor(clock) + 17 * layer)
        age = c.frac(clock + 0.06 * number)
        reach = 0.08 + (0.6 + 1.1 * number) * (1 - xp.exp(-2.6 * age)) * (1 + 0.3 * c.hear("bass"))
        f = (c.frac(u) - 0.5) * TAU / n * c.r
        behind = reach - c.r
        tail = xp.where(behind > 0, xp.exp(-behind * 5.5), 0.0)
        head = xp.exp(-(behind * behind + f * f) * 1500)
        spark = tail * c.line(f, 0.012) * c.clamp(1.2 - age) + 1.4 * head * c.clamp(1.3 - age)
        value, light = value + spark * (0.35 + 0.4 * number), light + spark
    core = xp.exp(-22 * c.r * c.r)
    return Field(value + 0.6 * core, light + core * (0.8 + c.hear("onset")))


def starfield(c: Canvas) -> Field:
    xp = c.xp
    # stars fly past: in polar coordinates each runs outwards along its own ray
    value, light = 0.06 + 0.1 * xp.exp(-3 * c.r), 0.1 + 0.18 * xp.exp(-3 * c.r)
    speed = 0.45 + 0.35 * c.hear("bass")
    for layer in range(4):
        n = 22.0 + 11 * layer
        u = c.angle * n / TAU + 0.37 * layer
        i = xp.floor(u)
        i = i - n * xp.floor(i / n)
        number = c.hash(i, 0 * i + layer)
        f = (c.frac(u) - 0.3 - 0.4 * c.frac(7 * number)) * TAU / n * c.r
        # one over the distance falls evenly: near stars are fast
        depth = c.frac(number * 9.7 + 0.25 * (1 + 0.4 * number) * c.t)
        at = 0.03 + 1.7 * depth * depth * depth
        length = (0.06 + speed * 0.9) * depth * depth
        behind = at - c.r
        tail = c.smooth(length + 0.01, 0.0, behind) * c.edge(behind + 0.01)
        streak = tail * c.line(f, 0.01)
        bright = c.clamp(3.0 * depth) * streak
        value, light = value + bright * (0.45 + 0.5 * c.frac(3 * number)), light + 1.3 * bright
    return Field(c.clamp(value), light)
