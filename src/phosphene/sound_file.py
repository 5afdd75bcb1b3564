"""The sound of a file as samples on one clock, whatever its packets, layouts and rates are like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from phosphene.media import open_media

Samples = npt.NDArray[np.float32]
"""(channels, n), usually within -1..1"""

COUNTED = frozenset(
    ("aac", "ac3", "adts", "aiff", "amr", "ape", "au", "caf", "dts", "dtshd", "eac3", "flac", "loas",
     "mp3", "mpc", "mpc8", "truehd", "tta", "voc", "w64", "wav", "wv")
)  # fmt: skip
"""formats without time stamps: FFmpeg guesses times from the bytes, so that rubbish would become silence"""
GUESSED = frozenset(("aac", "ac3", "adts", "amr", "dts", "eac3", "loas", "mp3"))
"""formats that seldom say how long they are"""
GAP = 0.04
"""seconds that time stamps may be off before sound is left out or silence put in: what ears and lips allow"""
SLACK = 0.005
"""seconds: drift below it is rounding, as in containers that count in milliseconds"""
STRETCH = 0.002
"""share by which sound may be longer or shorter to follow a drifting clock; nobody hears it"""
LEAP_BACK, LEAP_ON = 10.0, 3600.0
"""seconds: a clock that goes back or on further has begun anew"""
BLOCK = 1 << 14
"""samples that are worked on at once"""

_SIDE = 2**-0.5
STEREO = {
    "FL": (1.0, 0.0), "FR": (0.0, 1.0), "FC": (_SIDE, _SIDE), "LFE": (0.0, 0.0), "LFE2": (0.0, 0.0),
    "BL": (_SIDE, 0.0), "BR": (0.0, _SIDE), "SL": (_SIDE, 0.0), "SR": (0.0, _SIDE), "BC": (0.5, 0.5),
    "FLC": (1.0, 0.0), "FRC": (0.0, 1.0), "WL": (1.0, 0.0), "WR": (0.0, 1.0), "DL": (1.0, 0.0),
    "DR": (0.0, 1.0), "TC": (0.5, 0.5), "TFL": (_SIDE, 0.0), "TFR": (0.0, _SIDE), "TFC": (0.5, 0.5),
    "TBL": (_SIDE, 0.0), "TBR": (0.0, _SIDE), "TBC": (0.5, 0.5),
}  # fmt: skip
"""share of each channel in left and right (ITU-R BS.775-4, table 2, where it knows the channel)"""


@dataclass(frozen=True, eq=False)
class Block:
    """A stretch of sound."""

    values: Samples
    rate: int
    """Hz"""
    channels: tuple[str, ...]
    """FFmpeg's name of each"""

    @property
    def shape(self) -> tuple[int, tuple[str, ...]]:
        """Rate and channels: blocks of one shape can be joined."""
        return self.rate, self.channels


class SoundFile:
    """A file's sound; use it as a context. Raises :class:`~phosphene.errors.InputError`."""

    def __init__(self, path: Path, wanted: str, index: int | None = None) -> None:
        self.container: Any = open_media(path, wanted)
        streams = self.container.streams
        self.stream: Any = streams[index] if index is not None else next(iter(streams.audio), None)
        """the stream that is read: ``index``, or the first with sound; None where there is none"""
        self.lost = 0
        """packets that could not be decoded, so far"""
        self.cut = False
        """whether the file ended in the middle of a packet"""

    @property
    def guesses(self) -> bool:
        """Whether :attr:`told_length` is a guess from the first bytes and the size."""
        return self.container.format.name in GUESSED

    @property
    def told_length(self) -> float:
        """Seconds that the file claims to last; 0: it does not say."""
        if self.stream.duration and self.stream.time_base:
            return max(float(self.stream.duration * self.stream.time_base), 0.0)
        # of the container it is in microseconds
        return max((self.container.duration or 0) / 1e6, 0.0)

    def blocks(self) -> Iterator[Block]:
        """All sound in order: gaps in the time stamps are silent, overlaps are cut, drift is followed.

        Samples are finite numbers.
        """
        return _gathered(self._on_clock())

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_clock(self) -> Iterator[Block]:
        counted = self.container.format.name in COUNTED
        end: float | None = None
        for frame in self._frames():
            block = Block(
                _floats(frame),
                frame.sample_rate,
                tuple(channel.name for channel in frame.layout.channels),
            )
            if not counted and frame.pts is not None:
                at = float(frame.pts * frame.time_base)
                end = self._begin(at) if end is None else end
                late = at - end
                if not -LEAP_BACK < late < LEAP_ON:
                    end = at
                elif late > GAP:
                    yield from _silence(late, block)
                    end = at
                else:
                    block = _fitted(block, late)
            yield block
            end = (end or 0.0) + block.values.shape[1] / block.rate

    def _begin(self, first: float) -> float:
        """When sound begins: earlier than the first frame where packets before it are damaged."""
        if self.stream.start_time is None or not self.stream.time_base:
            return first
        start = float(self.stream.start_time * self.stream.time_base)
        return start if 0 < first - start < LEAP_ON else first

    def _frames(self) -> Iterator[Any]:
        """Decoded frames; packets that cannot be decoded are left out and counted."""
        import av

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
            except (av.FFmpegError, OSError):
                # the file ends in the middle of a packet: what came before counts
                self.cut = True
                return
            try:
                yield from packet.decode()
            except (av.FFmpegError, OSError):
                self.lost += 1


def to_stereo(block: Block) -> Samples:
    """(2, n) left and right, never louder than the channels; those without a known place are averaged."""
    return np.asarray(_matrix(block.channels) @ block.values, np.float32)


def _matrix(channels: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """(2, channels) shares that add up to 1 at most, so that no sum of full-scale channels is clipped."""
    if len(channels) == 2 and not any(name in STEREO for name in channels):
        # a wav without a word about its two channels
        channels = ("FL", "FR")
    if len(channels) > 1 and all(name in STEREO for name in channels):
        matrix = np.array([STEREO[name] for name in channels], np.float32).T
        most = float(matrix.sum(axis=1).max())
        if most > 0:
            return matrix / max(most, 1.0)
    return np.full((2, len(channels)), 1 / len(channels), np.float32)


def _floats(frame: Any) -> Samples:
    """(channels, n) float32 of a decoded frame of any sample format, NaN and infinities silent."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype.kind == "f":
        # the largest double overflows the largest float
        with np.errstate(over="ignore"):
            values = values.astype(np.float32)
        values = np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    elif values.dtype == np.uint8:
        values = (values.astype(np.float32) - 128) / 128
    else:
        values = values.astype(np.float32) / -float(np.iinfo(values.dtype).min)
    return np.asarray(values, np.float32)


def _silence(seconds: float, like: Block) -> Iterator[Block]:
    left = round(seconds * like.rate)
    while left > 0:
        count = min(left, BLOCK)
        left -= count
        yield Block(np.zeros((len(like.channels), count), np.float32), like.rate, like.channels)


def _fitted(block: Block, late: float) -> Block:
    """A block that begins ``late`` seconds after the one before ended, or earlier where it is negative."""
    values = block.values
    count = values.shape[1]
    if late < -GAP:
        return Block(values[:, min(round(-late * block.rate), count) :], *block.shape)
    most = round(STRETCH * count)
    more = max(-most, min(most, round(late * block.rate))) if abs(late) > SLACK else 0
    if not more:
        return block
    places = np.linspace(0, count - 1, count + more)
    stretched = np.stack([np.interp(places, np.arange(count), one) for one in values])
    return Block(stretched.astype(np.float32), *block.shape)


def _gathered(blocks: Iterable[Block]) -> Iterator[Block]:
    """Blocks of the same shape joined to larger ones: a frame of a codec is too little to work on."""
    held: list[Block] = []
    count = 0
    for block in blocks:
        if held and (block.shape != held[0].shape or count >= BLOCK):
            yield _joined(held)
            held, count = [], 0
        if block.values.shape[1]:
            held.append(block)
            count += block.values.shape[1]
    if held:
        yield _joined(held)


def _joined(held: list[Block]) -> Block:
    return Block(np.concatenate([block.values for block in held], axis=1), *held[0].shape)
