"""From finished latents to frames a viewer may see."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.diffusion.stream import Key
from phosphene.profiling import get_profiler
from phosphene.show.display import REST, Motion, between, moved
from phosphene.video.encoder import Sink
from phosphene.video.flash import FlashLimiter
from phosphene.video.writer import Frame


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


class Finisher:
    """Decodes keys, moves and mixes them, holds back flashes, hands the frames on.

    Args:
        base: decodes.
        limiter: ``None`` lets every flash through; it works on what is shown.
        sink: takes the frames.
    """

    def __init__(
        self, base: BaseDiffusionPipeline, limiter: FlashLimiter | None, sink: Sink[Frame]
    ) -> None:
        self._base = base
        self._limiter = limiter
        self._sink = sink
        self._decoded: list[tuple[Key, Frame]] = []

    def write(self, tween: Tween) -> None:
        """One frame."""
        profiler = get_profiler()
        frame = self._picture(tween.last)
        if tween.following is not None:
            following = self._picture(tween.following)
            with profiler.profile("display"):
                frame = between(frame, following, tween.since, tween.whole, tween.share)
        elif tween.since != REST:
            with profiler.profile("display"):
                frame = moved(frame, tween.since)
        if self._limiter is not None:
            with profiler.profile("limit flashes"):
                frame = self._limiter(frame)
        with profiler.profile("wait for encoder"):
            self._sink.write(frame)

    def _picture(self, key: Key) -> Frame:
        """A key decoded; the last two are kept, for all frames between them."""
        for known, decoded in self._decoded:
            if known is key:
                return decoded
        with get_profiler().profile("decode"):
            picture: Frame = self._base.decode(key.latent, key.palette)[0]
        self._decoded = [*self._decoded[-1:], (key, picture)]
        return picture

    def cut(self, state: bytes) -> None:
        """End a segment; the limiter's memory joins the ``state`` that was packed."""
        limiter = b"" if self._limiter is None else self._limiter.get_state()
        self._sink.cut(state + pack(limiter))

    def cancel(self) -> None:
        """Nothing to drop here."""


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
