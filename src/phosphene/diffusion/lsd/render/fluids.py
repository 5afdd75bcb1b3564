"""Families that flow: smoke, ink, fire, water, clouds and light."""

from __future__ import annotations

from phosphene.diffusion.lsd.render.canvas import Canvas, Field
from phosphene.namespaces import Array


def nebula(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.swirl(c.x, c.y, 0.55, octaves=4, freq=1.6, speed=0.25)
    gas = c.noise(1.6 * c.scale * x, 1.6 * c.scale * y, 0, "rough", 0.5)
    veil = c.noise(1.1 * c.scale * x + 0.5 * gas, 1.1 * c.scale * y, 1, "cloud", 0.4)
    body = c.smooth(-1.6, 1.9, gas + 0.7 * veil)
    dust = c.smooth(-1.3, 1.1, veil - 0.35 * gas)
    ridge = 1 - c.clamp(xp.abs(gas - 0.3 * veil) * 0.9)
    stars = specks(c, 9.0, 0.93)
    light = 0.1 + dust * (0.25 + 0.95 * body) + 0.4 * ridge * ridge * dust
    return Field(0.08 + 0.72 * body + 0.2 * ridge * dust, light + 1.3 * stars)


def specks(c: Canvas, density: float, rare: float) -> Array:
    """Stars: at most one in each square, bright ones few, each twinkling by itself."""
    x, y = density * c.x * c.scale, density * c.y * c.scale
    i, j = c.xp.floor(x), c.xp.floor(y)
    there = c.hash(i, j, 11)
    u = x - i - 0.3 - 0.4 * c.frac(17.0 * there)
    v = y - j - 0.3 - 0.4 * c.frac(29.0 * there)
    size = max(0.09, 0.8 * density * c.pixel)
    bright = c.smooth(rare, 1.0, there) * (0.7 + 0.3 * c.xp.sin(3 * c.t * (1 + there) + 40 * there))
    return bright * c.xp.exp(-(u * u + v * v) / (size * size))


def smoke(c: Canvas) -> Field:
    xp = c.xp
    rise = 0.5 * c.t
    x, y = c.swirl(c.x * c.scale, c.y * c.scale + rise, 0.5, octaves=5, freq=2.2, speed=0.6)
    wisps = c.noise(1.5 * x, 0.8 * y, 0, "cloud", 0.6)
    thin = c.noise(2.6 * x + wisps, 1.1 * y, 1, "smooth", 0.6)
    folds = 1 - c.clamp(xp.abs(thin) * 0.8)
    body = c.smooth(-1.5, 1.9, wisps + 0.5 * folds)
    return Field(0.05 + 0.7 * body + 0.22 * folds * body, 0.12 + 0.85 * body + 0.35 * folds * body)


def ink(c: Canvas) -> Field:
    x, y = c.swirl(c.x, c.y, 0.8, octaves=5, freq=1.7, speed=0.35)
    drop = c.noise(1.0 * c.scale * x, 1.0 * c.scale * y, 0, "rough", 0.5)
    tendrils = c.noise(2.2 * c.scale * x, 2.2 * c.scale * y, 1, "cloud", 0.5)
    depth = drop + 0.45 * tendrils + 0.7 - 0.75 * c.r * c.scale
    edge = c.smooth(-0.22, 0.22, depth)
    thick = c.smooth(0.0, 2.2, depth)
    rim = c.clamp(1 - c.xp.abs(depth) * 2.2)
    return Field(0.93 - edge * (0.22 + 0.55 * thick) - 0.18 * rim, 1.0 - 0.2 * edge * thick)


def marble(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.swirl(c.x, c.y, 0.6, octaves=4, freq=1.5, speed=0.2)
    bend = c.noise(1.3 * c.scale * x, 1.3 * c.scale * y, 0, "rough", 0.35)
    u, _ = c.turned(x, y, c.p(1, 0.0, 3.1))
    band = xp.sin(u * c.p(2, 2.5, 4.5) * c.scale + 1.5 * bend + 0.3 * c.t)
    vein = c.glow(c.distance(band - 0.25), 0.035)
    fine = c.glow(c.distance(bend - 0.5), 0.02)
    stone = 0.42 + 0.26 * band + 0.07 * bend
    return Field(
        stone * (1 - 0.7 * vein) + 0.92 * vein, 0.75 + 0.12 * band + 0.55 * vein + 0.3 * fine
    )


def silk(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.swirl(c.x, c.y, 0.9, octaves=3, freq=1.2, speed=0.4)
    u, v = c.turned(x, y, c.p(1, 0.0, 3.1))
    u = u * c.p(2, 2.6, 4.4) * c.scale + 0.4 * c.t
    fold = xp.sin(u + 0.9 * xp.sin(1.7 * v + 0.3 * c.t))
    small = xp.sin(2.7 * u + 2.0 * v + 1.2 * fold)
    shine = c.clamp(xp.cos(u + 0.7 + 0.5 * small))
    shine = shine * shine * shine
    return Field(0.4 + 0.26 * fold + 0.09 * small, 0.68 + 0.3 * xp.cos(u) + 0.8 * shine * shine)


def plasma(c: Canvas) -> Field:
    xp, t = c.xp, c.t
    f = c.p(0, 2.2, 4.2) * c.scale
    a = xp.sin(f * c.x + t) + xp.sin(f * c.y * c.p(1, 0.6, 1.4) - 0.7 * t)
    b = xp.sin(0.7 * f * (c.x + c.y) + 1.3 * t) + xp.sin(1.3 * f * c.r - 1.1 * t)
    u = (a + b) * c.p(2, 1.0, 1.5)
    return Field(0.48 + 0.4 * xp.sin(u), 0.95 + 0.25 * xp.cos(u + a))


def liquid(c: Canvas) -> Field:
    xp = c.xp
    x, y = c.swirl(1.3 * c.x * c.scale, 1.3 * c.y * c.scale, c.p(0, 1.0, 1.5), 6, 1.3, 0.55)
    u = 1.6 * x + y
    value = 0.5 + 0.45 * xp.sin(1.7 * u)
    rim = c.clamp(xp.sin(2.6 * y - 1.3 * x))
    rim = rim * rim
    oil = c.glow(c.distance(xp.sin(2.1 * (x - y)), 60.0), 0.03)
    return Field(value, 0.72 + 0.22 * xp.cos(x - 2 * y) + 0.45 * rim * rim + 0.35 * oil)


def lava_lamp(c: Canvas) -> Field:
    xp = c.xp
    heat = xp.zeros_like(c.x)
    wide = c.x.shape[2] / c.x.shape[1]
    for k in range(8):
        a, b, s = (c.numbers[:, 30 + 3 * k + i, None, None] for i in range(3))
        px = wide * (1.8 * c.frac(a + 0.125 * k) - 0.9) + 0.14 * xp.sin(c.t * (0.4 + b) + 6 * s)
        py = 1.15 * xp.sin(c.t * (0.22 + 0.3 * b) + 6.283 * a)
        size = (0.13 + 0.16 * s) / c.scale
        dx, dy = c.x - px, c.y - py
        heat = heat + size * size / (dx * dx + 0.65 * dy * dy + 0.004)
    wax = c.smooth(0.93, 1.07, heat)
    rim = c.clamp(1 - xp.abs(heat - 1.15) * 2.0)
    back = 0.1 + 0.16 * (c.y + 1) / 2 + 0.16 * c.smooth(0.2, 1.0, heat)
    body = 0.5 + 0.42 * c.smooth(1.0, 4.0, heat)
    return Field(back * (1 - wax) + body * wax, 0.55 + 0.55 * wax + 0.3 * rim)


def fire(c: Canvas) -> Field:
    xp = c.xp
    rise = 1.5 * c.t
    x = c.x * c.scale
    up = c.clamp(0.5 - 0.5 * c.y, 0.0, 1.3)  # 0 at the foot, 1 at the head
    lick = c.noise(1.3 * x, 0.8 * c.y + 0.8 * rise, 0, "smooth", 0.7)
    x = x + (0.1 + 0.35 * up) * lick + 0.08 * xp.sin(3.0 * c.y + 2.6 * rise)
    tongue = c.noise(2.9 * x, 0.9 * c.y + 1.5 * rise, 1, "cloud", 0.8)
    thin = c.noise(4.2 * x + 0.6 * tongue, 1.3 * c.y + 2.4 * rise, 2, "smooth", 0.8)
    reach = c.p(0, 0.5, 0.7) * (1 + 0.25 * c.hear("bass"))
    heat = reach + 0.36 * tongue + 0.16 * thin - 1.12 * up
    flame = c.smooth(-0.06, 0.5, heat)
    core = c.smooth(0.35, 1.25, heat)
    ember = _sparks(c, rise)
    glow = 0.12 * c.clamp(1.2 - up)
    value = 0.1 + 0.5 * flame + 0.36 * core + 0.5 * ember
    return Field(value, glow + 0.95 * flame + 0.35 * core + 1.2 * ember)


def _sparks(c: Canvas, rise: Array) -> Array:
    """Embers that fly up, swaying."""
    x = 5.0 * c.x + 0.7 * c.xp.sin(2.2 * c.y + c.t)
    y = 3.0 * c.y + 2.2 * rise
    i, j = c.xp.floor(x), c.xp.floor(y)
    there = c.hash(i, j, 7)
    u, v = x - i - 0.25 - 0.5 * c.frac(13 * there), y - j - 0.25 - 0.5 * c.frac(31 * there)
    size = max(0.09, 3.4 * c.pixel)
    return c.smooth(0.8, 0.9, there) * c.xp.exp(-(u * u + 0.5 * v * v) / (size * size))


def caustics(c: Canvas) -> Field:
    xp = c.xp
    f = c.p(0, 3.4, 4.8) * c.scale
    x, y = f * c.x, f * c.y
    web = xp.zeros_like(c.x)
    # light that waves bend gathers in nets: crests of sines that push each other about
    for k in range(4):
        u, v = c.turned(x, y, 0.9 + 1.1 * k)
        wave = xp.sin(u + 1.2 * xp.sin(0.8 * v + 0.8 * c.t + k) - 0.6 * c.t)
        web = web + wave
        x, y = x + 0.5 * wave, y - 0.5 * wave
    ridge = 1 - c.clamp(xp.abs(c.distance(web, 60.0)) * (3.2 * c.scale))
    second = 1 - c.clamp(xp.abs(xp.sin(1.2 * web + 1.0)) * 1.6)
    net = ridge * ridge
    deep = c.noise(0.7 * c.x, 0.7 * c.y, 0, "smooth", 0.6)
    value = 0.26 + 0.07 * deep + 0.5 * net + 0.2 * second * second
    return Field(value, 0.42 + 0.08 * deep + 0.8 * net * ridge + 0.3 * second * second)


def clouds(c: Canvas) -> Field:
    x, y = 1.0 * c.x * c.scale + 0.1 * c.t, 1.7 * c.y * c.scale
    bend = c.noise(0.7 * x, 0.7 * y, 1, "smooth", 0.5)
    puff = c.noise(x + 0.25 * bend, y + 0.25 * bend, 0, "rough", 0.5)
    lit = c.noise(x + 0.25 * bend - 0.1, y + 0.25 * bend - 0.16, 0, "rough", 0.5)
    cover = c.smooth(-0.55, 0.75, puff + c.p(0, -0.2, 0.35))
    shade = c.clamp(0.55 + 0.5 * (puff - lit) * 1.5)
    sky = 0.2 + 0.14 * (c.y + 1)
    value = sky * (1 - cover) + (0.52 + 0.45 * shade) * cover
    return Field(value, 0.8 + 0.12 * c.y * (1 - cover) + cover * (0.5 * shade - 0.05))


def aurora(c: Canvas) -> Field:
    xp = c.xp
    glow = xp.zeros_like(c.x)
    tone = xp.zeros_like(c.x)
    for k in range(3):
        bend = c.noise(0.8 * c.x * c.scale + 3.0 * k, 0.12 * c.y, k, "smooth", 0.9)
        fine = c.noise(7.0 * c.x * c.scale + 1.5 * bend, 0.25 * c.y, k + 3, "cloud", 2.2)
        foot = 0.55 - 0.38 * k + 0.26 * bend + 0.08 * xp.sin(2 * c.x + 0.7 * c.t + 2 * k)
        up = foot - c.y
        fall = c.clamp(up, 0.0, 9.0)
        curtain = c.smooth(-0.04, 0.06, up) * xp.exp(-fall * c.p(0, 1.3, 2.4))
        curtain = curtain * (0.62 + 0.3 * fine) * (1 + 0.5 * c.hear("mid"))
        glow = glow + curtain * (1 - 0.2 * k)
        tone = tone + curtain * c.clamp(0.9 - 0.8 * fall)
    glow = c.clamp(glow, 0.0, 1.4)
    stars = specks(c, 7.0, 0.94)
    hills = c.edge(c.y - 0.82 + 0.1 * c.still(0.9 * c.x + 0.02 * c.t, 0 * c.y, 9), 1.0)
    value = 0.1 + 0.42 * glow + 0.4 * c.clamp(tone)
    light = 0.16 + 1.0 * glow + 0.9 * stars * c.clamp(1 - glow)
    return Field(value * (1 - hills) + 0.02 * hills, light * (1 - 0.9 * hills))


def waves(c: Canvas) -> Field:
    xp = c.xp
    sky = c.clamp((c.y + 1) * 1.6)
    value, light = 0.95 - 0.25 * sky, 0.85 + 0.25 * sky
    for k in range(6):
        speed = 0.5 + 0.2 * k
        u = c.x * (3.4 - 0.34 * k) * c.scale + c.t * speed + 2.1 * k + 6 * c.fixed(0, 0, 1)
        swell = xp.sin(u) + 0.45 * xp.sin(2.3 * u + k + 0.4 * c.t)
        peak = 1 - c.clamp(xp.abs(xp.sin(0.5 * u)) * 1.6)
        crest = (
            -0.6
            + 0.3 * k
            - (0.06 + 0.022 * k) * (swell + 0.8 * peak) * (0.8 + 0.6 * c.hear("bass"))
        )
        depth = c.y - crest
        water = c.edge(depth)
        below = c.clamp(depth, 0.0, 2.0)
        foam = xp.exp(-below * 22) * (0.4 + 0.6 * peak)
        ripple = xp.sin(18 * depth + 5 * xp.sin(u) + 2 * c.t) * xp.exp(-5 * below)
        shade = 0.66 - 0.1 * k + 0.34 * foam - 0.14 * below + 0.05 * ripple
        value = value * (1 - water) + shade * water
        light = light * (1 - water) + (0.72 - 0.35 * below + 0.65 * foam + 0.1 * ripple) * water
    return Field(value, light)


def lightning(c: Canvas) -> Field:
    xp = c.xp
    # the bolt jumps to another way several times a second; its glow stays a little
    tick = xp.floor(2.2 * c.t)
    age = c.frac(2.2 * c.t)
    strike = (0.3 + 0.7 * xp.exp(-2.4 * age)) * (0.6 + 0.4 * c.hash(tick, 0 * tick, 5))
    strike = strike + 0.9 * c.hear("onset")
    glow = xp.zeros_like(c.x)
    core = xp.zeros_like(c.x)
    for k in range(3):
        place = c.hash(tick, 0 * tick + k, 3)
        slow = 4.0 * place + 0.35 * age
        rough = c.still(1.1 * c.y * c.scale + 9 * place, 7.3 * place + slow, k, "rough")
        fine = c.still(4.5 * c.y * c.scale + 5 * place, 3.1 * k + 0.5 * slow, k + 4, "rough")
        lean = (place - 0.5) * 1.4
        path = lean + (c.hash(tick, 0 * tick + k, 9) - 0.5) * 0.9 * c.y + 0.24 * rough + 0.05 * fine
        # a branch begins where its foot is and ends in the air
        length = 1.4 if k == 0 else 0.1 + 1.2 * c.hash(tick, 0 * tick + k, 13) - 0.5
        on = c.smooth(0.0, 0.35, length - c.y)
        d = c.x - path
        power = 1.0 if k == 0 else 0.6
        core = core + power * on * c.line(d, 0.011)
        glow = glow + power * on * c.glow(d, 0.05)
    haze = c.smooth(-1.5, 2.2, c.noise(1.2 * c.x, 1.6 * c.y, 1, "cloud", 0.5) - 0.5 * c.y)
    sky = 0.12 + 0.5 * haze
    lit = c.clamp(core, 0.0, 1.2)
    value = 0.06 + 0.3 * sky + strike * (0.28 * c.clamp(glow) + 0.5 * lit)
    return Field(value, 0.1 + 0.5 * sky * (0.35 + strike) + strike * (0.6 * glow + 1.6 * lit))
