"""Draw pictures: a motif, seen by a camera, moved and lit by sound -> fields.

What sound does is the same for all motifs, so that each band can be seen by itself. bass: the camera comes
closer and the middle glows. mid: the picture ripples. treble: sparkle. onset: a flash, a punch and a twist.
beat phase: light comes with the beat and falls till the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.render.canvas import NUMBERS, TAU, Canvas, Field
from phosphene.diffusion.lsd.render.families import FAMILIES, Family
from phosphene.diffusion.lsd.render.folds import FOLDS
from phosphene.namespaces import Array, array_namespace, device
from phosphene.stream.camera import RIPPLES

BEAT, ONSET, BASS = 0.42, 0.15, 0.2
"""how much more light a beat, an attack and a full bass bring, as a share"""
GAIN = 1.05
"""light of a silent picture, as a factor"""
KNEE, BRIGHT, HIT, LIFT = 0.85, 1.2, 0.5, 0.3
"""light from which more of it counts less, what it never exceeds, and how much more an attack or a beat may
bring: a loud passage keeps its colours, only a hit is white, and a bright picture has its beat as well"""
CLOSER, PUNCH, TWIST = 0.06, 0.04, 0.08
"""shares of zoom of a full bass and of a full attack; radians an attack twists the middle by"""
GREY = 0.35
"""share of its place that what has no light loses"""
START = 400.0
"""seconds that the clocks of two pictures lie apart at most"""
ROCK = 0.15
"""radians either way that what has an up and a down rocks, while the rest turns"""
SHARE, BEND = 0.62, 0.3
"""of the place in the palette, what a source picture decides; how far textures bend along its shapes"""


@dataclass(frozen=True)
class Motif:
    """What to draw: a family, perhaps in the folds of another."""

    family: str
    fold: str | None = None

    @property
    def label(self) -> str:
        """For people: "mandala of fire"."""
        name = FAMILIES[self.family].words[0]
        return name if self.fold is None else f"{FAMILIES[self.fold].words[0]} of {name}"

    @cached_property
    def upright(self) -> bool:
        """Whether it has an up and a down."""
        return FAMILIES[self.fold or self.family].upright

    @cached_property
    def pace(self) -> float:
        return FAMILIES[self.family].pace


@dataclass(frozen=True)
class Shots:
    """n pictures of one motif; arrays of one library, float32.

    numbers: (n, NUMBERS) in [0, 1), what makes each its own, see `numbers_of`. time: (n,) seconds.
    audio: (n, 5) in [0, 1], see `canvas.AUDIO`. pose: (n, 4) zoom, clockwise radians, and pans in picture
    widths, as in `CameraMove`. scale: (n,) above 1 is finer. contrast: (n,) of the place in the palette.
    structure: (n, h, w) in [0, 1], luma of a picture whose shapes must show. ripple: (n, 2) amplitude in
    picture widths and phase, as in `CameraMove`.
    """

    motif: Motif
    numbers: Array
    time: Array
    audio: Array
    pose: Array
    scale: Array
    contrast: Array
    structure: Array | None = None
    ripple: Array | None = None


def numbers_of(seeds: Sequence[int]) -> npt.NDArray[np.float32]:
    """(n, NUMBERS) of any whole numbers."""
    rows = [np.random.default_rng(abs(seed)).random(NUMBERS, dtype=np.float32) for seed in seeds]
    return np.stack(rows)


def draw(shots: Shots, height: int, width: int) -> Field:
    """Two of (n, height, width): place in the palette 0..1, light from 0, rarely above 2."""
    xp, motif = array_namespace(shots.numbers), shots.motif
    time = shots.time * motif.pace + START * shots.numbers[:, -1]
    plain = Canvas(
        *_view(shots, height, width),
        time=time[:, None, None],
        numbers=shots.numbers,
        audio=shots.audio,
        scale=shots.scale[:, None, None],
        pixel=2.0 / min(height, width),
    )
    family = FAMILIES[motif.family]
    canvas = plain if family.splats else plain.at(*_ripple(plain, shots.ripple))
    if shots.structure is not None and not family.splats:
        canvas = canvas.at(*_bend(canvas, shots.structure))
    field = family.draw(canvas) if motif.fold is None else _folded(canvas, motif.fold, family)
    field = _react(plain, field)
    contrast = shots.contrast[:, None, None]
    value = 0.5 + (field.value - 0.5) * contrast
    if shots.structure is not None:
        return _impose(Field(value, field.light), shots.structure)
    return Field(xp.minimum(xp.maximum(value, 0.0), 1.0), xp.maximum(field.light, 0.0))


def _view(shots: Shots, height: int, width: int) -> tuple[Array, Array]:
    """(n, h, w) coordinates; the short side spans [-1, 1]."""
    xp, where = array_namespace(shots.numbers), device(shots.numbers)
    short = min(height, width)
    column = (xp.arange(width, dtype=xp.float32, device=where) + 0.5 - width / 2) * (2 / short)
    row = (xp.arange(height, dtype=xp.float32, device=where) + 0.5 - height / 2) * (2 / short)
    x, y = column[None, None, :], row[None, :, None]
    zoom, turn, pan_x, pan_y = (shots.pose[:, k, None, None] for k in range(4))
    if shots.motif.upright:
        turn = ROCK * xp.sin(turn)
    bass, onset = shots.audio[:, 0, None, None], shots.audio[:, 3, None, None]
    zoom = zoom * (1 + CLOSER * bass + PUNCH * onset)
    if not shots.motif.upright and not FAMILIES[shots.motif.family].splats:
        turn = turn + TWIST * onset * xp.exp(-0.7 * (x * x + y * y))
    c, s = xp.cos(turn) / zoom, xp.sin(turn) / zoom
    u, v = x - pan_x * (2 * width / short), y - pan_y * (2 * width / short)
    return c * u + s * v, c * v - s * u


def _ripple(c: Canvas, ripple: Array | None) -> tuple[Array, Array]:
    """Shaken by the mid band; squared, so that quiet mids leave straight lines straight."""
    xp, mid = c.xp, c.hear("mid")
    reach = 0.05 * mid * mid
    x = c.x + reach * xp.sin(5.5 * c.y + 1.9 * c.t)
    y = c.y + reach * xp.sin(5.5 * c.x + 1.6 * c.t + 1.0)
    if ripple is None:
        return x, y
    wide = 2.0 * c.x.shape[2] / min(c.x.shape[1:])
    push, phase = wide * ripple[:, 0, None, None], ripple[:, 1, None, None]
    waves = TAU * RIPPLES / wide
    return x + push * xp.sin(waves * y + phase), y + push * xp.sin(waves * x + phase)


def _folded(c: Canvas, fold: str, family: Family) -> Field:
    folded = FOLDS[fold](c)
    # folds show the filling smaller: coarser detail and wider lines keep it in sight
    inner = family.draw(
        replace(c, x=folded.x, y=folded.y, scale=0.75 * c.scale, pixel=1.6 * c.pixel)
    )
    edge = c.clamp(folded.edge)
    value = c.clamp(inner.value + folded.tone)
    return Field(value + (0.96 - value) * edge, inner.light * folded.light + 0.9 * edge)


def _react(c: Canvas, field: Field) -> Field:
    """The field after the sound has worked on it."""
    xp = c.xp
    bass, treble, onset = c.hear("bass"), c.hear("treble"), c.hear("onset")
    heard = xp.sum(c.audio[:, :4], axis=1)[:, None, None]
    loud = c.smooth(0.0, 0.4, heard)
    falling = 1 - c.hear("beat_phase")
    beat = falling * falling * falling
    middle = xp.exp(-0.9 * c.r * c.r)
    gain = (
        GAIN + loud * (BEAT * (beat - 0.25) + BASS * (bass - 0.5) * (0.4 + middle)) + ONSET * onset
    )
    room = BRIGHT - KNEE + HIT * onset + LIFT * loud * beat
    over = xp.maximum(field.light * gain - KNEE, 0.0)
    light = xp.minimum(field.light * gain, KNEE) + room * (1 - xp.exp(-over / room))
    # sparkle where there is light already
    f = 16.0
    i, j = xp.floor(f * c.x), xp.floor(f * c.y)
    spark = c.hash(i, j + 7 * xp.floor(5 * c.t), 15)
    u, v = f * c.x - i - 0.5, f * c.y - j - 0.5
    size = max(0.12, 0.6 * f * c.pixel)
    dot = xp.exp(-(u * u + v * v) / (size * size)) * c.smooth(0.999 - 0.05 * treble, 1.0, spark)
    lit = c.clamp(2 * light - 0.4) * dot * treble
    value, light = field.value + 0.04 * onset + 0.3 * lit, light + 0.7 * lit
    # what is dim is not near white as well: that would be grey
    return Field(value * (1 - GREY * (1 - c.clamp(light))), light)


def _bend(c: Canvas, structure: Array) -> tuple[Array, Array]:
    """Coordinates that run along the source's shapes, so that the texture wraps them."""
    soft = structure
    for _ in range(2):
        soft = _blur(c, soft)
    dx, dy = _slope(c, soft)
    push = BEND * 0.16
    return c.x + push * c.clamp(dx, -3.0, 3.0), c.y + push * c.clamp(dy, -3.0, 3.0)


def _blur(c: Canvas, v: Array) -> Array:
    xp = c.xp
    v = xp.concat((v[:, :1], v, v[:, -1:]), axis=1)
    v = (v[:, :-2] + 2 * v[:, 1:-1] + v[:, 2:]) / 4
    v = xp.concat((v[:, :, :1], v, v[:, :, -1:]), axis=2)
    return (v[:, :, :-2] + 2 * v[:, :, 1:-1] + v[:, :, 2:]) / 4


def _slope(c: Canvas, v: Array) -> tuple[Array, Array]:
    xp = c.xp
    wide = xp.concat((v[:, :, :1], v, v[:, :, -1:]), axis=2)
    high = xp.concat((v[:, :1], v, v[:, -1:]), axis=1)
    return (wide[:, :, 2:] - wide[:, :, :-2]) / (2 * c.pixel), (high[:, 2:] - high[:, :-2]) / (
        2 * c.pixel
    )


def _impose(field: Field, structure: Array) -> Field:
    """The field with light and dark where the source has them."""
    value = SHARE * (0.05 + 0.9 * structure) + (1 - SHARE) * field.value
    return Field(value, field.light * (0.45 + 0.7 * structure))
