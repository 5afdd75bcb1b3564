"""From finished latents to frames a viewer may see."""

from __future__ import annotations

from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.diffusion.stream import Key
from phosphene.profiling import get_profiler
from phosphene.video.encoder import Sink
from phosphene.video.flash import FlashLimiter
from phosphene.video.writer import Frame


class Finisher:
    """Decodes pictures, holds back flashes, hands the frames on.

    Args:
        base: decodes.
        limiter: ``None`` lets every flash through.
        sink: takes the frames.
    """

    def __init__(
        self, base: BaseDiffusionPipeline, limiter: FlashLimiter | None, sink: Sink[Frame]
    ) -> None:
        self._base = base
        self._limiter = limiter
        self._sink = sink

    def write(self, key: Key) -> None:
        """One picture."""
        profiler = get_profiler()
        with profiler.profile("decode"):
            frame = self._base.decode(key.latent, key.palette)[0]
        if self._limiter is not None:
            with profiler.profile("limit flashes"):
                frame = self._limiter(frame)
        with profiler.profile("wait for encoder"):
            self._sink.write(frame)

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
