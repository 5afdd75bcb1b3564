"""Families around a centre: mandalas, flowers, spirals, tunnels, rays."""

from __future__ import annotations

from phosphene.diffusion.lsd.render.canvas import TAU, Canvas, Field
from phosphene.namespaces import Array


def wedge(c: Canvas, folds: Array, turn: Array) -> tuple[Array, Array]:
    """Coordinates in one of ``folds`` wedges, each the mirror image of its neighbours."""
    xp = c.xp
    part = TAU / folds
    a = c.angle + turn
    a = xp.abs(a - part * xp.floor(a / part + 0.5))
    return c.r * xp.cos(a), c.r * xp.sin(a)


def kaleidoscope(c: Canvas) -> Field:
    xp = c.xp
    x, y = wedge(c, c.whole(0, 3, 6) * 2, 0.2 * c.t)
    fine = 1.6 * c.scale
    x, y = x * fine - 0.6 * xp.sin(0.31 * c.t), y * fine + 0.5 * xp.cos(0.23 * c.t)
    x, y = c.swirl(x, y, 0.9, octaves=4, freq=2.0, speed=0.5)
    a = xp.sin(3.1 * x + 1.4 * xp.sin(2.3 * y))
    b = xp.sin(2.7 * y - 1.1 * x + 0.7 * c.t)
    shard = a + b
    seam = c.glow(c.distance(xp.sin(2.2 * shard), 60.0), 0.018)
    value = 0.48 + 0.24 * shard + 0.18 * xp.sin(5 * c.r - 1.2 * c.t)
    return Field(value * (1 - 0.4 * seam) + 0.4 * seam, 0.6 + 0.22 * a + 0.55 * seam)


def mandala(c: Canvas) -> Field:
    xp = c.xp
    n = c.whole(0, 6, 12)
    a = c.angle + 0.12 * c.t
    value = 0.07 + 0.05 * xp.cos(n * a) * c.clamp(c.r)
    light = 0.3 + 0.1 * xp.cos(n * a)
    for k in range(6, 0, -1):
        spin = 1.0 if k % 2 else -1.0
        turn = a + spin * 0.05 * c.t + (k % 2) * TAU / 2 / n
        reach = (
            (0.2 * k + 0.02) * (1 + 0.05 * xp.sin(0.9 * c.t + k) + 0.05 * c.hear("bass")) / c.scale
        )
        lobe = xp.abs(xp.cos(turn * n / 2))
        lobe = lobe * (1.6 - 0.6 * lobe) if k % 3 else xp.sqrt(lobe + 1e-4)
        rim = reach * (0.66 + 0.34 * lobe)
        # lobes are steep between petals: only a true distance gives lines of one width
        d = c.distance(rim - c.r)
        inside = c.edge(d)
        depth = c.clamp(d / (0.22 / c.scale))
        tone = 0.1 + 0.62 * c.frac(0.382 * k + 0.15 * c.numbers[:, 7, None, None])
        bead = xp.exp(-((d - 0.05) ** 2 + (0.11 * (1 - lobe)) ** 2) * 900)
        line = c.line(d, 0.012)
        value = value * (1 - inside) + (tone * (0.65 + 0.35 * depth) + 0.1 * lobe) * inside
        light = (
            light * (1 - inside) + (0.35 + 0.5 * lobe * (1 - 0.5 * depth) + 0.2 * depth) * inside
        )
        value = value * (1 - line) + 0.88 * line
        light = light * (1 - line) + 1.25 * line
        value, light = value + 0.5 * bead, light + 0.7 * bead
    return Field(value, light)


def flower(c: Canvas) -> Field:
    xp = c.xp
    n = c.whole(0, 5, 8)
    value = 0.06 + 0.08 * c.clamp(1.3 - c.r)
    light = 0.25 + 0.2 * c.clamp(1.3 - c.r)
    for k in range(6, 0, -1):
        a = c.angle + k * 2.4 + 0.1 * c.t
        reach = (0.16 + 0.17 * k) * (1 + 0.05 * xp.sin(0.8 * c.t + 0.6 * k) + 0.06 * c.hear("bass"))
        reach = reach / c.scale
        wave = xp.cos(n * a)
        petal = xp.sqrt(0.5 + 0.5 * wave)
        rim = reach * (0.4 + 0.6 * petal)
        d = c.distance(rim - c.r)
        inside = c.edge(d)
        depth = c.clamp(c.r / reach)
        vein = 0.5 + 0.5 * xp.cos(6 * n * a)
        tone = 0.88 - 0.1 * k + 0.32 * depth * depth - 0.06 * vein * depth
        shade = c.smooth(0.0, 0.16, d)
        value = value * (1 - inside) + tone * inside
        # a petal shades the one below
        light = light * (1 - 0.6 * c.clamp(1 + 9 * d) * (1 - inside) * c.clamp(1 + 9 * d))
        light = (
            light * (1 - inside) + (0.35 + 0.45 * depth + 0.25 * (1 - shade) + 0.2 * petal) * inside
        )
    heart = c.edge(0.12 / c.scale - c.r)
    grain = 0.5 + 0.5 * xp.sin(70 * c.x) * xp.sin(70 * c.y)
    return Field(
        value * (1 - heart) + 0.95 * heart, light * (1 - heart) + (0.8 + 0.4 * grain) * heart
    )


def spiral(c: Canvas) -> Field:
    xp = c.xp
    arms = c.whole(0, 1, 4)
    pitch = c.p(1, 4.0, 7.0) * c.scale
    u = arms * c.angle + pitch * xp.log(c.r + 0.02) - 2.2 * c.t
    wave = xp.sin(u)
    soft = c.pixel * pitch / (c.r + 0.02)
    arm = c.clamp(0.5 + wave / (0.12 + 1.6 * soft))
    round_ = 0.5 + 0.5 * xp.cos(u - TAU / 4)
    tint = 0.5 + 0.5 * xp.sin(0.5 * u + 0.5 * c.t) * c.mask(arms > 1.5)
    fade = c.smooth(0.0, 0.35, c.r)
    value = arm * (0.55 + 0.2 * round_ + 0.2 * tint) + 0.05
    # white at its full light has no room for a beat
    return Field(value, (0.32 + 0.26 * arm + 0.4 * arm * round_) * (0.35 + 0.65 * fade))


def vortex(c: Canvas) -> Field:
    xp = c.xp
    depth = xp.log(c.r + 0.03)
    arms = c.whole(0, 2, 3)
    a = c.angle + c.p(1, 1.6, 2.6) * depth + 0.9 * c.t
    u = arms * a
    # noise round a circle has no seam
    nx, ny = 1.3 * xp.cos(u / arms), 1.3 * xp.sin(u / arms)
    gas = c.noise(
        nx * c.scale + 1.8 * depth + 1.1 * c.t, ny * c.scale - 1.2 * depth, 0, "rough", 0.5
    )
    band = 0.5 + 0.5 * xp.sin(u + 1.4 * gas)
    eye = c.smooth(0.06, 0.34, c.r)
    ring = xp.exp(-((c.r - 0.13) ** 2) * 420)
    value = 0.1 + 0.66 * band * eye + 0.08 * gas * eye + 0.3 * ring
    return Field(value, eye * (0.25 + 0.8 * band * (1.15 - 0.35 * c.r)) + 1.1 * ring)


def tunnel(c: Canvas) -> Field:
    xp = c.xp
    # the vanishing point wanders: one flies round bends
    x = c.x - 0.22 * xp.sin(0.43 * c.t) * c.clamp(1 - c.r)
    y = c.y - 0.18 * xp.cos(0.37 * c.t) * c.clamp(1 - c.r)
    r = xp.sqrt(x * x + y * y + 1e-5)
    depth = 0.55 / (r + 0.015)
    n = c.whole(0, 8, 15)
    u = depth * c.p(1, 1.8, 2.6) * c.scale + 1.9 * c.t
    v = c.atan2(y, x) * n / TAU + depth * c.p(2, -0.25, 0.25) * 2
    row = xp.floor(u)
    a, b = c.frac(u) - 0.5, c.frac(v) - 0.5
    i = xp.floor(v) - n * xp.floor(xp.floor(v) / n)
    number = c.hash(i, row)
    far = c.smooth(0.03, 0.6, r)
    gap = c.pixel * depth * depth * 3
    tile = c.clamp((0.44 - xp.maximum(xp.abs(a), xp.abs(b))) / (0.05 + gap))
    lamp = c.mask(number > 0.72) * (0.6 + 0.4 * xp.sin(3 * c.t + TAU * number))
    bevel = c.clamp(1 - 1.6 * xp.maximum(xp.abs(a), xp.abs(b)))
    value = tile * (0.2 + 0.45 * number + 0.2 * bevel + 0.3 * lamp)
    end = xp.exp(-26 * r * r)
    light = far * (0.12 + tile * (0.35 + 0.5 * bevel + 0.7 * lamp))
    return Field(value * (1 - end) + 0.9 * end, light + 0.9 * end * (0.7 + 0.5 * c.hear("bass")))


def rays(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.x - 0.2 * c.p(3, -1, 1), c.y - 0.2 * c.p(4, -1, 1)
    r = xp.sqrt(x * x + y * y + 1e-5)
    a = c.atan2(y, x)
    n = c.whole(0, 5, 9)
    beam = xp.sin(n * a + 0.5 * c.t) + 0.7 * xp.sin((2 * n + 1) * a - 0.8 * c.t + 1.0)
    beam = beam + 0.5 * xp.sin((3 * n - 2) * a + 1.1 * c.t)
    dust = c.noise(1.6 * x - c.t * x / r, 1.6 * y - c.t * y / r, 0, "cloud", 0.6)
    lit = c.smooth(-0.9, 1.6, beam + 0.25 * dust)
    core = xp.exp(-7 * r * r)
    halo = xp.exp(-1.9 * r)
    power = 0.75 + 0.5 * c.hear("bass") + 0.5 * c.hear("onset")
    value = 0.08 + 0.6 * lit * (0.35 + halo) + 0.4 * core
    return Field(value, 0.1 + lit * (0.18 + 1.1 * halo) * power + 1.1 * core * power)


def iris(c: Canvas) -> Field:
    xp = c.xp
    # an eye that looks about, its pupil wide on a loud bass
    x, y = c.x - 0.16 * c.p(3, -1, 1), c.y - 0.1 * c.p(4, -1, 1)
    r = xp.sqrt(x * x + y * y + 1e-5) * c.scale
    a = c.atan2(y, x)
    pupil = 0.2 + 0.03 * xp.sin(0.9 * c.t) + 0.12 * c.hear("bass")
    u = (r - pupil) / (0.78 - pupil)
    ca, sa = xp.cos(a), xp.sin(a)
    fibre = c.noise(9 * ca + 0.7 * r, 9 * sa + 0.7 * r, 0, "rough", 0.25)
    fine = c.noise(20 * ca, 20 * sa + 1.5 * r, 1, "cloud", 0.25)
    crown = c.glow(u - 0.22 - 0.06 * fibre, 0.09)
    inside = c.edge(0.78 - r) * c.edge(r - pupil)
    rim = c.smooth(0.62, 1.0, u)
    iris_value = 0.42 + 0.16 * fibre + 0.12 * fine + 0.3 * crown - 0.3 * rim
    white = 0.1 + 0.1 * c.clamp(1.6 - r)
    gx, gy = x - 0.16, y + 0.19
    spark = xp.exp(-(gx * gx + gy * gy) * 190)
    lid = c.clamp(1.25 - xp.abs(c.y) * 1.1)
    value = inside * iris_value + c.edge(r - 0.78) * white + 0.9 * spark
    light = inside * (0.5 + 0.3 * fibre + 0.55 * crown - 0.2 * rim) + c.edge(r - 0.78) * 0.3 * lid
    return Field(value, light + 1.3 * spark)


def phyllotaxis(c: Canvas) -> Field:
    xp = c.xp
    golden = 2.3999632
    grow = 0.35 * c.t
    wide = 0.13 / c.scale
    # the seeds by Vogel's rule: the k-th at angle k golden and radius sqrt(k); those of about a place's own
    # radius may be the nearest
    best = xp.full_like(c.x, 9.0)
    number = xp.zeros_like(c.x)
    turn = 0.1 * c.t
    shift = c.frac(grow)
    own = c.r * c.r / (wide * wide)
    a = c.angle + turn
    first = xp.floor(own - shift + 0.5)
    x, y = c.r * xp.cos(a), c.r * xp.sin(a)
    for k in range(-18, 19):
        index = xp.maximum(first + k, 0.0)
        rad = wide * xp.sqrt(index + shift)
        theta = golden * index
        dx, dy = x - rad * xp.cos(theta), y - rad * xp.sin(theta)
        d = dx * dx + dy * dy
        closer = d < best
        best, number = xp.where(closer, d, best), xp.where(closer, index, number)
    d = xp.sqrt(best)
    size = wide * (0.62 + 0.2 * xp.sin(0.35 * number - 2.2 * c.t)) * c.clamp(0.5 + 1.4 * c.r)
    seed = c.edge(size - d)
    ball = c.clamp(1 - d / (size + 1e-3))
    tone = 0.2 + 0.7 * (0.5 + 0.5 * xp.sin(TAU * number / 21 + 0.7 * c.t))
    wave = 0.5 + 0.5 * xp.sin(6 * c.r - 2.5 * c.t)
    return Field(
        seed * (tone + 0.15 * ball) + 0.05, 0.15 + seed * (0.35 + 0.5 * ball + 0.45 * wave)
    )


def web(c: Canvas) -> Field:
    xp = c.xp
    n = c.whole(0, 10, 16)
    sway = 0.04 * xp.sin(1.3 * c.t + 3 * c.y)
    a = c.atan2(c.y, c.x + sway) + 0.05 * xp.sin(0.5 * c.t)
    u = a * n / TAU
    k = xp.floor(u)
    f = c.frac(u) - 0.5
    spoke = (0.5 - xp.abs(f)) * TAU / n * c.r
    # threads sag between two spokes
    ring = c.r * (1 + 0.55 * (0.25 - f * f)) * 7.0 * c.scale + 0.15 * c.hash(k, 0 * k)
    thread = xp.abs(c.frac(ring) - 0.5) / (7.0 * c.scale)
    shown = c.edge(1.25 - c.r)
    lines = c.clamp(c.line(spoke, 0.008) + 0.85 * c.line(thread, 0.007)) * shown
    drops = c.hash(xp.floor(u * 4), xp.floor(ring + 0.5), 3)
    at = c.frac(u * 4) - 0.5
    dew = (
        xp.exp(-((at * TAU / (4 * n) * c.r) ** 2 + thread * thread) * 3600)
        * c.smooth(0.45, 0.7, drops)
        * shown
    )
    pluck = 0.5 + 0.5 * xp.sin(9 * c.r - 5 * c.t)
    mist = c.smooth(-2, 2, c.noise(1.2 * c.x, 1.2 * c.y, 0, "smooth", 0.5))
    value = 0.08 + 0.22 * mist + lines * (0.35 + 0.3 * pluck) + 0.7 * dew
    return Field(
        value, 0.14 + 0.2 * mist + lines * (0.3 + 0.6 * pluck * (0.4 + c.hear("mid"))) + 1.2 * dew
    )


def disco(c: Canvas) -> Field:
    xp = c.xp
    size = 0.66 / xp.sqrt(c.scale)
    x, y = c.x / size, c.y / size
    r2 = x * x + y * y
    ball = c.edge((1 - xp.sqrt(r2 + 1e-6)) * size)
    z = xp.sqrt(c.clamp(1 - r2, 1e-4, 1.0))
    lat = xp.asin(c.clamp(y, -0.999, 0.999))
    lon = c.atan2(x, z) + 0.6 * c.t
    rows = 14.0
    row = xp.floor(lat * rows / TAU * 2)
    around = xp.floor(xp.cos((row + 0.5) * TAU / 2 / rows) * rows * 1.1 + 1)
    column = xp.floor(lon * around / TAU)
    a, b = c.frac(lat * rows / TAU * 2) - 0.5, c.frac(lon * around / TAU) - 0.5
    tile = c.clamp((0.47 - xp.maximum(xp.abs(a), xp.abs(b))) * 9)
    number = c.hash(column, row)
    flash = 0.5 + 0.5 * xp.sin(TAU * number + 3.0 * c.t)
    flash = flash * flash * flash * flash
    # beams that the mirrors throw into the room
    ang = c.angle
    beams = xp.zeros_like(c.x)
    for k in range(3):
        beams = beams + xp.sin((5 + 2 * k) * ang + (0.5 + 0.3 * k) * c.t + 2 * k)
    beam = c.smooth(1.0, 2.4, beams) * (1 - ball)
    shade = 0.25 + 0.5 * z + 0.3 * (-0.5 * x - 0.6 * y)
    value = ball * tile * (0.25 + 0.4 * number * shade + 0.5 * flash) + (1 - ball) * (
        0.06 + 0.5 * beam
    )
    light = ball * (0.08 + tile * (0.5 * shade + 1.2 * flash)) + (1 - ball) * (0.15 + 0.8 * beam)
    return Field(value, light)
