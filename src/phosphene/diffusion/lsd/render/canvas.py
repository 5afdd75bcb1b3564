"""What a family draws on: coordinates, parameters, sound and noise of some pictures.

Everything is array math on any array-API namespace: NumPy draws while playing, torch while training.
Shapes: (n, h, w) for pictures, (n, 1, 1) for what holds for a whole picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, pi, sin
from typing import Any, NamedTuple

from phosphene.diffusion.lsd.render import noise
from phosphene.namespaces import Array, array_namespace, device

TAU = 2 * pi
ARCTAN = (0.99997726, -0.33262347, 0.19354346, -0.11643287, 0.05265332, -0.01172120)
"""of powers 1, 3, 5, .. of a slope: the angle"""
AUDIO = ("bass", "mid", "treble", "onset", "beat_phase")
NUMBERS = 96
"""random numbers of a picture; the first are its parameters"""
GLIDE = tuple(TAU / seconds for seconds in (53.0, 67.0, 71.0, 83.0, 61.0, 97.0, 59.0, 79.0))
"""radians a second at which parameters come and go: periods without a common one, so nothing comes back"""


class Field(NamedTuple):
    """A picture before its colours, (n, h, w) each: place in the palette 0..1, light 0..2."""

    value: Array
    light: Array


class Cells(NamedTuple):
    """A plane parted by nearest points."""

    near: Array
    """distance to the nearest point, in cells"""
    gap: Array
    """how much farther the second nearest is: 0 on a border"""
    tone: Array
    """a random number of each cell"""
    dx: Array
    dy: Array
    """from the nearest point"""


@dataclass(frozen=True)
class Canvas:
    """Some pictures of one family. x, y: the short side spans [-1, 1], y points down.

    time: (n, 1, 1) seconds at the family's own pace. numbers: (n, NUMBERS) in [0, 1). audio: (n, 5), see
    `AUDIO`. scale: (n, 1, 1) detail, above 1 is finer. pixel: what a pixel measures.
    """

    x: Array
    y: Array
    time: Array
    numbers: Array
    audio: Array
    scale: Array
    pixel: float

    @cached_property
    def xp(self) -> Any:
        return array_namespace(self.x)

    @property
    def t(self) -> Array:
        return self.time

    @cached_property
    def r(self) -> Array:
        return self.xp.sqrt(self.x * self.x + self.y * self.y + 1e-6)

    @cached_property
    def angle(self) -> Array:
        return self.atan2(self.y, self.x)

    def at(self, x: Array, y: Array) -> Canvas:
        """The same with other coordinates."""
        return replace(self, x=x, y=y)

    def p(self, k: int, low: float, high: float) -> Array:
        """(n, 1, 1) parameter k between low and high; it glides with time."""
        phase = TAU * self.numbers[:, k, None, None] + GLIDE[k] * self.time
        return (low + high) / 2 + (high - low) / 2 * self.xp.sin(phase)

    def fixed(self, k: int, low: float, high: float) -> Array:
        """(n, 1, 1) number k in [low, high]; it stays."""
        return low + (high - low) * self.numbers[:, k, None, None]

    def whole(self, k: int, low: int, high: int) -> Array:
        """(n, 1, 1) whole number k in [low, high]; it stays."""
        return self.xp.floor(low + (high + 1 - low) * 0.999 * self.numbers[:, k, None, None])

    def hear(self, name: str) -> Array:
        """(n, 1, 1) one component of the sound, 0..1."""
        return self.audio[:, AUDIO.index(name), None, None]

    # plain helpers

    def smooth(self, low: Any, high: Any, v: Array) -> Array:
        """GLSL smoothstep."""
        u = self.clamp((v - low) / (high - low))
        return u * u * (3 - 2 * u)

    def clamp(self, v: Array, low: float = 0.0, high: float = 1.0) -> Array:
        # the libraries' own: the array API's lays out its bounds first, four times the work of clipping
        return v.clip(low, high)

    def atan2(self, y: Array, x: Array) -> Array:
        """Angle of points to 2e-6 radians, in a quarter of the time that libraries take for all bits.

        The polynomial is for 0..1 (Hastings 1955, "Approximations for digital computers"), the rest is
        symmetry.
        """
        xp = self.xp
        long, high = xp.abs(x), xp.abs(y)
        q = xp.minimum(long, high) / (xp.maximum(long, high) + 1e-30)
        s = q * q
        a = q * (
            ARCTAN[0]
            + s * (ARCTAN[1] + s * (ARCTAN[2] + s * (ARCTAN[3] + s * (ARCTAN[4] + s * ARCTAN[5]))))
        )
        a = a + self.mask(high > long) * (pi / 2 - 2 * a)
        a = a + self.mask(x < 0) * (pi - 2 * a)
        return xp.copysign(a, y)

    def frac(self, v: Array) -> Array:
        return v - self.xp.floor(v)

    def mask(self, where: Array) -> Array:
        """1 where it is true, else 0."""
        return self.xp.astype(where, self.xp.float32)

    def edge(self, d: Array, soft: float = 1.0) -> Array:
        """1 where d > 0, 0 where it is less, as sharp as the pixels allow; d in picture units."""
        return self.clamp(0.5 + d / (2 * soft * max(self.pixel, 0.008)))

    def line(self, d: Array, width: float) -> Array:
        """A line of half ``width`` about d = 0, never thinner than the pixels can show."""
        w = max(width, 0.6 * self.pixel)
        return self.clamp(1.5 - self.xp.abs(d) / w)

    def glow(self, d: Array, width: float) -> Array:
        """Light that falls off with distance: 1 on the line, soft tails."""
        q = d / max(width, 0.6 * self.pixel)
        return 1 / (1 + q * q)

    def distance(self, v: Array, steep: float = 30.0) -> Array:
        """Distance to where v = 0, to first order; a slope above ``steep`` is a seam, not a slope.

        The steeper of both sides counts: in a crease their mean is flat, and the place seems far off.
        """
        xp = self.xp
        wide = xp.abs(v[:, :, 1:] - v[:, :, :-1])
        high = xp.abs(v[:, 1:, :] - v[:, :-1, :])
        dx = xp.concat(
            (wide[:, :, :1], xp.maximum(wide[:, :, 1:], wide[:, :, :-1]), wide[:, :, -1:]), axis=2
        )
        dy = xp.concat((high[:, :1], xp.maximum(high[:, 1:], high[:, :-1]), high[:, -1:]), axis=1)
        slope = xp.sqrt(dx * dx + dy * dy) / self.pixel
        return v / xp.minimum(xp.maximum(slope, 0.3), steep)

    def turned(self, x: Array, y: Array, a: Any) -> tuple[Array, Array]:
        """Coordinates turned by ``a`` radians, a number or an array."""
        c, s = (cos(a), sin(a)) if isinstance(a, float) else (self.xp.cos(a), self.xp.sin(a))
        return c * x - s * y, s * x + c * y

    # noise

    def noise(
        self, x: Array, y: Array, salt: int = 0, kind: str = "cloud", speed: float = 1.0
    ) -> Array:
        """Fractal noise of about unit variance at coordinates in cells, changing with time."""
        flat = noise.table(kind, self.xp, device(self.x))
        ox, oy = self._offset(salt)
        drift = 0.16 * speed * self.time
        first = noise.sample(self.xp, flat, x + ox + drift, y + oy + 0.6 * drift)
        # 0.8, 0.6: a turn by 37 degrees
        u, v = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
        second = noise.sample(self.xp, flat, u + oy - drift, v + ox + 0.4 * drift + 11.3)
        return 0.7071 * (first + second)

    def still(self, x: Array, y: Array, salt: int = 0, kind: str = "cloud") -> Array:
        """Fractal noise that does not change: land, grain."""
        flat = noise.table(kind, self.xp, device(self.x))
        ox, oy = self._offset(salt)
        return noise.sample(self.xp, flat, x + ox, y + oy)

    def _offset(self, salt: int) -> tuple[Array, Array]:
        k = 8 + 2 * salt % (NUMBERS - 16)
        return 32 * self.numbers[:, k, None, None], 32 * self.numbers[:, k + 1, None, None]

    def hash(self, i: Array, j: Array, salt: int = 0) -> Array:
        """A number in [0, 1) for every whole-numbered cell (i, j)."""
        flat = noise.table("hash", self.xp, device(self.x))
        k = 24 + 2 * salt % 64
        ox = self.xp.floor(64 * self.numbers[:, k, None, None])
        oy = self.xp.floor(64 * self.numbers[:, k + 1, None, None])
        return noise.hashed(self.xp, flat, i + ox, j + oy)

    def swirl(
        self,
        x: Array,
        y: Array,
        amount: Any,
        octaves: int = 4,
        freq: float = 2.0,
        speed: float = 1.0,
    ) -> tuple[Array, Array]:
        """Coordinates stirred by shear waves of rising frequency, each across the last: liquid, cheap."""
        turn = TAU * self.numbers[:, 20, None, None]
        c, s = self.xp.cos(turn), self.xp.sin(turn)
        for k in range(octaves):
            push = amount / freq * self.xp.sin(freq * (c * x + s * y) + speed * self.time + 2.1 * k)
            x, y = x - s * push, y + c * push
            # 0.6, 0.8: a turn by 53 degrees
            c, s = 0.6 * c - 0.8 * s, 0.6 * s + 0.8 * c
            freq = freq * 1.45
        return x, y

    def cells(self, x: Array, y: Array, wander: float = 0.3, salt: int = 0) -> Cells:
        """Voronoi cells of points that wander, one in each square of side 1."""
        xp = self.xp
        i, j = xp.floor(x), xp.floor(y)
        u, v = x - i, y - j
        near = far = xp.full_like(x, 9.0)
        tone = dx = dy = xp.zeros_like(x)
        for row in (-1, 0, 1):
            for column in (-1, 0, 1):
                number = self.hash(i + column, j + row, salt)
                turn = TAU * number + (0.4 + number) * self.time
                px = (
                    column
                    + 0.5
                    + wander * xp.cos(turn)
                    + 0.24 * (self.frac(7.3 * number) - 0.5)
                    - u
                )
                py = (
                    row
                    + 0.5
                    + wander * xp.sin(1.3 * turn)
                    + 0.24 * (self.frac(3.7 * number) - 0.5)
                    - v
                )
                d = px * px + py * py
                closer = d < near
                far = xp.where(closer, near, xp.minimum(far, d))
                tone = xp.where(closer, number, tone)
                dx, dy = xp.where(closer, -px, dx), xp.where(closer, -py, dy)
                near = xp.minimum(near, d)
        near, far = xp.sqrt(near), xp.sqrt(far)
        return Cells(near, far - near, self.frac(13.7 * tone), dx, dy)

    def splat(self, px: Array, py: Array, weight: Array) -> Array:
        """(n, h, w) how many of the points (n, k) fall on each pixel, spread over the four around it."""
        xp, (n, h, w) = self.xp, self.x.shape
        # the points are in the coordinates of the camera: what pixel that is, from the corners
        x0, y0 = self.x[:, :1, 0], self.y[:, :1, 0]
        ax, ay = (self.x[:, :1, -1] - x0) / (w - 1), (self.y[:, :1, -1] - y0) / (w - 1)
        bx, by = (self.x[:, -1:, 0] - x0) / (h - 1), (self.y[:, -1:, 0] - y0) / (h - 1)
        det = ax * by - ay * bx
        qx, qy = px - x0, py - y0
        u, v = (by * qx - bx * qy) / det, (ax * qy - ay * qx) / det
        # one pixel more around it takes what falls outside
        u, v = self.clamp(u + 1, 0.0, w + 0.9), self.clamp(v + 1, 0.0, h + 0.9)
        i, j = xp.floor(u), xp.floor(v)
        fu, fv = u - i, v - j
        wide = w + 3
        start = xp.reshape(xp.arange(n, device=device(self.x)), (n, 1)) * (wide * (h + 3))
        base = xp.astype(j, xp.int64) * wide + xp.astype(i, xp.int64) + start
        parts = (
            (base, (1 - fu) * (1 - fv)), (base + 1, fu * (1 - fv)),
            (base + wide, (1 - fu) * fv), (base + wide + 1, fu * fv),
        )  # fmt: skip
        index = xp.concat([xp.reshape(part, (-1,)) for part, _ in parts])
        share = xp.concat([xp.reshape(part * weight, (-1,)) for _, part in parts])
        total = count(xp, index, share, n * wide * (h + 3))
        return xp.reshape(total, (n, h + 3, wide))[:, 1 : h + 1, 1 : w + 1]

    def dots(self, points: Array) -> Array:
        """Splatted points as dots that are as large in a large picture as in a small one, and as bright."""
        reach, step = 0.025 / self.pixel, 1
        if reach < 1.5:
            return points
        while step < reach:
            points = self._spread(points, step)
            step *= 2
        # what one pixel held lies on so many now
        return points * (1.2 * reach * reach)

    def _spread(self, v: Array, step: int) -> Array:
        """Blurred by 1 2 1, ``step`` pixels apart, along both sides."""
        xp = self.xp
        v = xp.concat(
            (v[:, :1] + xp.zeros_like(v[:, :step]), v, v[:, -1:] + xp.zeros_like(v[:, :step])),
            axis=1,
        )
        v = (v[:, : -2 * step] + 2 * v[:, step:-step] + v[:, 2 * step :]) / 4
        v = xp.concat(
            (
                v[:, :, :1] + xp.zeros_like(v[:, :, :step]),
                v,
                v[:, :, -1:] + xp.zeros_like(v[:, :, :step]),
            ),
            axis=2,
        )
        return (v[:, :, : -2 * step] + 2 * v[:, :, step:-step] + v[:, :, 2 * step :]) / 4


def count(xp: Any, index: Array, weight: Array, size: int) -> Array:
    """(size,) sums of weights by index: the array API has none, every library has its own."""
    if xp.__name__.endswith("numpy"):
        import numpy as np

        return np.bincount(index, weights=weight, minlength=size).astype(np.float32)
    total: Array = xp.zeros(size, dtype=weight.dtype, device=device(weight))
    return total.index_add_(0, index, weight)
