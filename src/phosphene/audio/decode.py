"""Sound files, and the sound of video files, to mono samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from phosphene.audio.progress import Progress, untold
from phosphene.audio.types import FloatArray
from phosphene.errors import InputError
from phosphene.media import open_media

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

KNOWN = "wav, flac, ogg, mp3, m4a, or a video with sound"


@dataclass(frozen=True, eq=False)
class Sound:
    """Mono sound ready for analysis, and what the file was like."""

    samples: FloatArray
    """(samples,) mono, usually within -1..1, always finite"""
    rate: int
    """rate of ``samples``, Hz"""
    source_rate: int
    """rate in the file, Hz"""
    channels: int
    """channels in the file"""
    duration: float
    """length of the decoded sound, seconds"""


def decode(path: str | Path, rate: int = 22050, progress: Progress = untold) -> Sound:
    """Decode the first audio stream of ``path``, mixed down to mono at ``rate`` Hz.

    Damaged parts are skipped; NaN and infinite samples become silence. ``progress`` is told the
    share done where the file says how long it is. Raises
    :class:`InputError` when there is no sound to be had.
    """
    import av

    source = Path(path)
    with open_media(source, "a sound or video file") as container:
        if not container.streams.audio:
            raise InputError(f"{source} has no sound in it: use {KNOWN}.")
        stream = container.streams.audio[0]
        # only raw floats can be other than numbers
        raw = str(stream.codec_context.name).startswith("pcm_f")
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        blocks: list[FloatArray] = []
        heard, source_rate, channels = 0, 0, 0
        length = _told_length(container, stream)
        for frame in _frames(container, stream):
            if not source_rate:
                source_rate, channels = frame.sample_rate, frame.layout.nb_channels
            heard += frame.samples
            if length:
                progress(min(heard / (source_rate * length), 1.0))
            try:
                blocks += _mono(resampler, _silence_nonfinite(frame) if raw else frame)
            except (av.FFmpegError, ValueError):
                # damage can make the format change in mid-stream: start afresh behind it
                resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        if blocks:
            blocks += _mono(resampler, None)
    if not heard or not blocks:
        raise InputError(
            f"no sound could be decoded from {source}: it is empty, damaged, or not really"
            f" {source.suffix or 'a sound file'}; use {KNOWN}."
        )
    samples = np.concatenate(blocks)
    blocks.clear()
    return Sound(tame(samples), rate, source_rate, channels, heard / source_rate)


def tame(samples: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """float32 ``samples`` with NaN and infinities silent; peaks over 16 (24 dB too hot) scaled to 1.

    Float files sometimes hold whole-number scale, or garbage whose square would overflow.
    """
    finite = np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(np.abs(finite).max(initial=0.0))
    if peak > 16:
        finite = finite / peak
    return np.asarray(finite, np.float32)


def _told_length(container: Any, stream: Any) -> float:
    """Seconds that the file claims to last; 0: it does not say. Good enough to show progress."""
    if stream.duration and stream.time_base:
        return max(float(stream.duration * stream.time_base), 0.0)
    # of the container it is in microseconds
    return max((container.duration or 0) / 1e6, 0.0)


def _frames(container: Any, stream: Any) -> Iterator[AudioFrame]:
    """Decoded frames; packets that cannot be decoded are left out."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
        except (av.FFmpegError, OSError):
            # the file ends in the middle of a packet: keep what came before
            return
        try:
            yield from packet.decode()
        except (av.FFmpegError, OSError):
            continue


def _silence_nonfinite(frame: AudioFrame) -> AudioFrame:
    """The frame with NaN and infinite samples at 0, before resampling can spread them."""
    import av

    values = frame.to_ndarray()
    if np.isfinite(values).all():
        return frame
    clean = np.nan_to_num(values, copy=True, nan=0.0, posinf=0.0, neginf=0.0)
    out: AudioFrame = av.AudioFrame.from_ndarray(
        clean, format=frame.format.name, layout=frame.layout.name
    )
    out.sample_rate = frame.sample_rate
    out.pts, out.time_base = frame.pts, frame.time_base
    return out


def _mono(resampler: Any, frame: AudioFrame | None) -> list[FloatArray]:
    if frame is not None:
        # gaps in the time stamps would be filled with silence or refused
        frame.pts = None
    return [out.to_ndarray()[0].copy() for out in resampler.resample(frame)]
