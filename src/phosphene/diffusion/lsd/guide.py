"""What a stream follows: a motif as the renderer draws it at this moment, as a latent.

A latent is a field: place in the palette and light, -1..1 each. Nothing is remembered: every variant of a
prompt is a new picture, and every moment of it follows from its arguments alone.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.render import Motif, Shots, draw, numbers_of
from phosphene.diffusion.lsd.render.scene import SHARE
from phosphene.namespaces import Array, array_namespace
from phosphene.stream.arrays import Home
from phosphene.stream.camera import STILL, CameraMove, resample
from phosphene.stream.resize import resize

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]
"""uint8 (b, height, width, 3)"""

SHORT, STEP = 64, 8
"""latent pixels of the short side; what the long one is a multiple of"""
WIDEST = 4 * SHORT
QUIET = np.array([0.5, 0.5, 0.5, 0.0, 1.0], np.float32)
"""a silent room: every band as usual, no attack, the last beat long ago"""
SEAM = 0.35
"""of a change, how long one place of the picture takes"""
PATCHES = 6
"""along the short side, that change at times of their own"""
BEND = 2.5
"""latent pixels that a pattern bends along the steepest slope of an input picture"""
SLOPE = 0.35
"""of place over two latent pixels, at which it bends half as far"""


FINER = ((1000, 4), (600, 3), (0, 2))
"""from so many pixels of a picture's short side on, how much finer than a latent its guide is drawn: an
outline spreads over some three pixels then, and drawing takes about as long as painting does"""
WORDS = 4
"""of 16 bits, that a variant goes into"""
HEAD = 2 * WORDS + 9 + len(QUIET)
"""numbers of a recipe before its prompts: two variants, pose, motion, how far a change is, what is heard"""


DRAWING = threading.Lock()
"""held while a guide is drawn: two threads that make hundreds of short products each, at the same time, hand
Python's lock to and fro after every one of them, and both take three times as long"""


@dataclass(frozen=True)
class Moment:
    """A guide's when and how. controls: (5,), see `QUIET`."""

    variant: int = 0
    pose: CameraMove = STILL
    motion: float = 0.0
    controls: FloatArray | None = None


@dataclass(frozen=True)
class Recipe:
    """All that a guide is drawn from; during a change, ``before`` is the prompt and variant that give way.

    prompt, before[0]: (dim,) vectors. share: 0..1 how far the change is.
    """

    prompt: FloatArray
    moment: Moment
    before: tuple[FloatArray, int] | None = None
    share: float = 1.0

    def numbers(self) -> FloatArray:
        """(1, n), exactly: what travels with a picture."""
        pose, controls = self.moment.pose, self.moment.controls
        prompt, variant = self.before or (np.zeros_like(self.prompt), 0)
        row = [
            *_words(self.moment.variant),
            *_words(variant),
            *(pose.zoom, pose.rotate, pose.pan_x, pose.pan_y, pose.warp, pose.phase),
            *(self.moment.motion, self.share, float(self.before is not None)),
            *(QUIET if controls is None else controls),
            *self.prompt,
            *prompt,
        ]
        return np.array(row, np.float32)[None]

    @classmethod
    def of(cls, numbers: FloatArray) -> Recipe:
        """From (n,) numbers."""
        head = iter(numbers[:HEAD].tolist())
        variants = [_whole([next(head) for _ in range(WORDS)]) for _ in range(2)]
        pose = CameraMove(*(next(head) for _ in range(6)))
        motion, share, changes = next(head), next(head), next(head)
        prompt, before = np.split(numbers[HEAD:], 2)
        moment = Moment(variants[0], pose, motion, np.array(list(head), np.float32))
        return cls(prompt, moment, (before, variants[1]) if changes else None, share)


def _words(number: int) -> list[float]:
    return [float(number >> 16 * k & 0xFFFF) for k in range(WORDS)]


def _whole(words: list[float]) -> int:
    whole = sum(int(word) << 16 * k for k, word in enumerate(words))
    return whole - (1 << 16 * WORDS) if words[-1] >= 1 << 15 else whole


def finer(short: int) -> int:
    """How much finer than a latent the guide of a picture is drawn, whose short side has so many pixels."""
    return next(by for pixels, by in FINER if short >= pixels)


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the latent of a picture of so many pixels."""
    long = SHORT * max(height, width) / min(height, width)
    other = min(WIDEST, max(SHORT, round(long / STEP) * STEP))
    return (SHORT, other) if width >= height else (other, SHORT)


def guide(motif: Motif, moment: Moment, rows: int, columns: int) -> FloatArray:
    """(1, 2, rows, columns) of a motif at a moment."""
    pose = moment.pose
    audio = QUIET if moment.controls is None else moment.controls
    ones = np.ones(1, np.float32)
    shots = Shots(
        motif,
        _numbers(motif.label, moment.variant),
        np.array([moment.motion], np.float32),
        np.asarray(audio, np.float32)[None],
        np.array([[pose.zoom, pose.rotate, pose.pan_x, pose.pan_y]], np.float32),
        ones,
        ones,
        ripple=np.array([[pose.warp, pose.phase]], np.float32) if pose.warp else None,
    )
    with DRAWING:
        field = draw(shots, rows, columns)
    return np.stack([2 * field.value - 1, np.minimum(field.light, 2) - 1], axis=1)


@lru_cache(maxsize=16)
def _numbers(label: str, variant: int) -> FloatArray:
    return numbers_of([crc32(f"{label} {variant}".encode())])


def on_the_way(before: FloatArray, after: FloatArray, share: float, seed: int) -> FloatArray:
    """``share`` 0..1 of the way from one guide (1 2 h w) to another: some places first, others later.

    Mixed as a whole, two pictures would be seen at once, each half as sharp.
    """
    if share <= 0 or share >= 1:
        return before if share <= 0 else after
    turn = order(seed, *after.shape[-2:])
    weight = np.clip((share * (1 + SEAM) - turn) / SEAM, 0, 1)
    weight = weight * weight * (3 - 2 * weight)
    return np.asarray(before + weight * (after - before), np.float32)


@lru_cache(maxsize=8)
def order(seed: int, rows: int, columns: int) -> FloatArray:
    """(rows, columns) when each place changes, evenly over 0..1; neighbours at about the same time."""
    short = min(rows, columns)
    lattice = np.random.default_rng(seed).standard_normal(
        (1, 1, *(max(2, round(PATCHES * side / short)) for side in (rows, columns)))
    )
    smooth = resize(lattice.astype(np.float32), rows, columns)[0, 0]
    ranks = smooth.ravel().argsort(kind="stable").argsort(kind="stable")
    return np.asarray((ranks / (ranks.size - 1)).reshape(rows, columns), np.float32)


def luminance_field(frames: Frames, rows: int, columns: int) -> FloatArray:
    """(b, 2, rows, columns): the luminance of pictures as place and as light."""
    from PIL import Image

    small = np.stack(
        [
            np.asarray(
                Image.fromarray(frame).convert("L").resize((columns, rows), Image.Resampling.BOX),
                np.float32,
            )
            for frame in frames
        ]
    )
    grey = np.stack([_even(picture) for picture in small])
    return np.stack([1.84 * grey - 0.92, np.clip(1.1 * grey - 0.55, -1, 1)], axis=1)


EVEN, STRETCHED = 0.25, 0.25
"""shares of histogram equalisation and of plain stretching, by which a dull picture uses more of a palette;
the rest is the luminance itself, which does not change when something else enters the picture"""


def _even(grey: FloatArray) -> FloatArray:
    """A picture (h, w) of 0..255 as 0..1, its tones spread."""
    ordered = np.sort(grey, axis=None)
    share = np.searchsorted(ordered, grey) / grey.size
    low, high = ordered[grey.size // 100], ordered[-1 - grey.size // 100]
    plain = np.clip((grey - low) / max(8.0, high - low), 0, 1)
    own = grey / 255 * (1 - EVEN - STRETCHED)
    return np.asarray(EVEN * share + STRETCHED * plain + own, np.float32)


def follow(source: Array, drawn: Array, strength: float) -> Array:
    """A guide (1 2 h w) along the shapes of an input picture's field (1 2 h w).

    ``strength`` 0 gives the input alone, 1 the guide alone; between them the pattern bends along the
    input's shapes and has light and dark where the input has them.
    """
    if strength <= 0 or strength >= 1:
        return source if strength <= 0 else drawn
    xp = array_namespace(source)
    bent = resample(drawn, _along(source[:, :1]))
    share = SHARE * min(1.0, 2 * (1 - strength))
    own = min(1.0, 2 * strength)
    place = share * source[:, :1] + (1 - share) * bent[:, :1]
    dark = 0.5 + 0.5 * source[:, :1]
    light = (bent[:, 1:] + 1) * (1 - share + share * (0.45 + 0.8 * dark)) - 1
    mixed = xp.concat((place, light), axis=1)
    return source + own * (mixed - source)


def _along(grey: Array) -> Array:
    """(2, h*w) x and y in pixels: where a pattern comes from that bends along the slopes of ``grey``."""
    home = Home.of(grey)
    xp, (rows, columns) = home.namespace, grey.shape[-2:]
    soft = resize(resize(grey, rows // 2, columns // 2), rows, columns)[0, 0]
    wide = xp.concat((soft[:, :1], soft, soft[:, -1:]), axis=1)
    high = xp.concat((soft[:1], soft, soft[-1:]), axis=0)
    dx, dy = wide[:, 2:] - wide[:, :-2], high[2:] - high[:-2]
    steep = 1 / (xp.sqrt(dx * dx + dy * dy) + SLOPE)
    y, x = xp.meshgrid(
        xp.arange(rows, dtype=xp.float32, device=home.device),
        xp.arange(columns, dtype=xp.float32, device=home.device),
        indexing="ij",
    )
    points = xp.stack((x + BEND * dx * steep, y + BEND * dy * steep))
    return xp.reshape(points, (2, rows * columns))
