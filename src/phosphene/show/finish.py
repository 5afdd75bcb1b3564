"""From finished latents to frames a viewer may see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from phosphene.arrays import Array
from phosphene.config import LiveConfig
from phosphene.diffusion.base import BasePipeline
from phosphene.diffusion.stream import Key
from phosphene.profiling import get_profiler
from phosphene.show.crossfade import decoded, fields_between, refined
from phosphene.show.display import REST, Motion, between, moved
from phosphene.show.light import Light
from phosphene.stream.arrays import Home, to_numpy
from phosphene.video.encoder import Taker
from phosphene.video.flash import FlashLimiter
from phosphene.video.writer import Frame

FloatArray = npt.NDArray[np.float32]

MOST_SHARPENED = 3.0
"""times the fine detail of a field may be added to it"""


@dataclass(frozen=True)
class Tween:
    """One frame of a show: a key as it is, or moved on the way to the following one."""

    last: Key
    following: Key | None = None
    """None where nobody knows it, or none comes"""
    since: Motion = REST
    """the camera's way since the last key"""
    whole: Motion = REST
    """its way to the following one"""
    share: float = 0.0
    """0..1 of the time between them"""
    live: LiveConfig | None = None
    """light, blackout and freeze of a show that was performed"""


class Finisher:
    """Decodes keys, moves and mixes them, holds back flashes, hands the frames on.

    Args:
        base: decodes.
        limiter: ``None`` lets every flash through; it works on what is shown.
        sink: takes the frames.
        rate: frames a second.
    """

    def __init__(
        self,
        base: BasePipeline,
        limiter: FlashLimiter | None,
        sink: Taker[Frame],
        rate: float = 30.0,
    ) -> None:
        self._base = base
        self._limiter = limiter
        self._sink = sink
        self._rate = rate
        self._written = 0
        self._light = Light()
        self._decoded: list[tuple[Key, Frame]] = []
        self._fields: list[tuple[Key, Key]] = []

    def write(self, tween: Tween) -> None:
        """One frame."""
        profiler = get_profiler()
        if tween.last.palette is not None and tween.since != REST:
            # a field is moved and mixed before it is painted, and edges stay crisp
            with profiler.profile("decode"):
                last = self._refined(tween.last)
                following = tween.following and self._refined(tween.following)
            with profiler.profile("display"):
                field = field_between(replace(tween, last=last, following=following))
            with profiler.profile("decode"):
                frame = self._base.paint(field.latent, field.palette)[0]
        else:
            frame = self._shown(tween)
        if tween.live is not None:
            frame = self._light(frame, tween.live, self._written / self._rate)
        self._written += 1
        if self._limiter is not None:
            with profiler.profile("limit flashes"):
                frame = self._limiter(frame)
        with profiler.profile("wait for encoder"):
            self._sink.write(frame)

    def _shown(self, tween: Tween) -> Frame:
        """A frame of a model that draws pictures."""
        profiler, frame = get_profiler(), self._picture(tween.last)
        if tween.following is not None:
            following = self._picture(tween.following)
            with profiler.profile("display"):
                frame = between(frame, following, tween.since, tween.whole, tween.share)
        elif tween.since != REST:
            with profiler.profile("display"):
                frame = moved(frame, tween.since)
        return frame

    def _picture(self, key: Key) -> Frame:
        """A key decoded; the last two are kept, for all frames between them."""
        for known, made in self._decoded:
            if known is key:
                return made
        with get_profiler().profile("decode"):
            picture = decoded(self._base, key)
        self._decoded = [*self._decoded[-1:], (key, picture)]
        return picture

    def _refined(self, key: Key) -> Key:
        """A key's field, as fine as it can be; the last two are kept, for all frames between them."""
        for known, made in self._fields:
            if known is key:
                return made
        field = refined(self._base, key)
        self._fields = [*self._fields[-1:], (key, field)]
        return field

    def cut(self, state: bytes) -> None:
        """End a segment; what limiter and light remember joins the ``state`` that was packed."""
        limiter = b"" if self._limiter is None else self._limiter.get_state()
        light = self._light.get_state(self._written / self._rate)
        self._sink.cut(state + pack(limiter, light))

    def restore(self, limiter: bytes, light: bytes) -> None:
        """Go on where :meth:`cut` was called."""
        if self._limiter is not None:
            self._limiter.set_state(limiter)
        self._light.set_state(light)

    def cancel(self) -> None:
        """Nothing to drop here."""


def field_between(tween: Tween) -> Key:
    """The field of a frame between two keys, and its colours; as sharp as they are."""
    last, following = tween.last, tween.following
    field = moved_field(last.latent, tween.since)
    if following is None:
        return Key(sharpened(field, fineness(last.latent)), last.palette)
    ahead = moved_field(following.latent, tween.whole.back.then(tween.since))
    mixed = fields_between(Key(field, last.palette), Key(ahead, following.palette), tween.share)
    fine = (1 - tween.share) * fineness(last.latent) + tween.share * fineness(following.latent)
    return Key(sharpened(mixed.latent, fine), mixed.palette)


def moved_field(field: Array, motion: Motion) -> FloatArray:
    """Planes (1 c h w) after ``motion``."""
    planes = to_numpy(field)[0]
    return np.stack([moved(plane, motion) for plane in planes])[None]


def fineness(field: Array) -> Array:
    """(b c 1 1) how much fine detail the planes of a field (b c h w) have: its power."""
    return _power(_fine(field), _fine(field))


def sharpened(field: Array, fine: Array) -> Array:
    """A field with as much fine detail as ``fine`` says: moved and mixed ones have lost some.

    Between two places of a grid the finest waves are hardly seen, so a picture that is moved by half a
    place, or is the mean of two, would be soft, and pulse from key to key.
    """
    xp = Home.of(field).namespace
    detail = _fine(field)
    more = _fine(detail)
    # |detail + share more|^2 = fine
    a, b, c = _power(more, more), _power(detail, more), _power(detail, detail) - fine
    share = (xp.sqrt(xp.clip(b * b - a * c, 0, None)) - b) / xp.clip(a, 1e-12, None)
    return field + xp.clip(share, 0, MOST_SHARPENED) * detail


def _fine(field: Array) -> Array:
    """What a place has that the mean of its four neighbours has not; edges go on."""
    xp = Home.of(field).namespace
    up = xp.concat([field[:, :, :1], field[:, :, :-1]], axis=2)
    down = xp.concat([field[:, :, 1:], field[:, :, -1:]], axis=2)
    left = xp.concat([field[..., :1], field[..., :-1]], axis=3)
    right = xp.concat([field[..., 1:], field[..., -1:]], axis=3)
    return field - (up + down + left + right) / 4


def _power(one: Array, other: Array) -> Array:
    """(b c 1 1)"""
    return Home.of(one).namespace.mean(one * other, axis=(2, 3), keepdims=True)


def pack(*parts: bytes) -> bytes:
    """Byte strings as one; more may be appended, packed alike."""
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def unpack(packed: bytes) -> list[bytes]:
    """What :func:`pack` joined."""
    parts = []
    while packed:
        end = 8 + int.from_bytes(packed[:8], "little")
        parts.append(packed[8:end])
        packed = packed[end:]
    return parts
