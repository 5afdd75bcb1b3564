"""Families that repeat: stripes, checks, hexagons, mazes, moiré."""

from __future__ import annotations

from phosphene.diffusion.lsd.render.canvas import TAU, Canvas, Field
from phosphene.namespaces import Array


def ripples(c: Canvas) -> Field:
    xp = c.xp
    total, slope = xp.zeros_like(c.x), xp.zeros_like(c.x)
    for k in range(4):
        px, py = c.p(k, -1.1, 1.1), c.p(7 - k, -0.9, 0.9)
        dx, dy = c.x - px, c.y - py
        d = xp.sqrt(dx * dx + dy * dy + 1e-4)
        phase = d * (13 + 2 * k) * c.scale - 4.0 * c.t + 2 * k
        fade = 1 / (1 + 1.6 * d)
        total, slope = total + fade * xp.sin(phase), slope + fade * xp.cos(phase)
    shine = c.clamp(slope - 0.5) * c.clamp(slope - 0.5)
    return Field(0.45 + 0.22 * total + 0.18 * shine, 0.62 + 0.2 * total + 0.6 * shine)


def rings(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.x - 0.25 * c.p(3, -1, 1), c.y - 0.25 * c.p(4, -1, 1)
    r = xp.sqrt(x * x + y * y + 1e-5)
    u = r * c.p(0, 2.5, 4.5) * c.scale - 0.7 * c.t
    k = xp.floor(u)
    tone = c.frac(0.381966 * k)
    inside = c.frac(u)
    band = c.smooth(0.0, 0.06, inside) * c.smooth(1.0, 0.86, inside)
    lift = 1 - c.clamp(2 * xp.abs(inside - 0.5))
    gap = c.smooth(0.35, 0.9, c.frac(0.77 * k + 0.3))
    return Field((0.12 + 0.78 * tone) * band, 0.2 + band * (0.45 + 0.4 * lift + 0.4 * gap))


def stripes(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.swirl(c.x, c.y, c.p(0, 0.1, 0.6), octaves=3, freq=1.3, speed=0.5)
    u, _ = c.turned(x, y, c.p(1, 0.0, 3.1))
    u = u * c.p(2, 2.2, 4.0) * c.scale + 0.5 * c.t
    k = xp.floor(u)
    inside = c.frac(u)
    body = c.smooth(0.0, 0.05, inside) * c.smooth(1.0, 0.95, inside)
    tone = c.frac(0.618034 * k)
    round_ = xp.sin(TAU / 2 * inside)
    return Field((0.1 + 0.82 * tone) * body, 0.25 + body * (0.3 + 0.65 * round_))


def checker(c: Canvas) -> Field:
    xp = c.xp
    swell = xp.exp(-2.2 * c.r * c.r)
    bulge = 1 + (c.p(0, -0.2, 0.9) + 0.25 * c.hear("bass")) * swell
    x, y = c.turned(c.x / bulge, c.y / bulge, c.p(1, -0.8, 0.8) + 0.1 * c.t)
    f = c.p(2, 2.2, 3.6) * c.scale
    u, v = f * x + 0.35 * c.t, f * y
    a = c.clamp(0.5 + xp.sin(TAU * u) / (9 * c.pixel * f + 0.12))
    b = c.clamp(0.5 + xp.sin(TAU * v) / (9 * c.pixel * f + 0.12))
    tile = a + b - 2 * a * b
    return Field(0.06 + 0.88 * tile, 0.55 + 0.4 * bulge / 1.6 + 0.15 * swell)


def dots(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.turned(c.x, c.y, c.p(1, 0.0, 1.5))
    f = c.p(0, 2.6, 4.4) * c.scale
    u, v = f * x + 0.3 * c.t, f * y
    i, j = xp.floor(u), xp.floor(v)
    dx, dy = u - i - 0.5, v - j - 0.5
    d = xp.sqrt(dx * dx + dy * dy)
    wave = xp.sin(1.1 * i + 0.7 * j + 2.2 * c.t) * xp.sin(0.6 * i - 0.9 * j + 1.3 * c.t)
    size = 0.31 + 0.13 * wave + 0.06 * c.hear("bass")
    disc = c.edge((size - d) / f)
    tone = 0.45 + 0.5 * c.hash(i, j)
    ball = c.clamp(1 - d / (size + 0.02))
    return Field(
        0.07 * (1 - disc) + (tone - 0.1 + 0.1 * ball) * disc, 0.35 + disc * (0.45 + 0.5 * ball)
    )


def hexes(c: Canvas, u: Array, v: Array) -> tuple[Array, Array, Array, Array, Array]:
    """The hexagon (i, j) of every place, the way from its middle (dx, dy), and to its edge."""
    xp = c.xp
    tall = 1.7320508
    ai, aj = xp.floor(u + 0.5), xp.floor(v / tall + 0.5)
    bi, bj = xp.floor(u), xp.floor(v / tall)
    ax, ay = u - ai, v - aj * tall
    bx, by = u - bi - 0.5, v - (bj + 0.5) * tall
    closer = ax * ax + ay * ay < bx * bx + by * by
    dx, dy = xp.where(closer, ax, bx), xp.where(closer, ay, by)
    i, j = xp.where(closer, ai, bi + 0.5), xp.where(closer, aj, bj + 0.5)
    qx, qy = xp.abs(dx), xp.abs(dy)
    edge = 0.5 - xp.maximum(qx, 0.5 * qx + 0.8660254 * qy)
    return i, j, dx, dy, edge


def hexagons(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 2.2, 3.8) * c.scale
    x, y = c.turned(c.x, c.y, 0.2 * c.p(1, -1, 1))
    i, j, dx, dy, edge = hexes(c, f * x + 0.25 * c.t, f * y + 0.1 * c.t)
    number = c.hash(2 * i, 2 * j)
    pulse = 0.5 + 0.5 * xp.sin(TAU * number + (0.8 + number) * 1.6 * c.t)
    far = xp.sqrt(i * i + 3 * j * j)
    wave = 0.5 + 0.5 * xp.sin(1.3 * far - 2.4 * c.t)
    lit = c.clamp(0.65 * pulse * pulse + 0.5 * wave * c.hear("bass"))
    wall = c.edge((edge - 0.05) / f)
    inner = c.smooth(0.05, 0.3, edge)
    ring = c.line((edge - 0.14) / f, 0.012)
    bevel = 0.12 * (dy - dx)
    value = (0.12 + 0.55 * lit + 0.2 * inner * lit + bevel) * wall + 0.3 * ring * lit
    return Field(value, wall * (0.3 + 0.75 * lit + bevel) + 0.5 * ring * lit + 0.06)


def labyrinth(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(1, 17.0, 23.0) * c.scale
    x, y = c.swirl(c.x, c.y, c.p(0, 0.15, 0.5), octaves=2, freq=1.5, speed=0.4)
    total = xp.zeros_like(c.x)
    # waves of one length from all sides: what Turing's two substances settle to
    for k in range(6):
        turn = TAU / 2 * (k + c.numbers[:, 40 + k, None, None]) / 6
        u = xp.cos(turn) * x + xp.sin(turn) * y
        drift = c.t * (0.5 + 0.5 * c.numbers[:, 50 + k, None, None])
        total = total + xp.cos(f * u + TAU * c.numbers[:, 60 + k, None, None] + drift)
    d = c.distance(total, 60.0)
    wall = c.edge(d)
    round_ = c.clamp(xp.abs(total) / 2.4)
    value = wall * (0.55 + 0.4 * round_) + (1 - wall) * (0.06 + 0.2 * (1 - round_))
    return Field(value, 0.3 + wall * (0.35 + 0.5 * round_) + 0.15 * (1 - wall))


def scales(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 2.6, 4.2) * c.scale
    bend = 0.18 * xp.sin(1.6 * c.y + 0.6 * c.t)
    u, v = (c.x + bend) * f, c.y * f * 1.5 + 0.35 * c.t
    value, light = xp.zeros_like(u), xp.zeros_like(u)
    for k in (2.0, 1.0, 0.0):
        row = xp.floor(v) - k + 1
        shift = 0.5 * (row - 2 * xp.floor(row / 2))
        column = xp.floor(u - shift + 0.5)
        dx, dy = u - shift - column, (v - row) / 1.5
        d = xp.sqrt(dx * dx + dy * dy)
        inside = c.edge((0.655 - d) / f) * c.clamp(1 + 40 * (dy + 0.02))
        sheen = 0.5 + 0.5 * xp.sin(0.9 * column + 0.6 * row + 1.8 * c.t)
        tone = 0.2 + 0.4 * c.hash(column, row) + 0.3 * sheen * (1 - d)
        rim = c.smooth(0.5, 0.64, d)
        value = value * (1 - inside) + (tone + 0.12 * rim) * inside
        light = light * (1 - inside) + inside * (0.25 + 0.85 * (1 - 1.2 * d) + 0.4 * sheen * rim)
    return Field(value, 0.12 + c.clamp(light, 0.0, 1.6))


def moire(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 16.0, 24.0) * c.scale
    px, py = 0.5 * xp.sin(0.37 * c.t), 0.4 * xp.cos(0.29 * c.t)
    a = xp.sqrt((c.x - px) ** 2 + (c.y - py) ** 2 + 1e-4)
    b = xp.sqrt((c.x + px) ** 2 + (c.y + 0.6 * py) ** 2 + 1e-4)
    soft = 1.2 + 0.6 * f * c.pixel
    one = c.clamp(0.5 + xp.sin(f * a - 1.5 * c.t) / soft)
    two = c.clamp(0.5 + xp.sin(f * b + 1.1 * c.t) / soft)
    cross = one + two - 2 * one * two
    beat = 0.5 + 0.5 * xp.cos(f * (a - b) - 2.6 * c.t)
    return Field(0.06 + 0.4 * cross + 0.5 * cross * beat, 0.35 + 0.75 * cross)


def truchet(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 2.0, 3.2) * c.scale
    x, y = c.turned(c.x, c.y, 0.785 + 0.1 * c.p(1, -1, 1))
    u, v = f * x + 0.2 * c.t, f * y + 0.12 * c.t
    i, j = xp.floor(u), xp.floor(v)
    # now and then a tile turns over
    number = c.frac(c.hash(i, j) + 0.03 * xp.floor(0.7 * c.t + 3 * c.hash(i, j, 3)))
    flip = number < 0.5
    a = u - i
    a = xp.where(flip, 1 - a, a)
    b = v - j
    near = a + b < 1
    p, q = xp.where(near, a, 1 - a), xp.where(near, b, 1 - b)
    d = xp.sqrt(p * p + q * q + 1e-6) - 0.5
    pipe = c.edge((0.2 - xp.abs(d)) / f)
    lift = c.clamp(1 - xp.abs(d) / 0.2)
    along = c.atan2(q, p) * (-1.0 + 2.0 * c.mask(flip)) * (-1.0 + 2.0 * c.mask(near))
    flow = 0.5 + 0.5 * xp.sin(4 * along - 4.0 * c.t)
    shade = 0.09 + 0.06 * c.smooth(0.5, 0.2, xp.abs(d))
    value = pipe * (0.35 + 0.35 * lift + 0.25 * flow * lift) + (1 - pipe) * shade
    return Field(value, 0.18 + pipe * (0.25 + 0.6 * lift + 0.5 * flow * lift))


def weave(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.swirl(c.x, c.y, 0.25, octaves=2, freq=1.5, speed=0.5)
    x, y = c.turned(x, y, 0.785 + 0.2 * c.p(1, -1, 1))
    f = c.p(0, 3.0, 4.6) * c.scale
    u, v = f * x + 0.25 * c.t, f * y
    i, j = xp.floor(u), xp.floor(v)
    a, b = u - i - 0.5, v - j - 0.5
    over = (i + j) - 2 * xp.floor((i + j) / 2) < 0.5
    across, along = xp.where(over, a, b), xp.where(over, b, a)
    tone = xp.where(over, c.frac(0.618 * i), c.frac(0.618 * j + 0.3))
    band = c.edge((0.42 - xp.abs(across)) / f)
    arch = xp.cos(TAU / 2 * along) * xp.cos(TAU / 2 * across)
    thread = 0.06 * xp.sin(40 * across)
    return Field(band * (0.15 + 0.75 * tone + thread), 0.08 + band * (0.2 + 0.95 * arch))


def cubes(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 1.8, 2.8) * c.scale
    i, j, dx, dy, edge = hexes(c, f * c.x + 0.15 * c.t, f * c.y)
    a = c.atan2(dx, -dy)  # 0 is up
    third = xp.floor(c.frac((a + TAU / 6) / TAU) * 3)
    number = c.hash(2 * i, 2 * j)
    beat = 0.5 + 0.5 * xp.sin(TAU * number + 1.7 * c.t)
    lines = c.line(edge / f, 0.012)
    spoke = xp.minimum(xp.minimum(_spoke(c, a, 0.0), _spoke(c, a, 1.0)), _spoke(c, a, 2.0))
    r = xp.sqrt(dx * dx + dy * dy + 1e-6)
    lines = xp.maximum(lines, c.line(r * spoke / f, 0.012))
    glow = xp.exp(-5 * edge) * beat
    value = 0.16 + 0.24 * third + 0.2 * (number - 0.5) + 0.22 * glow
    return Field(
        value * (1 - 0.8 * lines) + 0.95 * lines * beat,
        0.4 + 0.22 * third + 0.5 * glow - 0.2 * lines + 0.7 * lines * beat,
    )


def _spoke(c: Canvas, a: Array, k: float) -> Array:
    """How far off the k-th inner edge of a cube, as the sine of the angle between."""
    off = c.xp.cos(a - TAU / 6 - k * TAU / 3)
    return c.xp.where(off > 0, c.xp.abs(c.xp.sin(a - TAU / 6 - k * TAU / 3)), 1.0)


def hyperbolic(c: Canvas) -> Field:
    xp = c.xp
    # the picture is a half plane of hyperbolic space in a disc, sliding past itself
    r2 = c.x * c.x + c.y * c.y
    x, y = c.turned(c.x, c.y, 0.12 * c.t)
    inside = c.edge(0.985 - c.r)
    x, y = x * 0.985, y * 0.985
    slide = 0.55 * xp.sin(0.4 * c.t)
    # Moebius: (z + s) / (1 + s z)
    px, py = 1 + slide * x, slide * y
    norm = px * px + py * py + 1e-6
    x, y = ((x + slide) * px + y * py) / norm, (y * px - (x + slide) * py) / norm
    n = c.whole(0, 5, 8)
    wedge = TAU / 2 / n
    # the circle whose inversion, with two mirrors, tiles the disc with four at every corner
    cosine = xp.cos(wedge)
    reach = 0.7071 / xp.sqrt(cosine * cosine - 0.5)
    radius = xp.sqrt(reach * reach - 1)
    flips = xp.zeros_like(c.x)
    for _ in range(7):
        a = c.atan2(y, x)
        k = xp.floor(a / (2 * wedge) + 0.5)
        a = xp.abs(a - 2 * wedge * k)
        far = xp.sqrt(x * x + y * y + 1e-9)
        x, y = far * xp.cos(a), far * xp.sin(a)
        dx = x - reach
        d2 = dx * dx + y * y + 1e-9
        hit = d2 < radius * radius
        gain = xp.where(hit, radius * radius / d2, 1.0)
        x, y = reach + dx * gain, y * gain
        flips = flips + c.mask(hit)
    dx = x - reach
    edge = xp.sqrt(dx * dx + y * y) - radius
    far = xp.sqrt(x * x + y * y)
    odd = flips - 2 * xp.floor(flips / 2)
    petal = 0.5 + 0.5 * xp.sin(9 * far - 2.5 * c.t + 3 * odd)
    rim = xp.exp(-12 * edge)
    value = 0.12 + 0.38 * odd + 0.3 * petal + 0.25 * rim
    fade = c.clamp(1.15 - r2)
    return Field(
        value * inside, 0.06 + inside * (0.35 + 0.45 * petal + 0.5 * rim) * (0.4 + 0.6 * fade)
    )


def circuit(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 2.6, 4.0) * c.scale
    u, v = f * c.x + 0.15 * c.t, f * c.y
    i, j = xp.floor(u), xp.floor(v)
    a, b = u - i, v - j
    number = c.hash(i, j)
    straight = number < 0.4
    flip = c.frac(7 * number) < 0.5
    p = xp.where(flip, 1 - a, a)
    # wires run along, across or by corner
    corner = xp.where(p + b < 1, xp.abs(p + b - 0.5), xp.abs(p + b - 1.5)) * 0.7071
    along = xp.where(flip, xp.abs(a - 0.5), xp.abs(b - 0.5))
    d = xp.where(straight, along, corner)
    wire = c.line(d / f, 0.02)
    halo = c.glow(d / f, 0.05)
    px, py = a - 0.5, b - 0.5
    far = xp.sqrt(px * px + py * py)
    pad = c.edge((0.17 - far) / f) * c.mask(c.frac(13 * number) < 0.28)
    pulse = 0.5 + 0.5 * xp.sin(TAU * (0.5 * (u + v) - 0.9 * c.t) + 5 * number)
    pulse = pulse * pulse * pulse
    value = 0.07 + 0.04 * number + wire * (0.4 + 0.45 * pulse) + 0.5 * pad + 0.12 * halo
    return Field(value, 0.14 + 0.25 * halo + wire * (0.4 + 1.1 * pulse) + pad * (0.5 + 0.7 * pulse))
