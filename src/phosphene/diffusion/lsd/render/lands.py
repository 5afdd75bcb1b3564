"""Families with a horizon: mountains, dunes, neon grids, flights over terrain, cities."""

from __future__ import annotations

from phosphene.diffusion.lsd.render.canvas import Canvas, Field
from phosphene.diffusion.lsd.render.fluids import specks
from phosphene.namespaces import Array


def mountains(c: Canvas) -> Field:
    xp = c.xp
    sun_x, sun_y = c.p(0, -0.6, 0.6), c.p(1, -0.5, -0.15)
    d = xp.sqrt((c.x - sun_x) ** 2 + (c.y - sun_y) ** 2 + 1e-6)
    sun = c.edge(0.2 - d)
    low = c.clamp(0.5 + 0.5 * c.y)
    cloud = c.noise(0.9 * c.x + 0.05 * c.t, 3.2 * c.y, 1, "cloud", 0.4)
    streak = c.smooth(0.2, 1.6, cloud) * c.smooth(-1.0, -0.1, c.y)
    halo = xp.exp(-2.6 * d)
    value = 0.5 + 0.22 * low + 0.22 * halo + 0.1 * streak
    light = 0.72 + 0.3 * low + 0.5 * halo * (1 + 0.5 * c.hear("bass")) + 0.15 * streak
    value, light = value * (1 - sun) + 0.98 * sun, light * (1 - sun) + 1.35 * sun
    for k in range(5):
        speed = 0.05 * (k + 1) ** 1.3
        x = (c.x + 2.0) * (1.1 + 0.12 * k) * xp.sqrt(c.scale) + speed * c.t
        ridge = c.still(x, 0 * c.y + 3.7 * k + 0.2, k, "rough")
        top = -0.18 + 0.25 * k - (0.2 - 0.018 * k) * ridge
        depth = c.y - top
        rock = c.edge(depth)
        # slopes towards the sun are lit, flanks broken up by gullies that run down and out
        rough = c.still(x - 0.35 * depth, 0.9 * depth + 3.7 * k + 9.2, k + 5, "rough")
        toward = c.still(x + 0.06, 0 * c.y + 3.7 * k + 0.2, k, "rough") - ridge
        mist = c.clamp(depth * (1.6 - 0.1 * k))
        # the flanks below the sun itself are lit from neither side
        facing = 2 * c.smooth(-0.3, 0.3, sun_x - c.x) - 1
        side = c.clamp(0.5 + (1.4 * toward + 0.4 * rough) * facing)
        lit = side * xp.exp(-4 * c.clamp(depth))
        far = 1 - k / 4
        shade = 0.06 + 0.38 * far + 0.12 * mist * far + 0.16 * lit
        value = value * (1 - rock) + shade * rock
        light = light * (1 - rock) + (0.2 + 0.42 * far + 0.22 * mist * far + 0.35 * lit) * rock
    return Field(value, light)


def dunes(c: Canvas) -> Field:
    xp = c.xp
    sun_x = c.p(3, -0.7, 0.7)
    d = xp.sqrt((c.x - sun_x) ** 2 + (c.y + 0.62) ** 2 + 1e-6)
    halo = xp.exp(-2.4 * d)
    sun = c.edge(0.13 - d)
    value = 0.6 + 0.2 * halo + 0.18 * sun + 0.12 * c.y
    light = 0.6 + 0.55 * halo + 0.6 * sun
    for k in range(5):
        u = (
            c.x * (1.2 + 0.4 * k) * xp.sqrt(c.scale)
            + 6 * c.fixed(0, 0, 1)
            + 1.9 * k
            + 0.16 * c.t * (1 + 0.5 * k)
        )
        bend = 0.25 * xp.sin(1.7 * u + 1.0)
        crest = -0.42 + 0.31 * k + 0.17 * xp.sin(u + bend) + 0.04 * xp.sin(2.7 * u)
        depth = c.y - crest
        sand = c.edge(depth)
        # the lee lies in shadow up to a line that leaves the crest at a slant
        lee = c.smooth(-0.12, 0.12, xp.cos(u + bend + 0.5 + 2.6 * depth))
        wind = xp.sin(depth * 52 * c.scale + 6 * xp.sin(u) - 1.2 * c.t)
        wind = wind * (1.2 - c.clamp(2.0 * depth)) * min(1.0, 0.02 / c.pixel)
        glint = xp.exp(-26 * c.clamp(depth))
        value = (
            value * (1 - sand) + (0.14 + 0.46 * lee + 0.04 * wind * lee + 0.2 * glint * lee) * sand
        )
        light = (
            light * (1 - sand) + (0.26 + 0.55 * lee + 0.09 * wind * lee + 0.4 * glint * lee) * sand
        )
    return Field(value, light)


def grid(c: Canvas) -> Field:
    xp = c.xp
    horizon = c.p(0, -0.12, 0.06)
    down = c.y - horizon
    z = 0.36 / xp.maximum(down, 0.012)
    u, v = c.x * z * 2.4 * c.scale, z * 2.6 * c.scale + 1.7 * c.t
    # as wide as the pixels, which see more and more floor with distance
    foot_u, foot_v = c.pixel * z * 2.4 * c.scale, c.pixel * z * z * 7.2 * c.scale
    du, dv = xp.abs(u - xp.floor(u + 0.5)), xp.abs(v - xp.floor(v + 0.5))
    line_u = c.clamp(1.4 - du / (0.018 + 0.6 * foot_u)) / (1 + 2.0 * foot_u)
    line_v = c.clamp(1.4 - dv / (0.018 + 0.6 * foot_v)) / (1 + 2.0 * foot_v)
    glow = 0.3 / (1 + (du * 9) ** 2) + 0.3 / (1 + (dv * 9) ** 2)
    far = xp.exp(-0.14 * z)
    floor = c.clamp(xp.maximum(line_u, line_v) * 0.9 + 0.5 * glow) * far
    beat = 0.75 + 0.5 * c.hear("bass")
    below = c.edge(down)
    sx, sy = c.x, c.y - horizon + 0.36
    d = xp.sqrt(sx * sx + sy * sy + 1e-6)
    cuts = xp.sin(46 * (down + 0.02 * c.t)) + 0.6 - 3.4 * (down + 0.5)
    gap = c.smooth(-0.15, 0.15, cuts)
    bars = xp.where(down > -0.42, gap, 1.0)
    sun = c.edge(0.44 - d) * bars
    halo = xp.exp(-2.6 * c.clamp(d - 0.44, 0.0, 9.0))
    ridge = 0.06 + 0.09 * xp.abs(c.still(2.2 * c.x + 0.02 * c.t, 0 * c.y, 3, "rough"))
    hills = c.edge(ridge + down) * (1 - below)
    rim = c.line(ridge + down, 0.012) * (1 - below)
    stars = specks(c, 7.0, 0.93) * (1 - sun) * (1 - below) * c.clamp(-down * 2)
    sky = 0.1 + 0.3 * halo
    above = (
        (sky * (1 - sun) + sun * (1.0 - 0.5 * c.clamp(down + 0.8))) * (1 - hills)
        + 0.03 * hills
        + 0.5 * rim
    )
    value = below * (0.05 + 0.75 * floor) + (1 - below) * above
    light_above = (
        (0.2 + 0.45 * halo + 0.75 * sun + 1.1 * stars) * (1 - hills) + 0.1 * hills + 0.6 * rim
    )
    light = below * (0.12 + 1.25 * floor * beat + 0.25 * far) + (1 - below) * light_above
    return Field(value, light)


def terrain(c: Canvas) -> Field:
    xp = c.xp
    # a flight over hills: rows of land from far to near, each hiding what lies behind
    horizon = -0.22
    value, light = _night(c, horizon)
    rows = 12
    fly = 0.9 * c.t
    whole = xp.floor(fly)
    part = fly - whole
    for k in range(rows):
        depth = rows - k - part + 0.6
        z = 0.55 * depth
        number = whole + depth + part
        x = c.x * z * 0.55 * c.scale
        land = c.still(x + 40.0, 0 * c.x + 0.43 * number, 0, "cloud")
        loud = 1 + 0.5 * c.hear("bass")
        high = 0.5 + 0.42 * land * loud
        top = horizon + (1.5 - xp.maximum(high, 0.1)) / z
        d = c.y - top
        body = c.edge(d)
        line = c.line(d, 0.014)
        near = c.clamp(1.15 - depth / rows)
        tone = 0.3 + 0.35 * c.clamp(high) + 0.3 * near
        value = value * (1 - body) + 0.07 * body
        light = light * (1 - body) + 0.15 * body
        haze = c.clamp(1 - 0.9 * c.clamp(d * 4)) * body
        value, light = value + 0.25 * haze * near, light + 0.3 * haze * near
        value = value * (1 - line) + tone * line
        light = light * (1 - line) + (0.35 + 0.95 * near) * line
    return Field(value, light)


def _night(c: Canvas, horizon: float) -> tuple[Array, Array]:
    """A sky with a glow along the horizon."""
    xp = c.xp
    up = c.clamp(horizon - c.y, 0.0, 2.0)
    glow = xp.exp(-3.4 * up)
    stars = specks(c, 7.0, 0.93) * c.clamp(1 - glow)
    moon = c.edge(0.12 - xp.sqrt((c.x - 0.5) ** 2 + (c.y + 0.68) ** 2 + 1e-6))
    return 0.1 + 0.5 * glow + 0.8 * moon, 0.14 + 0.55 * glow + 1.0 * moon + 1.0 * stars


def skyline(c: Canvas) -> Field:
    xp = c.xp
    haze = xp.exp(-1.7 * c.clamp(0.75 - c.y, 0.0, 3.0))
    stars = specks(c, 8.0, 0.95) * c.clamp(1 - 1.3 * haze)
    value, light = 0.1 + 0.55 * haze, 0.2 + 0.65 * haze + stars
    for k in range(3):
        f = (7.5 - 1.9 * k) * xp.sqrt(c.scale)
        x = f * c.x + 0.14 * (k + 1) * c.t + 5.0 * k
        i = xp.floor(x)
        number = c.hash(i, 0 * i, k)
        beat = 0.16 * c.hear("bass") * c.hash(i, 0 * i, k + 7)
        top = 0.42 - 0.1 * k + 0.28 * k - (0.16 + 0.62 * number * number + beat) * (1 - 0.12 * k)
        a = x - i
        house = c.edge((0.47 - xp.abs(a - 0.5)) / f) * c.edge(c.y - top)
        wy = c.y * (22 - 4.0 * k)
        wx = a * 5
        lamp = c.hash(xp.floor(wx) + 5 * i, xp.floor(wy), k + 3)
        inside = c.mask(c.frac(wy) < 0.55) * c.mask(c.frac(wx) < 0.6)
        inside = inside * c.mask(xp.abs(a - 0.5) < 0.4) * c.mask(c.y > top + 0.03)
        blink = 0.5 + 0.5 * xp.sin(0.9 * c.t + 50 * lamp)
        window = inside * c.smooth(0.55, 0.62, lamp) * (0.45 + 0.55 * blink)
        window = window * min(1.0, 0.016 / c.pixel + 0.55)
        far = 1 - 0.36 * k
        value = value * (1 - house) + house * (0.04 + 0.2 * (far - 0.2) + window * 0.75)
        light = light * (1 - house) + house * (0.14 + 0.34 * (far - 0.2) + window * 1.5)
    return Field(value, light)


def grass(c: Canvas) -> Field:
    xp = c.xp
    sky = c.clamp(0.5 - 0.5 * c.y)
    sx, sy = 0.5 * c.p(0, -1, 1), -0.35
    d = xp.sqrt((c.x - sx) ** 2 + (c.y - sy) ** 2 + 1e-6)
    sun = c.edge(0.17 - d)
    halo = xp.exp(-2.6 * d)
    value = 0.45 + 0.2 * halo + 0.3 * sun - 0.08 * sky
    light = 0.5 + 0.5 * halo + 0.5 * sun
    for k in range(4):
        f = (9.0 - 1.7 * k) * xp.sqrt(c.scale)
        up = c.clamp(1.1 - c.y, 0.0, 3.0)
        wind = xp.sin(1.3 * c.x + 1.4 * c.t + k) + 0.5 * xp.sin(3.1 * c.x - 2.0 * c.t)
        x = f * (c.x + 0.1 * (wind + c.hear("mid")) * up * up) + 7.3 * k
        i = xp.floor(x)
        a = x - i - 0.5
        number = c.hash(i, 0 * i, k)
        tall = 0.5 + 0.75 * number - 0.1 * k + 0.1
        share = c.clamp(up / tall, 0.0, 1.2)
        blade = c.edge((0.5 * (1 - share) - xp.abs(a + 0.3 * (number - 0.5) * share)) / f)
        rib = c.clamp(1 - xp.abs(a) * 3)
        near = (k + 1) / 4
        tone = 0.34 - 0.24 * near + 0.22 * share + 0.1 * rib
        value = value * (1 - blade) + blade * tone
        light = light * (1 - blade) + blade * (0.3 + 0.5 * share + 0.1 * rib)
    return Field(value, light)


def snow(c: Canvas) -> Field:
    xp = c.xp
    haze = c.noise(0.8 * c.x, 0.8 * c.y, 0, "smooth", 0.4)
    value = 0.16 + 0.1 * (c.y + 1) + 0.05 * haze
    light = 0.3 + 0.14 * (c.y + 1)
    ridge = 0.55 - 0.14 * c.still(0.9 * c.x, 0 * c.y, 2, "cloud")
    hill = c.edge(c.y - ridge)
    value, light = (
        value * (1 - hill) + 0.75 * hill,
        light * (1 - hill) + (0.5 + 0.3 * c.clamp(c.y)) * hill,
    )
    for layer in range(4):
        f = (4.6 - 1.0 * layer) * c.scale
        wind = 0.25 * xp.sin(0.4 * c.t + layer) + 0.1 * c.hear("mid")
        x = f * c.x - wind * f * c.y + 0.4 * xp.sin(1.1 * c.t + 3 * c.y + layer) + 3.3 * layer
        y = f * c.y - (0.9 + 0.35 * layer) * c.t
        i, j = xp.floor(x), xp.floor(y)
        number = c.hash(i, j, layer)
        u = x - i - 0.25 - 0.5 * c.frac(19 * number)
        v = y - j - 0.25 - 0.5 * c.frac(37 * number)
        size = 0.05 + 0.055 * number
        size = xp.maximum(size, 0.5 * c.pixel * f)
        d2 = (u * u + v * v) / (size * size)
        flake = c.mask(c.frac(5 * number) < 0.8) / (1 + d2 * d2)
        bright = (0.5 + 0.17 * layer) * flake
        value = value + (0.97 - value) * c.clamp(bright)
        light = light + 0.8 * bright
    return Field(value, light)
