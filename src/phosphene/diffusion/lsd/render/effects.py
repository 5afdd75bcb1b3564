"""Families that look like something done to a picture: contour lines, rain on glass, glitches, code."""

from __future__ import annotations

from phosphene.diffusion.lsd.render.canvas import TAU, Canvas, Field
from phosphene.namespaces import Array


def flow_field(c: Canvas) -> Field:
    xp = c.xp
    # lines of equal stream function are where a swimmer would drift
    x, y = c.swirl(c.x, c.y, c.p(0, 0.3, 0.8), octaves=3, freq=1.4, speed=0.35)
    psi = c.noise(0.9 * x, 0.9 * y, 0, "smooth", 0.5) + 0.7 * y
    u = psi * c.p(1, 2.6, 3.8) * c.scale + 0.4 * c.t
    k = xp.floor(u)
    d = c.distance(xp.sin(TAU / 2 * u), 60.0)
    line = c.line(d, 0.014)
    tone = c.frac(0.381966 * k)
    inside = c.frac(u)
    value = 0.1 + 0.62 * tone + 0.18 * inside
    return Field(value * (1 - line) + 0.97 * line, 0.4 + 0.3 * inside + 0.2 * tone + 0.6 * line)


def rain_glass(c: Canvas) -> Field:
    xp = c.xp

    # the lights of a street out of focus, and drops that turn it upside down
    def street(x: Array, y: Array) -> Array:
        lamps = xp.zeros_like(c.x)
        for layer in range(2):
            f = 1.3 + 0.9 * layer
            i, j = xp.floor(f * x), xp.floor(f * y + 0.2 * layer)
            number = c.hash(i, j, layer)
            u, v = f * x - i - 0.5, f * y + 0.2 * layer - j - 0.5
            d = xp.sqrt(u * u + v * v)
            on = c.smooth(0.45, 0.6, number) * (
                0.6 + 0.4 * xp.sin(1.3 * c.t * number + 20 * number)
            )
            lamps = lamps + on * c.smooth(0.42, 0.3, d) * (0.5 + 0.5 * c.frac(7 * number))
        return lamps

    lamps = street(c.x + 0.05 * c.t, c.y)
    value, light = 0.12 + 0.5 * lamps, 0.2 + 0.6 * lamps
    for layer in range(2):
        f = (2.0 + 1.7 * layer) * c.scale
        x = f * c.x + 0.11 * xp.sin(2.0 * c.y + 4.0 * layer)
        i = xp.floor(x)
        column = c.hash(i, 0 * i, layer)
        y = 0.8 * f * c.y - (0.25 + 0.9 * column * column) * c.t * (1.2 - 0.7 * layer)
        j = xp.floor(y)
        number = c.hash(i, j, layer + 5)
        size = 0.14 + 0.22 * number * number
        u = (x - i - 0.5 - 0.2 * (c.frac(11 * number) - 0.5)) / size
        v = (y - j - 0.5) / (1.25 * size)
        d = xp.sqrt(u * u + v * v + 1e-6)
        there = c.mask(c.frac(5 * number) < 0.75)
        drop = c.edge((1 - d) * size / f) * there
        lens = street(-0.9 * u + c.x, 0.9 * v - c.y)
        rim = c.smooth(0.55, 1.0, d)
        spot = xp.exp(-12 * ((u + 0.35) ** 2 + (v + 0.4) ** 2))
        value = value * (1 - drop) + drop * (
            0.18 + 0.5 * lens * 0.8 + 0.25 * (v * 0.5 + 0.5) + 0.5 * spot - 0.1 * rim
        )
        light = light * (1 - drop) + drop * (
            0.35 + 0.5 * lens + 0.35 * (v * 0.5 + 0.5) - 0.3 * rim + 0.9 * spot
        )
    return Field(value, light)


def glitch(c: Canvas) -> Field:
    xp = c.xp
    tick = xp.floor(3.0 * c.t)
    slow = xp.floor(0.8 * c.t)
    band = xp.floor(c.y * c.p(0, 3.5, 6.0) * c.scale)
    jump = c.hash(band, tick)
    x = c.x + xp.where(jump > 0.72 - 0.25 * c.hear("onset"), 1.4 * (jump - 0.8), 0.0)
    i = xp.floor(x * c.whole(1, 3, 5) * c.scale)
    j = xp.floor(c.y * c.whole(2, 6, 11) * c.scale)
    tone = c.hash(i, j + 7 * slow, 3)
    wide = c.hash(xp.floor(i / 2), xp.floor(j / 3) + 3 * slow, 5)
    block = xp.where(wide > 0.55, tone, wide * 0.5)
    torn = c.hash(band, tick, 9) > 0.78
    bars = 0.15 + 0.75 * c.mask(xp.sin(60 * x + 9 * jump) > 0)
    value = xp.where(torn, bars, 0.05 + 0.9 * block * block)
    scan = 0.5 + 0.5 * xp.sin(c.y * 150) * min(1.0, 0.01 / c.pixel)
    flick = 0.5 * c.mask(c.hash(i, j, 1) > 0.9) * c.hash(i, tick, 2)
    return Field(value, 0.35 + 0.55 * block + 0.12 * scan + 0.4 * c.mask(torn) + flick)


def code_rain(c: Canvas) -> Field:
    xp = c.xp
    f = 10.0 * c.scale
    value, light = xp.zeros_like(c.x) + 0.05, xp.zeros_like(c.x) + 0.08
    for layer in range(2):
        g = f * (1.0 - 0.42 * layer)
        i, row = xp.floor(g * c.x + 0.5 * layer), g * 0.75 * c.y
        j = xp.floor(row)
        column = c.hash(i, 0 * i, layer)
        length = 9.0 + 8 * c.frac(5 * column)
        head = (2.5 + 5 * column) * c.t * (1.4 - 0.5 * layer) + 40 * column
        behind = c.frac((head - j) / length)
        trail = (1 - behind) * (1 - behind)
        sign = c.hash(i, j + 5 * xp.floor(1.5 * c.t + 9 * c.hash(i, j, 2)), 4)
        # a sign of 5 x 6 dots
        a, b = c.frac(g * c.x + 0.5 * layer), c.frac(row)
        dot = c.hash(
            xp.floor(5 * a) + xp.floor(97 * sign), xp.floor(6 * b) + xp.floor(61 * sign), 6
        )
        glyph = (
            c.mask(dot > 0.45) * c.mask(xp.abs(a - 0.45) < 0.37) * c.mask(xp.abs(b - 0.45) < 0.4)
        )
        tip = c.smooth(1.2 / 12, 0.0, behind)
        near = 0.5 + 0.5 * layer
        value = value + glyph * trail * (0.5 + 0.4 * tip) * near + 0.06 * trail * near
        light = light + glyph * trail * (0.9 + 1.0 * tip) * near + 0.16 * trail * near
    return Field(c.clamp(value), light)
