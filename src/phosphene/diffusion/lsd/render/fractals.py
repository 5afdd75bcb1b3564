"""Families without end inside: Julia sets, flames, attractors, lace, plants."""

from __future__ import annotations

from phosphene.diffusion.lsd.render.canvas import TAU, Canvas, Field
from phosphene.namespaces import device


def julia(c: Canvas) -> Field:
    xp = c.xp
    turn = c.fixed(0, 0, 6.28) + 0.16 * c.t
    reach = 0.7885 + 0.02 * xp.sin(0.3 * c.t) - 0.03 * c.hear("bass")
    cr, ci = reach * xp.cos(turn), reach * xp.sin(turn)
    zr, zi = 1.15 * c.x / xp.sqrt(c.scale), 1.15 * c.y / xp.sqrt(c.scale)
    zr, zi = c.turned(zr, zi, 0.1 * c.t)
    count = xp.zeros_like(zr)
    trap = xp.full_like(zr, 9.0)
    last = xp.full_like(zr, 2.0)
    for _ in range(22):
        r2, i2 = zr * zr, zi * zi
        size = r2 + i2
        alive = size < 40
        count = count + c.mask(alive)
        last = xp.where(alive, xp.maximum(size, 1.01), last)
        trap = xp.minimum(trap, xp.abs(zr * zi) + 0.2 * size)
        zr, zi = c.clamp(r2 - i2 + cr, -90.0, 90.0), c.clamp(2 * zr * zi + ci, -90.0, 90.0)
    # the usual fraction of a step, from how far the last point went: no bands
    smooth = count - xp.log(xp.log(last) / 3.7 + 1e-3) * 0.7
    inside = count > 21.5
    deep = c.clamp(smooth / 16)
    vein = xp.exp(-16 * trap)
    value = xp.where(
        inside,
        0.25 + 0.6 * xp.sqrt(vein),
        0.08 + 0.62 * xp.sqrt(deep) + 0.16 * xp.sin(1.1 * smooth - c.t) * deep,
    )
    light = xp.where(inside, 0.3 + 0.9 * vein, 0.12 + 1.1 * deep)
    return Field(value + 0.25 * vein, light + 0.4 * vein)


def mandelbrot(c: Canvas) -> Field:
    xp = c.xp
    # a dive to one of the places with much to see, and up again, for ever
    spots = (
        (-0.7436, 0.1318),
        (-0.1011, 0.9563),
        (0.3602, 0.6413),
        (-1.2561, 0.3803),
        (-0.7453, 0.1127),
    )
    which = c.whole(0, 0, len(spots) - 1)
    sx, sy = xp.zeros_like(which), xp.zeros_like(which)
    for k, (px, py) in enumerate(spots):
        sx, sy = xp.where(which == k, px, sx), xp.where(which == k, py, sy)
    deep = 0.5 - 0.5 * xp.cos(0.11 * c.t)
    size = 1.1 * xp.exp(-4.2 * deep) / c.scale
    x, y = c.turned(c.x, c.y, 0.1 * c.t)
    cr, ci = sx + size * x, sy + size * y
    zr, zi = xp.zeros_like(cr), xp.zeros_like(cr)
    count, last = xp.zeros_like(cr), xp.full_like(cr, 1.5)
    trap = xp.full_like(cr, 9.0)
    for _ in range(40):
        r2, i2 = zr * zr, zi * zi
        alive = r2 + i2 < 60
        count, last = count + c.mask(alive), xp.where(alive, r2 + i2, last)
        trap = xp.minimum(trap, xp.abs(zr) + 9 * c.mask(count < 2))
        zr, zi = c.clamp(r2 - i2 + cr, -90.0, 90.0), c.clamp(2 * zr * zi + ci, -90.0, 90.0)
    inside = count > 39.5
    u = xp.log(count + 1.0) * 3.4
    value = xp.where(inside, 0.03, 0.5 + 0.44 * xp.sin(1.7 * u - 0.9 * c.t))
    light = xp.where(
        inside,
        0.12 + 0.5 * xp.exp(-30 * trap),
        0.35 + 0.5 * c.clamp(u / 9) + 0.5 * xp.exp(-25 * trap),
    )
    return Field(value, light)


def lace(c: Canvas) -> Field:
    xp = c.xp
    # inversion and folding, over and over: Kali's set
    x, y = c.turned(c.x, c.y, 0.1 * c.t)
    zx, zy = 0.62 * x * c.scale, 0.62 * y * c.scale
    px = c.p(0, 0.55, 0.8) + 0.04 * xp.sin(0.5 * c.t) + 0.04 * c.hear("bass")
    py = c.p(1, 0.5, 0.75)
    glow = xp.zeros_like(c.x)
    near = xp.full_like(c.x, 9.0)
    for k in range(6):
        norm = zx * zx + zy * zy + 1e-3
        zx, zy = xp.abs(zx) / norm - px, xp.abs(zy) / norm - py
        d = xp.sqrt(zx * zx + zy * zy)
        glow = glow + xp.exp(-2.2 * d) * (0.9**k)
        near = xp.minimum(near, xp.minimum(xp.abs(zx), xp.abs(zy)))
    line = xp.exp(-16 * near)
    value = 0.1 + 0.3 * c.clamp(glow / 2.2) + 0.28 * xp.sin(1.4 * glow - c.t) ** 2 + 0.35 * line
    return Field(value, 0.12 + 0.42 * glow / 1.6 + 0.7 * line)


def flame(c: Canvas) -> Field:
    xp = c.xp
    # points driven by a few warped maps (Draves and Reckase 2003), gathered here by running the maps
    # backwards from each place: soft sheets and filaments, the same at any size
    x, y = 1.5 * c.x * c.scale, 1.5 * c.y * c.scale
    turn = c.p(0, 0.4, 1.3) + 0.1 * c.t
    glow = xp.zeros_like(c.x)
    tone = xp.zeros_like(c.x)
    for k in range(7):
        x, y = c.turned(x, y, turn + 0.5 * k)
        x, y = (
            xp.abs(x) - 0.55 - 0.12 * xp.sin(0.37 * c.t + k),
            y + 0.25 * xp.sin(1.6 * x + 0.5 * c.t),
        )
        r2 = x * x + y * y
        s, co = xp.sin(0.9 * r2 + 0.2 * c.t), xp.cos(0.9 * r2 + 0.2 * c.t)
        x, y = 1.22 * (x * s - y * co), 1.22 * (x * co + y * s)
        sheet = 1 / (1 + 46 * y * y) * xp.exp(-0.28 * r2)
        glow, tone = glow + sheet, tone + sheet * k
    hue = tone / (glow + 0.1) / 6
    lit = c.clamp(xp.sqrt(glow * 0.45))
    return Field(
        0.05 + lit * (0.32 + 0.42 * hue) + 0.25 * c.smooth(1.2, 3.0, glow),
        0.08 + 1.0 * lit + 0.3 * c.smooth(1.5, 3.2, glow),
    )


POINTS = 6000
"""of an attractor at 64 x 64; more where there are more pixels"""


def attractor(c: Canvas) -> Field:
    xp = c.xp
    _, h, w = c.x.shape
    # de Jong's map: every start is soon on the attractor
    many = min(max(POINTS, int(1.5 * h * w)), 400_000)
    seeds = xp.arange(many, device=device(c.x))
    px = c.frac(0.7548777 * xp.astype(seeds, xp.float32))[None] * 4 - 2
    py = c.frac(0.5698403 * xp.astype(seeds, xp.float32))[None] * 4 - 2
    px, py = px + 0 * c.time[:, :, 0], py + 0 * c.time[:, :, 0]
    a = 1.4 + 0.6 * c.p(0, -1, 1)[:, :, 0]
    b = -2.3 + 0.3 * c.p(1, -1, 1)[:, :, 0]
    e = 2.4 + 0.25 * c.p(2, -1, 1)[:, :, 0]
    f = -2.1 + 0.3 * c.p(3, -1, 1)[:, :, 0] + 0.1 * c.hear("bass")[:, :, 0]
    total = xp.zeros_like(c.x)
    speed = xp.zeros_like(c.x)
    for k in range(9):
        qx = xp.sin(a * py) - xp.cos(b * px)
        qy = xp.sin(e * px) - xp.cos(f * py)
        if k >= 5:
            size = 0.5 / c.scale[:, :, 0]
            moved = xp.abs(qx - px) + xp.abs(qy - py)
            total = total + c.splat(qx * size, qy * size, 1 + 0 * qx)
            speed = speed + c.splat(qx * size, qy * size, moved)
        px, py = qx, qy
    density = total * (h * w / (4.0 * many))
    tone = speed / (total + 1e-3) / 4
    lit = xp.log(1 + 2.2 * density) / 1.9
    lit = c.clamp(lit, 0.0, 1.3)
    return Field(
        0.05 + c.clamp(lit) * (0.3 + 0.5 * tone) + 0.2 * c.smooth(0.7, 1.2, lit), 0.06 + 1.15 * lit
    )


def plant(c: Canvas) -> Field:
    xp = c.xp
    # a tree folded out of one branch: mirrored, shrunk, turned, again and again; the wind bends it
    x, y = c.x * c.scale, (0.85 - c.y) * c.scale
    wind = (
        0.05 * xp.sin(0.9 * c.t + 1.2 * y) * y + 0.03 * c.hear("mid") * xp.sin(3 * c.t + 4 * y) * y
    )
    x = x + wind
    spread = c.p(0, 0.42, 0.66)
    shrink = 0.72
    length = 0.52
    size = xp.ones_like(x)
    wood = xp.full_like(x, 9.0)
    level = xp.zeros_like(x)
    leaf = xp.full_like(x, 9.0)
    for k in range(8):
        over = xp.maximum(xp.maximum(-y, y - length), 0.0)
        thick = 0.045 * (1 - 0.35 * c.clamp(y / length))
        d = (xp.sqrt(x * x + over * over) - thick) * size
        level = xp.where(d < wood, float(k), level)
        wood = xp.minimum(wood, d)
        if k >= 5:
            dx, dy = x, y - length
            leaf = xp.minimum(leaf, (xp.sqrt(dx * dx + dy * dy) - 0.24) * size)
        x, y = xp.abs(x), y - length
        sway = 0.06 * xp.sin(1.1 * c.t + 0.9 * k)
        x, y = c.turned(x, y, spread + sway)
        x, y = x / shrink, y / shrink
        size = size * shrink
    bark = c.edge(-wood)
    leaves = c.edge(-leaf)
    lift = c.clamp(-leaf * 30)
    sky = c.clamp(0.5 - 0.5 * c.y)
    halo = xp.exp(-7 * xp.maximum(leaf, 0.0))
    ground = c.edge(c.y - 0.84)
    value = 0.1 + 0.14 * sky + 0.12 * halo
    value = value * (1 - bark) + bark * (0.28 + 0.04 * level)
    value = value * (1 - leaves) + leaves * (0.58 + 0.35 * lift)
    light = 0.3 + 0.2 * sky + 0.35 * halo
    light = light * (1 - bark) + bark * (0.35 + 0.04 * level)
    light = light * (1 - leaves) + leaves * (0.65 + 0.6 * lift)
    return Field(value * (1 - ground) + 0.06 * ground, light * (1 - 0.7 * ground))


def reaction(c: Canvas) -> Field:
    xp = c.xp
    # spots and worms that split and grow: waves of one length, thresholds that wander over the picture
    f = 15.0 * c.scale
    x, y = c.swirl(c.x, c.y, 0.35, octaves=3, freq=1.6, speed=0.4)
    total = xp.zeros_like(c.x)
    for k in range(5):
        turn = TAU / 2 * (k + 0.5 * c.numbers[:, 40 + k, None, None]) / 5
        u = xp.cos(turn) * x + xp.sin(turn) * y
        total = total + xp.cos(
            f * u + TAU * c.numbers[:, 50 + k, None, None] + (0.4 + 0.1 * k) * c.t
        )
    food = c.noise(0.9 * c.x, 0.9 * c.y, 0, "smooth", 1.0)
    level = total + 1.3 * food - 0.4 + 0.7 * c.hear("bass")
    d = c.distance(level, 70.0)
    body = c.edge(d)
    skin = c.glow(d, 0.02)
    heart = c.clamp(level / 3)
    value = (
        body * (0.4 + 0.5 * heart) + (1 - body) * (0.08 + 0.12 * c.smooth(-2, 2, food)) + 0.2 * skin
    )
    return Field(value, 0.2 + body * (0.3 + 0.5 * heart) + 0.65 * skin)
