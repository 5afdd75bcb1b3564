"""The stretch of a song that belongs to a video, encoded as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.resampler import AudioResampler

from phosphene.errors import InputError
from phosphene.sound_file import BLOCK, Block, Samples, SoundFile, to_stereo

AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
"""Hz; ISO 14496-3 table 1.18 without 7350, which few players know"""
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
"""channel counts kept as they are, six as 5.1 only; all others become stereo"""
BITS_PER_SAMPLE = 6
"""an AAC frame holds at most 6144 bits for 1024 samples of one channel"""
SURROUND = (("FL", "FR", "FC", "LFE", "BL", "BR"), ("FL", "FR", "FC", "LFE", "SL", "SR"))
"""channels of 5.1 sound, with its sides or its back"""


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


def aac_format(rate: int, channels: tuple[str, ...]) -> SoundFormat:
    """The nearest that AAC can store: same rate or the next higher one, mono, stereo or 5.1."""
    kept = next((known for known in AAC_RATES if known >= rate), AAC_RATES[-1])
    count = len(channels) if len(channels) == 1 or channels in SURROUND else 2
    return SoundFormat(kept, LAYOUTS[count], count)


class Song:
    """An open sound file (or the sound of a video file), decoded from its beginning.

    Time 0 is the first decoded sample. Decoding from the beginning is what makes a start exact in
    every format; packets that cannot be decoded are skipped, and silent where the file has time stamps.
    ``form`` is what it is brought to; None: the nearest that AAC can store. Raises :class:`InputError`.
    """

    def __init__(
        self, path: Path, index: int | None = None, form: SoundFormat | None = None
    ) -> None:
        self._file = SoundFile(path, "a song or a video with sound", index)
        if self._file.stream is None:
            self.close()
            raise InputError(f"{path} has no sound: give a song or a video with sound.")
        self.stream = self._file.stream
        """the stream that is read: ``index``, or the first with sound"""
        context = self.stream.codec_context
        channels = tuple(channel.name for channel in context.layout.channels)
        # some formats say their rate only in the first packet
        self.format = form or aac_format(context.sample_rate or AAC_RATES[-2], channels)

    @property
    def starts(self) -> Fraction:
        """Seconds on the file's clock at which the sound begins."""
        return (self.stream.start_time or 0) * Fraction(self.stream.time_base)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

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
        resampler: Any = None
        rate = 0
        for block in self._file.blocks():
            if rate != block.rate:
                # streams joined by hand change their rate half way
                if resampler is not None:
                    yield from _arrays(resampler, None)
                rate = block.rate
                resampler = AudioResampler("fltp", self.format.layout, self.format.rate)
            mixed = np.ascontiguousarray(mix(block, self.format.channels))
            frame = av.AudioFrame.from_ndarray(mixed, "fltp", self.format.layout)
            frame.sample_rate = rate
            yield from _arrays(resampler, frame)
        if resampler is not None:
            yield from _arrays(resampler, None)


def mix(block: Block, channels: int) -> Samples:
    """(channels, n): 1, 2 or 6 of them, in the order of :data:`LAYOUTS`."""
    if channels == len(block.channels) and (channels < 6 or block.channels in SURROUND):
        return block.values
    stereo = to_stereo(block)
    if channels == 1:
        return np.asarray(stereo.mean(axis=0, keepdims=True), np.float32)
    if channels == 2:
        return stereo
    return np.concatenate([stereo, np.zeros((4, stereo.shape[1]), np.float32)])


def _arrays(resampler: Any, frame: av.AudioFrame | None) -> Iterator[Samples]:
    for part in resampler.resample(frame):
        # players clip beyond 1 anyway
        yield np.clip(part.to_ndarray(), -1, 1)


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
