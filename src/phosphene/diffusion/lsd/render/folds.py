"""Mixtures: the plane folded as one family folds it, for another family to fill.

A fold gives new coordinates, a tone that differs from part to part, and the light on the parts' shapes:
"hexagons of lightning", "mandala of fire", "marble tunnel".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from phosphene.diffusion.lsd.render.canvas import TAU, Canvas
from phosphene.diffusion.lsd.render.patterns import hexes
from phosphene.diffusion.lsd.render.radial import wedge
from phosphene.namespaces import Array


class Folded(NamedTuple):
    """x, y: coordinates to fill. tone: added to the place. light: a factor. edge: bright seams."""

    x: Array
    y: Array
    tone: Array
    light: Array
    edge: Array


def _mirrors(c: Canvas) -> Folded:
    n = c.whole(0, 3, 6) * 2
    x, y = wedge(c, n, 0.15 * c.t)
    seam = c.line(y, 0.008) * 0.35
    return Folded(1.5 * x - 0.8, 1.5 * y - 0.1, 0 * x, 0.8 + 0.3 * c.clamp(1.2 - c.r), seam)


def _shells(c: Canvas) -> Folded:
    xp = c.xp
    n = c.whole(0, 6, 12)
    u = (c.r / 0.27) * (1 + 0.14 * xp.cos(n * (c.angle + 0.1 * c.t))) - 0.25 * c.t
    shell = xp.floor(u)
    inside = c.frac(u)
    part = TAU / n
    a = c.angle + 0.1 * c.t + 0.5 * part * (shell - 2 * xp.floor(shell / 2))
    cell = xp.floor(a / part + 0.5)
    a = xp.abs(a - part * cell) * n / TAU * 2
    rim = c.line(xp.minimum(inside, 1 - inside) * 0.27, 0.011)
    tone = 0.34 * (c.frac(0.382 * shell) - 0.5)
    return Folded(
        1.6 * a - 0.8, 1.6 * inside - 0.8, tone, 0.6 + 0.45 * xp.sin(TAU / 2 * inside), rim
    )


def _petals(c: Canvas) -> Folded:
    xp = c.xp
    n = c.whole(0, 5, 8)
    a = c.angle + 0.1 * c.t
    petal = 0.55 + 0.45 * xp.sqrt(0.5 + 0.5 * xp.cos(n * a))
    u = c.r / petal / 0.36 - 0.15 * c.t
    ring = xp.floor(u)
    inside = c.frac(u)
    part = TAU / n
    across = a / part - xp.floor(a / part + 0.5)
    tone = 0.4 * (c.frac(0.618 * ring) - 0.5)
    rim = c.line((1 - inside) * 0.3, 0.012)
    return Folded(1.7 * across, 1.5 * inside - 0.75, tone, 0.5 + 0.6 * inside, 0.7 * rim)


def _hexagons(c: Canvas) -> Folded:
    f = c.p(0, 1.4, 2.1)
    i, j, dx, dy, edge = hexes(c, f * c.x + 0.15 * c.t, f * c.y)
    number = c.hash(2 * i, 2 * j)
    x, y = c.turned(1.7 * dx, 1.7 * dy, TAU / 6 * c.xp.floor(6 * number))
    wall = c.smooth(0.0, 0.06, edge)
    return Folded(
        x,
        y,
        0.4 * (number - 0.5),
        wall * (0.75 + 0.6 * edge),
        0.6 * c.line((edge - 0.05) / f, 0.01),
    )


def _tiles(c: Canvas) -> Folded:
    xp = c.xp
    f = c.p(0, 1.1, 1.6)
    x, y = c.turned(c.x, c.y, 0.4 * c.p(1, -1, 1))
    u, v = f * x + 0.12 * c.t, f * y
    i, j = xp.floor(u), xp.floor(v)
    a, b = 2 * (u - i) - 1, 2 * (v - j) - 1
    odd = (i + j) - 2 * xp.floor((i + j) / 2)
    a = xp.where(odd > 0.5, -a, a)
    rim = c.line((1 - xp.maximum(xp.abs(a), xp.abs(b))) / 2 / f, 0.012)
    return Folded(a, b, 0.4 * (odd - 0.5), 0.8 + 0.2 * odd, 0.5 * rim)


def _tunnel(c: Canvas) -> Folded:
    xp = c.xp
    depth = 0.5 / (c.r + 0.02)
    u = 1.4 * depth + 1.4 * c.t
    a = xp.abs(c.frac(c.angle / TAU + 0.04 * c.t) - 0.5) * 4 - 1
    v = 2 * xp.abs(c.frac(u / 2) - 0.5) * 2 - 1
    ring = c.line((0.5 - xp.abs(c.frac(u) - 0.5)) * c.r * c.r, 0.006)
    return Folded(1.2 * a, 1.0 * v, 0 * a, c.smooth(0.03, 0.7, c.r) * 1.25, 0.5 * ring)


def _spiral(c: Canvas) -> Folded:
    xp = c.xp
    arms = c.whole(0, 1, 3)
    u = arms * c.angle / TAU + c.p(1, 0.7, 1.1) * xp.log(c.r + 0.03) - 0.3 * c.t
    inside = c.frac(u)
    along = c.angle / TAU * 2 + 0.7 * xp.log(c.r + 0.03)
    rim = c.line(xp.minimum(inside, 1 - inside) * c.r * 0.8, 0.012)
    y = 2 * xp.abs(c.frac(0.5 * along + 0.1 * c.t) - 0.5) * 2 - 1
    return Folded(
        2 * inside - 1, y, 0.3 * (inside - 0.5), 0.4 + 0.75 * xp.sin(TAU / 2 * inside), 0.8 * rim
    )


def _vortex(c: Canvas) -> Folded:
    xp = c.xp
    x, y = c.turned(c.x, c.y, 2.4 * xp.exp(-1.5 * c.r) + 0.5 * xp.sin(0.4 * c.t))
    eye = c.smooth(0.02, 0.3, c.r)
    return Folded(x, y, 0 * x, 0.15 + 0.9 * eye, 0.9 * xp.exp(-((c.r - 0.12) ** 2) * 500))


def _cells(c: Canvas) -> Folded:
    f = c.p(0, 1.0, 1.5)
    v = c.cells(f * c.x, f * c.y, wander=0.22)
    wall = c.smooth(0.02, 0.1, v.gap)
    x, y = c.turned(1.5 * v.dx, 1.5 * v.dy, TAU * v.tone)
    return Folded(
        x,
        y,
        0.45 * (v.tone - 0.5),
        wall * (0.7 + 0.4 * c.clamp(1 - v.near)),
        0.5 * c.glow(v.gap - 0.12, 0.03),
    )


def _shards(c: Canvas) -> Folded:
    f = c.p(0, 1.2, 1.8)
    v = c.cells(f * c.x, f * c.y, wander=0.15)
    ax, ay = c.xp.cos(TAU * v.tone), c.xp.sin(TAU * v.tone)
    slope = ax * v.dx + ay * v.dy
    return Folded(
        c.x + 0.45 * ax,
        c.y + 0.45 * ay,
        0.3 * (v.tone - 0.5) + 0.15 * slope,
        0.75 + 0.5 * slope,
        0.8 * c.glow(v.gap, 0.025),
    )


def _ripples(c: Canvas) -> Folded:
    xp = c.xp
    px, py = 0.5 * c.p(0, -1, 1), 0.4 * c.p(1, -1, 1)
    dx, dy = c.x - px, c.y - py
    d = xp.sqrt(dx * dx + dy * dy + 1e-4)
    wave = xp.sin(13 * d - 4 * c.t) / (1 + d)
    slope = xp.cos(13 * d - 4 * c.t) / (1 + d)
    push = 0.09 * slope / d
    return Folded(
        c.x + push * dx, c.y + push * dy, 0.12 * wave, 0.85 + 0.4 * wave, 0.4 * c.clamp(slope - 0.6)
    )


def _orb(c: Canvas) -> Folded:
    xp = c.xp
    size = 0.72
    r2 = (c.x * c.x + c.y * c.y) / (size * size)
    z = xp.sqrt(c.clamp(1 - r2, 1e-4, 1.0))
    disc = c.edge(size * (1 - xp.sqrt(r2 + 1e-6)))
    bend = 1 / (0.55 + 0.45 * z)
    x = xp.where(r2 < 1, c.x * bend * 1.2, 0.4 * c.x)
    y = xp.where(r2 < 1, c.y * bend * 1.2, 0.4 * c.y)
    day = c.clamp(0.35 + 0.7 * z - 0.35 * (c.x + c.y))
    halo = xp.exp(-5 * c.clamp(c.r - size, 0.0, 9.0))
    return Folded(
        x,
        y,
        (disc - 1) * 0.4,
        disc * (0.3 + 0.9 * day) + (1 - disc) * 0.35 * halo,
        0.5 * disc * (1 - z) * (1 - z) ** 2,
    )


def _bubbles(c: Canvas) -> Folded:
    xp = c.xp
    f = 1.3
    x, y = f * c.x, f * c.y + 0.3 * c.t
    i, j = xp.floor(x), xp.floor(y)
    number = c.hash(i, j)
    size = 0.28 + 0.2 * number
    u, v = (x - i - 0.5) / size, (y - j - 0.5) / size
    d2 = u * u + v * v
    inside = c.edge((1 - xp.sqrt(d2 + 1e-6)) * size / f)
    lens = 0.5 + 0.8 * d2
    fx, fy = xp.where(d2 < 1, u * lens, c.x), xp.where(d2 < 1, v * lens, c.y)
    spot = xp.exp(-14 * ((u + 0.38) ** 2 + (v + 0.4) ** 2))
    rim = inside * c.clamp(d2) * c.clamp(d2) ** 2
    return Folded(
        fx, fy, inside * 0.3 * (number - 0.3), 0.45 + inside * 0.5, 0.5 * rim + 0.9 * spot * inside
    )


def _waves(c: Canvas) -> Folded:
    xp = c.xp
    u = 4.5 * c.y + 1.2 * xp.sin(1.6 * c.x + c.t) - 1.4 * c.t
    wave = xp.sin(u)
    return Folded(
        c.x + 0.16 * wave,
        c.y + 0.1 * xp.cos(u),
        0.1 * wave,
        0.85 + 0.3 * wave,
        0.35 * c.clamp(wave - 0.8) * 5,
    )


def _cubes(c: Canvas) -> Folded:
    xp = c.xp
    f = c.p(0, 1.1, 1.5)
    _, _, dx, dy, edge = hexes(c, f * c.x + 0.1 * c.t, f * c.y)
    a = c.atan2(dx, -dy)
    third = xp.floor(c.frac((a + TAU / 6) / TAU) * 3)
    # each face has axes along two of its edges
    x, y = c.turned(dx, dy, -third * TAU / 3)
    u, v = x * 1.1547 * 1.6, (y + 0.5 * 0.57735) * 2.2
    return Folded(u, v, 0.14 * (third - 1), 0.55 + 0.28 * third, 0.4 * c.line(edge / f, 0.01))


def _floor(c: Canvas) -> Folded:
    xp = c.xp
    down = c.y + 0.12
    z = 0.5 / xp.maximum(xp.abs(down), 0.02)
    v = 1.1 * z + 1.0 * c.t
    v = 2 * xp.abs(c.frac(0.5 * v) - 0.5) * 2 - 1
    fade = c.clamp(xp.abs(down) * 3.2)
    x = c.x * z * 1.1
    x = 2 * xp.abs(c.frac(0.25 * x + 0.5) - 0.5) * 4 - 2
    return Folded(
        x,
        v,
        (-0.1 + 0.1 * c.mask(down > 0)),
        fade * (0.75 + 0.35 * c.mask(down > 0)),
        xp.exp(-36 * xp.abs(down)),
    )


def _bands(c: Canvas) -> Folded:
    xp = c.xp
    x, y = c.turned(c.x, c.y, c.p(1, 0.0, 3.1))
    u = 1.7 * y + 0.1 * xp.sin(2 * x + c.t)
    k = xp.floor(u)
    odd = k - 2 * xp.floor(k / 2)
    slide = (2 * odd - 1) * 0.5 * xp.sin(0.5 * c.t + k)
    inside = c.frac(u)
    rim = c.line(xp.minimum(inside, 1 - inside) / 1.7, 0.01)
    return Folded(
        x + slide,
        y,
        0.3 * (c.frac(0.618 * k) - 0.5),
        0.6 + 0.5 * xp.sin(TAU / 2 * inside),
        0.4 * rim,
    )


def _blocks(c: Canvas) -> Folded:
    xp = c.xp
    tick = xp.floor(2.5 * c.t)
    i, j = xp.floor(2.2 * c.x), xp.floor(5 * c.y)
    jump = c.hash(i, j + 3 * tick)
    on = c.mask(jump > 0.6)
    return Folded(
        c.x + on * (jump - 0.8) * 2.4,
        c.y,
        on * 0.3 * (c.hash(i, j, 2) - 0.5),
        0.9 + 0.2 * on,
        0 * c.x,
    )


FOLDS: dict[str, Callable[[Canvas], Folded]] = {
    "kaleidoscope": _mirrors,
    "mandala": _shells,
    "flower": _petals,
    "hexagons": _hexagons,
    "checker": _tiles,
    "tunnel": _tunnel,
    "spiral": _spiral,
    "vortex": _vortex,
    "cells": _cells,
    "crystal": _shards,
    "ripples": _ripples,
    "orb": _orb,
    "bubbles": _bubbles,
    "waves": _waves,
    "cubes": _cubes,
    "grid": _floor,
    "stripes": _bands,
    "glitch": _blocks,
}
"""by the family whose word asks for it"""
