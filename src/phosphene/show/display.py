"""Between two pictures of the model: the camera's path is known, so the display moves them exactly.

A *key* is a picture that the model drew. Shown is the newest key moved to now, mixed with the next one where
that is known (renders, songs) or with the last one for a moment after it came (microphone, camera). The page
does the same with the same numbers (`web/src/picture/motion.ts`, `web/src/picture/mix.ts`).
"""

from __future__ import annotations

import cmath
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from phosphene.stream.camera import RIPPLES, CameraMove

Frame = npt.NDArray[np.uint8]
"""uint8 RGB picture, (height, width, 3)"""
FloatArray = npt.NDArray[np.float32]
Numbers = npt.NDArray[Any]
Pixels = TypeVar("Pixels", Frame, FloatArray)

CELLS = 24
"""across a rippled picture: its waves are exact at the corners and bilinear inside, 12 to a wave"""
FURTHEST = 1.0
"""sides of a picture that are mirrored beyond its edges; what comes from further away is the outermost"""
COARSE = 32
"""cells along the shorter side: what is larger fades over the whole interval"""
SWITCH_FROM, SWITCH_TO = 0.35, 0.95
"""share of the interval in which what is finer changes from one key to the next: late, place by place"""
SOFT = 0.3
"""of that time, how long one place takes"""
CROSSFADE_SECONDS = 0.12
"""after a key came whose picture nobody could know before; at most half of the time between two keys"""
SETTLE_SECONDS = 0.3
"""in which a path that was guessed bends into the one that was right; what is left after it is 1/e"""
FORGET_SECONDS = 0.7
"""how much of the past counts for the speed at which the camera is believed to go on"""
LONGEST_GUESS = 2.0
"""seconds; without news for longer the camera stands still"""
REMEMBERED_WAYS = 256
"""so many keys may a viewer miss and still know the camera's way since the last it had"""
PUNCH_OCTAVES = 0.08
"""zoom at a beat of full strength at beat_punch 1, doublings"""
PUNCH_SECONDS = 0.11
"""in which it falls to 1/e"""
FLARE = 0.3
"""share of light that is added at such a beat, at most"""
SILENT = 0.02
"""energy of no beat"""
FAST_SECONDS, SLOW_SECONDS = 0.04, 0.12
"""between two keys: up to the first they are on the beat themselves, from the second they cannot be"""
SHAKE_WIDTHS, SHAKE_HERTZ = 0.006, 9.0
"""picture widths at a beat of full strength, and how fast it trembles"""


@dataclass(frozen=True)
class Motion:
    """Where a picture has moved: any number of camera moves as one, in closed form.

    A place p, in picture widths from the middle (right is real, down is imaginary), goes to ``turn * p +
    shift``. Ripples add up as waves of one length do, by amplitude and phase. That they turn and grow with
    the picture on the way is left out, for the engine moves its past by the same sum: it hides nothing.
    """

    turn: complex = 1.0 + 0.0j
    """zoom and rotation"""
    shift: complex = 0.0j
    """picture widths"""
    ripple: complex = 0.0j
    """amplitude in picture widths, and phase"""

    @classmethod
    def of(cls, move: CameraMove) -> Motion:
        """One camera move."""
        return cls(
            cmath.rect(move.zoom, move.rotate),
            complex(move.pan_x, move.pan_y),
            cmath.rect(move.warp, move.phase),
        )

    @property
    def move(self) -> CameraMove:
        """The same as a camera move, for the engine."""
        zoom, rotate = cmath.polar(self.turn)
        warp, phase = cmath.polar(self.ripple)
        return CameraMove(zoom, rotate, self.shift.real, self.shift.imag, warp, phase)

    def then(self, later: Motion) -> Motion:
        """This, and ``later`` afterwards."""
        return Motion(
            later.turn * self.turn,
            later.turn * self.shift + later.shift,
            self.ripple + later.ripple / abs(self.turn),
        )

    @property
    def back(self) -> Motion:
        """What undoes it."""
        return Motion(1 / self.turn, -self.shift / self.turn, -self.ripple * abs(self.turn))

    def part(self, share: float) -> Motion:
        """A ``share`` of the way at even speed, along the spiral that leads there; 2 is twice the way."""
        turn = cmath.exp(share * cmath.log(self.turn))
        # the limit where nothing turns; nearer to it the quotient would lose its digits
        straight = abs(self.turn - 1) < 1e-6
        along = share if straight else (1 - turn) / (1 - self.turn)
        return Motion(turn, self.shift * along, self.ripple * share)


REST = Motion()


def composed(moves: Iterable[CameraMove]) -> Motion:
    """Many moves, oldest first, as one."""
    motion = REST
    for move in moves:
        motion = motion.then(Motion.of(move))
    return motion


def moved(picture: Pixels, motion: Motion, *, crisp: bool = True) -> Pixels:
    """``picture`` after ``motion``; edges are mirrored. Standing still returns the very same array.

    A plane (h, w) of float32 is moved, too.

    ``crisp`` takes Keys' bicubic, which costs 2.5 times as much as bilinear and keeps fine lines alike
    wherever they fall between two pixels.
    """
    if motion == REST:
        return picture
    height, width = picture.shape[:2]
    cell = max(1, width // CELLS) if motion.ripple else max(width, height)
    rows, columns = _corners(height, cell), _corners(width, cell)
    x = (columns[None, :] - width / 2) / width
    y = (rows[:, None] - height / 2) / width
    back = 1 / motion.turn
    from_x = back.real * (x - motion.shift.real) - back.imag * (y - motion.shift.imag)
    from_y = back.imag * (x - motion.shift.real) + back.real * (y - motion.shift.imag)
    if motion.ripple:
        wave, (re, im) = 2 * math.pi * RIPPLES, (motion.ripple.real, motion.ripple.imag)
        ripple_x = re * np.sin(wave * from_y) + im * np.cos(wave * from_y)
        ripple_y = re * np.sin(wave * from_x) + im * np.cos(wave * from_x)
        from_x, from_y = from_x + ripple_x, from_y + ripple_y
    x, y = from_x * width + width / 2, from_y * width + height / 2
    # what no move reaches is not mirrored; two more pixels are for the filter
    beyond = max(-x.min(), x.max() - width, -y.min(), y.max() - height, 0.0) + 2
    margin = math.ceil(min(beyond, FURTHEST * min(height, width)))
    x = np.clip(x, 2 - margin, width + margin - 2) + margin
    y = np.clip(y, 2 - margin, height + margin - 2) + margin
    sides = [(margin, margin), (margin, margin), (0, 0)][: picture.ndim]
    wide = np.pad(picture, sides, mode="symmetric")
    filtered = Image.Resampling.BICUBIC if crisp else Image.Resampling.BILINEAR
    image = Image.fromarray(wide).transform(
        (width, height), Image.Transform.MESH, _mesh(rows, columns, x, y), filtered
    )
    return cast(Pixels, np.asarray(image))


def _corners(side: int, cell: int) -> Numbers:
    """Edges of cells along a side."""
    return np.append(np.arange(0, side, cell), side)


def _mesh(
    rows: Numbers, columns: Numbers, x: Numbers, y: Numbers
) -> Sequence[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
    """Every cell with where its four corners come from, as Pillow wants them: NW, SW, SE, NE."""
    top, left = np.meshgrid(rows[:-1], columns[:-1], indexing="ij")
    bottom, right = np.meshgrid(rows[1:], columns[1:], indexing="ij")
    boxes = np.stack([left, top, right, bottom], axis=-1).reshape(-1, 4).tolist()
    places = np.stack([x, y], axis=-1)
    corners = places[:-1, :-1], places[1:, :-1], places[1:, 1:], places[:-1, 1:]
    quads = np.concatenate(corners, axis=-1).reshape(-1, 8).tolist()
    return [(tuple(box), tuple(quad)) for box, quad in zip(boxes, quads, strict=True)]


def smoothstep(share: float) -> float:
    """0..1 that begins and ends softly."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def mixed(first: Frame, second: Frame, share: float) -> Frame:
    """A ``share`` 0..1 of the way from one picture to another, without a moment that is soft all over.

    Two pictures in equal parts have a half of the fine detail of each, so a plain crossfade pulses
    sharp, soft, sharp. Here only what is coarse fades evenly. What is fine belongs to one of the two, and
    changes late and place by place, so that at any time few places are between two pictures.
    """
    if share <= 0 or first is second:
        return first
    if share >= 1:
        return second
    factor = max(1, min(first.shape[:2]) // COARSE)
    one, two = Image.fromarray(first), Image.fromarray(second)
    coarse = np.asarray(two.reduce(factor), np.float32) - np.asarray(one.reduce(factor), np.float32)
    fine = _fine_share(coarse.shape[0], coarse.shape[1], share)
    mask = Image.fromarray(np.rint(255 * fine).astype(np.uint8))
    out = Image.composite(two, one, mask.resize(one.size, Image.Resampling.BILINEAR))
    coarse *= (smoothstep(share) - fine)[..., None]
    for change, apply in ((coarse, ImageChops.add), (-coarse, ImageChops.subtract)):
        part = Image.fromarray(np.rint(change.clip(0, 255)).astype(np.uint8))
        out = apply(out, part.resize(out.size, Image.Resampling.BILINEAR))
    shown: Frame = np.asarray(out)
    return shown


def _fine_share(height: int, width: int, share: float) -> FloatArray:
    """(height, width): how far each place is with its fine detail."""
    return reached_places(height, width, (share - SWITCH_FROM) / (SWITCH_TO - SWITCH_FROM))


def reached_places(height: int, width: int, share: float) -> FloatArray:
    """(height, width) 0..1: how far each place is after a ``share`` of the time, one after the other."""
    reached = np.clip((np.float32(share) - (1 - SOFT) * _turns(height, width)) / SOFT, 0, 1)
    soft: FloatArray = reached * reached * (3 - 2 * reached)
    return soft


@lru_cache(maxsize=8)
def _turns(height: int, width: int) -> FloatArray:
    """(height, width) 0..1: whose turn it is first; a few soft blobs, the same everywhere and always."""
    u = (np.arange(width, dtype=np.float32) + 0.5) / width
    v = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
    waves = np.sin(2 * np.pi * (1.7 * u + 0.6 * v) + 1.0) + np.sin(
        2 * np.pi * (1.9 * v - 0.9 * u) + 2.3
    )
    return np.asarray(0.5 + 0.25 * waves, np.float32)


def between(
    last: Frame, following: Frame, since: Motion, whole: Motion, share: float, *, crisp: bool = True
) -> Frame:
    """A picture on the way from the ``last`` key to the ``following`` one, both moved to now.

    ``since`` is the camera's way from the last key to now, ``whole`` that to the following key, and
    ``share`` 0..1 the time that has passed.
    """
    if share <= 0:
        return moved(last, since, crisp=crisp)
    if share >= 1 and since == whole:
        return following
    ahead = moved(following, whole.back.then(since), crisp=crisp)
    return mixed(moved(last, since, crisp=crisp), ahead, share)


def hardness(bass: float, energy: float) -> float:
    """How hard a beat is, 0..1, from the bass (1 is usual) and the energy (0..1) around it."""
    return 0.0 if energy < SILENT else min(1.0, 0.3 + 0.45 * max(0.0, bass))


def slowness(interval: float) -> float:
    """0..1: how much of a beat's punch is the display's, for keys ``interval`` seconds apart.

    Keys that come fast enough have it themselves.
    """
    return min(1.0, max(0.0, (interval - FAST_SECONDS) / (SLOW_SECONDS - FAST_SECONDS)))


def punch(since: float, strength: float) -> Motion:
    """How a beat moves the picture, ``since`` seconds after it: a swell that is there at once, and a shake.

    ``strength`` is 0 for no beat; it is :attr:`CameraConfig.beat_punch` times how hard the beat was, 0..1.
    """
    if since < 0 or strength <= 0:
        return REST
    left = strength * math.exp(-since / PUNCH_SECONDS)
    angle = 2 * math.pi * SHAKE_HERTZ * since
    shake = SHAKE_WIDTHS * left * complex(math.sin(angle), math.sin(1.3 * angle))
    return Motion(complex(2.0 ** (PUNCH_OCTAVES * left)), shake)


def flare(since: float, strength: float) -> float:
    """How much lighter the picture is, ``since`` seconds after such a beat: 1 or more."""
    if since < 0 or strength <= 0:
        return 1.0
    return 1.0 + FLARE * min(1.0, strength) * math.exp(-since / PUNCH_SECONDS)


def lit(picture: Frame, light: float) -> Frame:
    """``picture`` with so many times its light; the very same array where that is not seen."""
    if abs(light - 1) < 1 / 256:
        return picture
    table = [min(255, round(value * light)) for value in range(256)]
    brighter: Frame = np.asarray(Image.fromarray(picture).point(table * 3))
    return brighter


@dataclass(frozen=True)
class Way:
    """From one key to another: what a display must know besides the picture."""

    motion: Motion = REST
    """of the camera"""
    seconds: float = 0.0
    """of the show's time"""
    cut: bool = False
    """they have nothing to do with each other"""

    def then(self, later: Way) -> Way:
        """Both, one after the other."""
        return Way(
            self.motion.then(later.motion),
            self.seconds + later.seconds,
            self.cut or later.cut,
        )


class Path:
    """The last ways of a session, for viewers that miss keys."""

    def __init__(self) -> None:
        self._ways: deque[tuple[int, Way]] = deque(maxlen=REMEMBERED_WAYS)

    def add(self, sequence: int, way: Way) -> None:
        """The way to the key of that number, from the one before."""
        self._ways.append((sequence, way))

    def between(self, last: int | None, sequence: int) -> Way:
        """From the key ``last`` to another; a cut where nobody knows any more, or there was none."""
        # a copy at once: another thread may add meanwhile
        ways = [
            way
            for number, way in tuple(self._ways)
            if last is not None and last < number <= sequence
        ]
        if last is None or len(ways) != sequence - last:
            return Way(cut=True)
        whole = Way()
        for way in ways:
            whole = whole.then(way)
        return whole


@dataclass(frozen=True)
class KeyPicture:
    """A picture that the model drew, on its way to a display."""

    picture: Frame
    time: float
    """seconds, when it is due"""
    motion: Motion = REST
    """the camera's way since the key before"""
    cut: bool = False
    """it has nothing to do with the one before"""


class Display:
    """Shows keys as they come, at any moment, when nobody knows the next one. Memory stays the same.

    Every key goes on with the camera as it went lately. When the next one tells where the camera really
    was, it begins where the last one is seen and bends into its own path, so that nothing jumps.

    Args:
        crisp: see :func:`moved`.
    """

    def __init__(self, *, crisp: bool = False) -> None:
        self._crisp = crisp
        self._key: KeyPicture | None = None
        self._before: KeyPicture | None = None
        # from the last key to the newest, as it was shown when that came
        self._seen = REST
        # what the newest key is moved by beside its own way, when it came
        self._off = REST
        # ways of the last keys with their seconds
        self._ways: deque[tuple[Motion, float]] = deque(maxlen=16)
        self._rate = REST
        self._fade = 0.0

    @property
    def key(self) -> KeyPicture | None:
        """The newest."""
        return self._key

    def put(self, key: KeyPicture) -> None:
        """The next key; one of another size, or a cut, is shown as it is."""
        last = self._key
        new = last is None or key.cut or last.picture.shape != key.picture.shape
        if last is None or new:
            self._before, self._off, self._seen = None, REST, REST
            self._ways.clear()
        else:
            self._seen = self._way(key.time)
            # where the picture is now, if the model changed nothing: seen from the new key
            self._off = key.motion.back.then(self._seen)
            self._before = last
            seconds = max(1e-3, key.time - last.time)
            self._ways.append((key.motion, seconds))
            self._fade = min(CROSSFADE_SECONDS, seconds / 2)
        self._rate = self._lately()
        self._key = key

    @property
    def interval(self) -> float:
        """Seconds between two keys lately; 0 before the second."""
        return sum(took for _, took in self._ways) / max(1, len(self._ways))

    def at(self, time: float, accent: Motion = REST) -> Frame | None:
        """The picture at ``time`` seconds, moved by the beat's ``accent``; None before the first key."""
        key, before = self._key, self._before
        if key is None:
            return None
        since = max(0.0, time - key.time)
        newest = moved(key.picture, self._way(time).then(accent), crisp=self._crisp)
        if before is None or since >= self._fade:
            return newest
        # the same place on the screen, seen from the key before
        old = self._seen.then(self._off.back).then(self._way(time)).then(accent)
        return mixed(moved(before.picture, old, crisp=self._crisp), newest, since / self._fade)

    def _way(self, time: float) -> Motion:
        """From the newest key to ``time``, as it is shown."""
        assert self._key is not None
        since = min(LONGEST_GUESS, max(0.0, time - self._key.time))
        off = self._off.part(math.exp(-since / SETTLE_SECONDS))
        return off.then(self._rate.part(since))

    def _lately(self) -> Motion:
        """The camera's way in a second, as it went in the last moments."""
        motion, seconds = REST, 0.0
        for way, took in reversed(self._ways):
            motion, seconds = way.then(motion), seconds + took
            if seconds >= FORGET_SECONDS:
                break
        return motion.part(1 / seconds) if seconds > 0 else REST
