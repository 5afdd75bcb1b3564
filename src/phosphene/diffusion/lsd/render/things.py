"""Families with bodies: cells, glass, crystals, bubbles, stars, galaxies, planets."""

from __future__ import annotations

from phosphene.diffusion.lsd.render.canvas import TAU, Canvas, Field
from phosphene.diffusion.lsd.render.fluids import specks


def cells(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 1.7, 2.5) * c.scale
    x, y = c.swirl(c.x, c.y, 0.25, octaves=3, freq=2.2, speed=0.6)
    v = c.cells(f * x, f * y, wander=0.25)
    wall = c.smooth(0.02, 0.14, v.gap)
    skin = c.glow(v.gap - 0.17, 0.05)
    pulse = 0.5 + 0.5 * xp.sin(TAU * v.tone + 1.8 * c.t)
    size = 0.15 + 0.05 * pulse + 0.06 * c.hear("bass")
    nucleus = c.smooth(size + 0.03, size - 0.03, v.near)
    core = c.smooth(0.5 * size, 0.2 * size, v.near)
    body = c.clamp(0.62 - 0.5 * v.near) + 0.1 * (v.tone - 0.5)
    value = wall * body * (1 - nucleus) + nucleus * (0.78 + 0.2 * core) + 0.16 * skin
    return Field(
        value, 0.16 + wall * (0.3 + 0.25 * pulse) + 0.35 * skin + nucleus * (0.3 + 0.5 * pulse)
    )


def stained_glass(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 1.7, 2.4) * c.scale
    v = c.cells(f * c.x, f * c.y, wander=0.22)
    lead = c.smooth(0.035, 0.08, v.gap)
    grain = c.still(7 * c.x, 7 * c.y, 2, "cloud")
    # the sun goes along behind the window
    sx, sy = 0.9 * xp.sin(0.35 * c.t), 0.6 * xp.cos(0.27 * c.t)
    sun = xp.exp(-1.1 * ((c.x - sx) ** 2 + (c.y - sy) ** 2))
    bevel = c.clamp(1 - 4.5 * v.gap)
    value = lead * (0.12 + 0.8 * v.tone + 0.03 * grain)
    return Field(value, 0.03 + lead * (0.42 + 0.75 * sun + 0.07 * grain + 0.15 * bevel))


def crystal(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 1.4, 2.0) * c.scale
    big = c.cells(f * c.x, f * c.y, wander=0.2)
    turn = TAU * big.tone + 0.5 * c.t
    slope = xp.cos(turn) * big.dx + xp.sin(turn) * big.dy
    n = 3 + xp.floor(3 * big.tone)
    a = c.atan2(big.dy, big.dx) + TAU * big.tone
    side = xp.floor(a * n / TAU)
    number = c.hash(side, xp.floor(64 * big.tone))
    face = c.frac(number + 0.11 * c.t)
    glint = xp.exp(-60 * (face - 0.5) ** 2)
    edge = c.glow(big.gap, 0.025)
    crease = (0.5 - xp.abs(c.frac(a * n / TAU) - 0.5)) * TAU / n * big.near
    rib = c.line(crease / f, 0.006)
    value = 0.18 + 0.45 * number + 0.35 * slope + 0.3 * edge + 0.3 * glint
    return Field(value, 0.3 + 0.4 * number + 0.5 * slope + 0.7 * edge + 0.25 * rib + 0.8 * glint)


def bubbles(c: Canvas) -> Field:
    xp = c.xp
    value = 0.12 + 0.1 * (c.y + 1)
    light = 0.35 + 0.12 * (1 - c.y)
    for layer in range(3):
        f = (2.6 - 0.7 * layer) * c.scale
        speed = 0.25 + 0.16 * layer
        x = f * c.x + 3.7 * layer + 0.12 * xp.sin(1.2 * c.t + 2.0 * c.y)
        y = f * c.y + f * speed * c.t
        i, j = xp.floor(x), xp.floor(y)
        number = c.hash(i, j, layer)
        size = 0.16 + 0.3 * number * number + 0.04 * c.hear("bass")
        room = 0.5 - size
        u = x - i - 0.5 - room * xp.sin(TAU * 7 * number)
        v = y - j - 0.5 - room * xp.cos(TAU * 5 * number)
        d = xp.sqrt(u * u + v * v + 1e-6) / size
        there = c.mask(c.frac(9 * number) < 0.72)
        disc = c.edge((1 - d) * size / f) * there
        inner = c.clamp(d)
        rim = inner * inner * inner * inner * inner
        a, b = u / size + 0.38, v / size + 0.4
        spot = xp.exp(-16 * (a * a + b * b))
        a, b = u / size - 0.42, v / size - 0.45
        spot2 = 0.4 * xp.exp(-26 * (a * a + b * b))
        film = 0.5 + 0.5 * xp.sin(7 * inner + 3 * v / size + TAU * number + c.t)
        value = value * (1 - 0.6 * disc) + disc * (0.3 * film + 0.42 * rim + 0.5 * (spot + spot2))
        light = light * (1 - 0.5 * disc) + disc * (
            0.12 + 0.65 * rim + 0.2 * film + 1.1 * (spot + spot2)
        )
    return Field(value, light)


def stars(c: Canvas) -> Field:
    xp = c.xp
    haze = c.noise(0.8 * c.x, 0.8 * c.y, 0, "rough", 0.25)
    band = xp.exp(-3.5 * (c.y * 0.8 - 0.5 * c.x + 0.2 * haze) ** 2)
    glow = xp.zeros_like(c.x)
    for layer in range(3):
        f = (1.7 + 1.9 * layer) * c.scale
        x, y = f * c.x + (0.14 - 0.04 * layer) * c.t, f * c.y + 5.3 * layer
        i, j = xp.floor(x), xp.floor(y)
        number = c.hash(i, j, layer)
        u = x - i - 0.25 - 0.5 * c.frac(17 * number)
        v = y - j - 0.25 - 0.5 * c.frac(29 * number)
        size = 0.02 + 0.05 * number * number * number
        size = xp.maximum(size * (1.3 if layer == 0 else 1.0), 0.55 * c.pixel * f + 0 * size)
        twinkle = (
            0.65 + 0.35 * xp.sin(c.t * (1.5 + 4 * number) + 40 * number) + 0.5 * c.hear("treble")
        )
        d2 = u * u + v * v
        star = xp.exp(-d2 / (size * size)) + 0.18 * size / (xp.sqrt(d2) + size)
        if layer == 0:
            # the few near ones have spikes
            spike = xp.exp(-xp.abs(u * v) * 900 - 7 * xp.sqrt(d2))
            star = star + 0.8 * spike * number
        glow = glow + star * twinkle * (0.35 + 0.75 * number) * (1.0 - 0.22 * layer)
    value = 0.1 + 0.26 * band * (0.8 + 0.3 * haze) + 0.75 * c.clamp(glow)
    return Field(value, 0.16 + 0.4 * band * (0.8 + 0.4 * haze) + 1.25 * glow)


def galaxy(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.turned(c.x, c.y, c.p(0, -0.7, 0.7))
    y = y * c.p(2, 1.25, 1.9)
    r = xp.sqrt(x * x + y * y + 1e-5) * 0.95 * c.scale
    a = c.atan2(y, x)
    arms = c.whole(1, 2, 3)
    pitch = c.p(3, 2.0, 2.7)
    # the inside turns with the arms; noise in turned coordinates has no seam
    turn = pitch * xp.log(r + 0.08) - 0.35 * c.t
    ca, sa = xp.cos(a + turn), xp.sin(a + turn)
    gas = c.noise(2.6 * r * ca, 2.6 * r * sa, 0, "rough", 0.25)
    fine = c.noise(7.0 * r * ca, 7.0 * r * sa, 1, "cloud", 0.25)
    phase = arms * (a + turn) + 0.55 * gas
    arm = 0.5 + 0.5 * xp.cos(phase)
    lane = 0.5 + 0.5 * xp.cos(phase + 1.3)
    lane = lane * lane * lane
    disc = xp.exp(-1.5 * r)
    core = xp.exp(-14 * r * r)
    halo = xp.exp(-3.2 * r)
    body = arm * arm * (0.75 + 0.3 * gas + 0.22 * fine)
    bright = 1.9 * disc * body * (1 - 0.75 * lane * (1 - core)) + 0.5 * halo
    knots = c.smooth(1.1, 2.4, fine + 0.6 * gas) * arm * c.smooth(0.1, 0.3, r) * xp.exp(-1.2 * r)
    stars = specks(c, 8.0, 0.93)
    value = 0.05 + 0.6 * c.clamp(bright) + 0.32 * c.clamp(core * 1.2) + 0.3 * knots
    power = 1 + 0.4 * c.hear("bass")
    light = (
        0.07 + 0.95 * bright + 1.2 * core * power + 1.1 * knots + 0.9 * stars * c.clamp(1 - bright)
    )
    return Field(value, light)


def orb(c: Canvas) -> Field:
    xp = c.xp
    size = c.p(0, 0.46, 0.62) / xp.sqrt(c.scale)
    px, py = 0.2 * c.p(3, -1, 1), 0.1 * c.p(4, -1, 1)
    x, y = (c.x - px) / size, (c.y - py) / size
    r2 = x * x + y * y
    r = xp.sqrt(r2 + 1e-6)
    disc = c.edge((1 - r) * size)
    z = xp.sqrt(c.clamp(1 - r2, 1e-4, 1.0))
    # a sphere turns: its bands run round it
    lon = c.atan2(x, z) + 0.3 * c.t
    gas = c.noise(1.4 * xp.cos(lon) + 0.3 * y, 2.2 * y + 1.4 * xp.sin(lon), 0, "rough", 0.3)
    bands = 0.5 + 0.42 * xp.sin(c.p(1, 4.0, 8.0) * y + 1.5 * gas)
    lx, ly = xp.cos(0.4 * c.t), -0.45
    day = c.clamp(0.15 + 0.95 * (0.75 * x * lx + ly * y + 0.55 * z))
    rim = c.clamp(1 - z)
    air = xp.exp(-c.clamp(r - 1, 0.0, 9.0) * 6.5)
    # a ring seen from a little above
    ty = 3.6 * (y - 0.12 * x)
    ring_r = xp.sqrt(x * x + ty * ty + 1e-6)
    ring = c.smooth(1.32, 1.4, ring_r) * c.smooth(2.05, 1.9, ring_r)
    grooves = 0.75 + 0.25 * xp.sin(17 * ring_r)
    has = c.mask(c.numbers[:, 5, None, None] < 0.55)
    front = c.clamp(1 - disc + c.mask(ty > 0))
    ring = has * ring * grooves * front
    stars = specks(c, 7.0, 0.93) * (1 - disc)
    value = disc * (0.16 + 0.62 * bands * (0.35 + 0.65 * day) + 0.2 * rim) + (1 - disc) * (
        0.06 + 0.5 * air
    )
    light = disc * (0.1 + 0.95 * day + 0.2 * rim) + (1 - disc) * (
        0.1 + 0.75 * air * (0.8 + c.hear("bass"))
    )
    value = value * (1 - ring) + ring * (0.45 + 0.4 * grooves)
    light = light * (1 - 0.8 * ring) + 0.8 * ring + 1.1 * stars * (1 - ring)
    return Field(value, light)


def neon_curves(c: Canvas) -> Field:
    xp = c.xp
    glow = xp.zeros_like(c.x)
    tone = xp.zeros_like(c.x)
    core = xp.zeros_like(c.x)
    for k in range(6):
        a, b, s = (c.numbers[:, 40 + 3 * k + i, None, None] for i in range(3))
        u = (1.6 + 2.2 * b) * c.x * c.scale + c.t * (0.7 + s) + 6.3 * a
        swing = 0.16 + 0.24 * a + 0.12 * c.hear("mid")
        path = 0.26 * (k - 2.5) + swing * xp.sin(u) + 0.1 * xp.sin(2.3 * u - c.t)
        slope = swing * xp.cos(u) * (1.6 + 2.2 * b) * c.scale
        d = (c.y - path) / xp.sqrt(1 + slope * slope)
        lit = c.glow(d, 0.035)
        pulse = 0.6 + 0.6 * xp.sin(1.4 * c.x - 3.0 * c.t + k) * c.hear("bass")
        glow, core = glow + lit * pulse, core + c.line(d, 0.014)
        tone = tone + lit * (0.32 + 0.6 * (0.38 * k % 1))
    mixed = tone / (glow + 0.15)
    core = c.clamp(core)
    return Field(
        0.04 + c.clamp(mixed) * c.smooth(0.0, 0.6, glow) * 0.8 + 0.16 * core,
        0.06 + 0.95 * c.clamp(glow, 0.0, 1.2) + 0.7 * core,
    )


def helix(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.turned(c.x, c.y, c.p(1, -0.7, 0.7))
    u = 3.4 * x * c.scale + 1.2 * c.t
    value, light = 0.06 + 0.08 * xp.exp(-2 * y * y), 0.14 + 0.25 * xp.exp(-2 * y * y)
    reach = 0.44 + 0.08 * c.hear("bass")
    # rungs, then the strand behind, then the one in front
    k = xp.floor(u / 0.5236 + 0.5)
    at = 0.5236 * k
    span = reach * xp.abs(xp.sin(at))
    rung = c.line((u - at) / (3.4 * c.scale), 0.016) * c.edge(span - xp.abs(y))
    half = 0.75 + -0.4 * c.mask(y * xp.sin(at) > 0)
    value, light = value + rung * half, light + rung * 0.5
    for turn in (0.0, TAU / 2):
        path = reach * xp.sin(u + turn)
        depth = xp.cos(u + turn)
        slope = reach * depth * 3.4 * c.scale
        d = (y - path) / xp.sqrt(1 + slope * slope)
        width = 0.055 + 0.03 * depth
        strand = c.edge(width - xp.abs(d))
        round_ = c.clamp(1 - (d / width) ** 2)
        front = 0.5 + 0.5 * depth
        value = value * (1 - strand) + strand * ((0.35 if turn else 0.6) + 0.3 * round_ * front)
        light = light * (1 - strand) + strand * (0.25 + 0.85 * round_ * (0.3 + 0.7 * front))
        light = light + 0.25 * c.glow(d, 0.08) * front
    return Field(value, light)
