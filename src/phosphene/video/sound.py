"""The stretch of a song that belongs to a video, encoded as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler

from phosphene.errors import InputError
from phosphene.media import open_media

Samples = npt.NDArray[np.float32]
"""sound, shape (channels, n), -1..1"""

AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
"""Hz; ISO 14496-3 table 1.18 without 7350, which few players know"""
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
"""channel counts kept as they are; all others become stereo"""
BITS_PER_SAMPLE = 6
"""an AAC frame holds at most 6144 bits for 1024 samples of one channel"""
BLOCK = 1 << 16
"""samples of silence handed to the encoder at once"""


@dataclass(frozen=True)
class SoundFormat:
    """How the sound is stored."""

    rate: int
    """Hz"""
    layout: str
    channels: int

    def bit_rate(self, wanted: int) -> int:
        """``wanted`` bits per second, or the most that AAC can hold."""
        return min(wanted, BITS_PER_SAMPLE * self.rate * self.channels)


def aac_format(rate: int, channels: int) -> SoundFormat:
    """The nearest that AAC can store: same rate or the next higher one, mono, stereo or 5.1."""
    kept = next((known for known in AAC_RATES if known >= rate), AAC_RATES[-1])
    channels = channels if channels in LAYOUTS else 2
    return SoundFormat(kept, LAYOUTS[channels], channels)


class Song:
    """An open sound file (or the sound of a video file), decoded from its beginning.

    Time 0 is the first decoded sample. Decoding from the beginning is what makes a start exact in
    every format; packets that cannot be decoded are skipped. Raises :class:`InputError`.
    """

    def __init__(self, path: Path, index: int | None = None) -> None:
        self._container = open_media(path, "a song or a video with sound")
        if not self._container.streams.audio:
            self._container.close()
            raise InputError(f"{path} has no sound: give a song or a video with sound.")
        streams = self._container.streams
        self.stream = streams.audio[0] if index is None else streams[index]
        """the stream that is read: ``index``, or the first with sound"""
        self.format = aac_format(self.stream.rate, self.stream.channels)

    @property
    def starts(self) -> Fraction:
        """Seconds on the file's clock at which the sound begins."""
        return (self.stream.start_time or 0) * Fraction(self.stream.time_base)

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def read(self, start: float, count: int) -> Iterator[Samples]:
        """Exactly ``count`` samples from ``start`` seconds on, padded with silence at the end."""
        skip = round(start * self.format.rate)
        left = count
        for block in self._decode():
            part = block[:, skip : skip + left]
            skip -= min(skip, block.shape[1])
            left -= part.shape[1]
            if part.shape[1]:
                yield part
            if not left:
                return
        while left:
            silence = np.zeros((self.format.channels, min(left, BLOCK)), np.float32)
            left -= silence.shape[1]
            yield silence

    def read_all(self) -> Iterator[Samples]:
        """All of it, (channels, n) at ``format.rate``."""
        return self._decode()

    def _decode(self) -> Iterator[Samples]:
        resampler: AudioResampler | None = None
        shape: tuple[int, str, str] | None = None
        for frame in self._frames():
            # streams joined by hand change rate or layout half way
            if shape != (frame.sample_rate, frame.layout.name, frame.format.name):
                if resampler is not None:
                    yield from _arrays(resampler, None)
                shape = frame.sample_rate, frame.layout.name, frame.format.name
                resampler = AudioResampler("fltp", self.format.layout, self.format.rate)
            assert resampler is not None
            yield from _arrays(resampler, frame)
        if resampler is not None:
            yield from _arrays(resampler, None)

    def _frames(self) -> Iterator[av.AudioFrame]:
        packets = self._container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.FFmpegError):
                return  # a file that ends in the middle of a packet ends before it
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                frame.pts = None  # samples are counted, so that gaps in time stamps do not matter
                yield frame


def _arrays(resampler: AudioResampler, frame: av.AudioFrame | None) -> Iterator[Samples]:
    for part in resampler.resample(frame):
        # the encoder refuses what is not a finite number; players clip beyond 1 anyway
        yield np.clip(np.nan_to_num(part.to_ndarray(), posinf=0, neginf=0), -1, 1)


def encode_aac(
    song: Song, stream: av.AudioStream, start: float, count: int
) -> Iterator[av.Packet[av.AudioStream]]:
    """AAC packets of ``count`` samples of ``song`` from ``start`` seconds on, for ``stream``."""
    written = 0
    for block in song.read(start, count):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block), format="fltp", layout=song.format.layout
        )
        frame.sample_rate = song.format.rate
        frame.pts, frame.time_base = written, Fraction(1, song.format.rate)
        written += block.shape[1]
        yield from stream.encode(frame)
    yield from stream.encode(None)
