"""The show's sound for whoever takes its pictures: what was heard when, read on one even clock.

A song is read where its player is; a microphone's samples lie where they were heard. Both clocks are told now
and then, a little off each time, and run a little fast or slow. So a reading head is steered, by less
than anybody hears; it leaps only where the sound itself does.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phosphene.audio.types import FloatArray
from phosphene.show.live.song import SongClock
from phosphene.sound_file import GAP, STRETCH, Samples

RATE = 48_000
"""Hz of all sound that leaves: what NDI, Opus and streaming services are best at"""
CHANNELS = 2
KEPT_SECONDS = 4.0
"""of a microphone"""
QUIET_LINE = 1.0
"""seconds without a sample after which a microphone is silent"""
SMOOTH = 0.02
"""weight of a new word on when samples were heard: some fifty count"""
FORGET = 0.998
"""by which the longest way of samples is believed less with every chunk"""
NEAR = 0.001
"""seconds that a head may be off and is left alone"""
CATCH_SECONDS = 5.0
"""in which a head gets there, where it may go fast enough"""
SEAM = 480
"""samples, 10 ms, that go from one sound to another"""


class Tape(Protocol):
    """Sound that can be read at any place."""

    rate: float
    """samples of a second of it, Hz"""
    late: float
    """seconds after it was heard that the last of it is here"""

    @property
    def speed(self) -> float:
        """Samples played in a second."""

    def place(self, at: float) -> float | None:
        """Which sample is heard at monotonic ``at``; None while there is nothing to hear."""

    def take(self, first: int, count: int) -> Samples:
        """(2, count) from sample ``first`` on; silent where there is none."""


class LiveTape:
    """The last seconds of a microphone. One thread puts, another reads what lies a while back."""

    def __init__(self, rate: int) -> None:
        self.rate = float(rate)
        self.late = 0.0
        self._ring = np.zeros(int(KEPT_SECONDS * rate), np.float32)
        self._count = 0
        self._zero: float | None = None
        """monotonic time of the first sample, as the last ones have it"""
        self._newest = 0.0

    @property
    def speed(self) -> float:
        """See :class:`Tape`."""
        return self.rate

    def put(self, samples: FloatArray, captured: float, now: float) -> None:
        """(n,) mono; the last of them was heard at monotonic ``captured``."""
        size, samples = len(self._ring), samples[-len(self._ring) :]
        places = (self._count + np.arange(len(samples))) % size
        self._ring[places] = samples
        self._count += len(samples)
        zero = captured - self._count / self.rate
        if self._zero is None or abs(zero - self._zero) > GAP:
            self._zero = zero
        else:
            self._zero += SMOOTH * (zero - self._zero)
        first = captured - len(samples) / self.rate
        self.late = max(FORGET * self.late, now - first)
        self._newest = captured

    def place(self, at: float) -> float | None:
        """See :class:`Tape`."""
        if self._zero is None or at - self._newest > QUIET_LINE:
            return None
        return (at - self._zero) * self.rate

    def take(self, first: int, count: int) -> Samples:
        """See :class:`Tape`."""
        places = np.arange(first, first + count)
        there = (places >= max(0, self._count - len(self._ring))) & (places < self._count)
        mono = np.where(there, self._ring[places % len(self._ring)], np.float32(0))
        return np.repeat(mono[None], CHANNELS, 0)


class SongTape:
    """A song from a file of 16-bit stereo samples at :data:`RATE`, as :func:`write_tape` writes them."""

    rate = float(RATE)
    late = 0.0

    def __init__(self, path: Path) -> None:
        self._values: npt.NDArray[np.int16] = np.memmap(path, "<i2", "r").reshape(-1, CHANNELS)
        self.clock = SongClock()

    @property
    def speed(self) -> float:
        """See :class:`Tape`."""
        return RATE * self.clock.rate

    def place(self, at: float) -> float | None:
        """See :class:`Tape`."""
        clock = self.clock
        place = clock.position_at(at) * RATE
        return place if clock.playing and 0 <= place < len(self._values) else None

    def take(self, first: int, count: int) -> Samples:
        """See :class:`Tape`."""
        out = np.zeros((CHANNELS, count), np.float32)
        begin, end = max(0, first), min(len(self._values), first + count)
        if begin < end:
            out[:, begin - first : end - first] = self._values[begin:end].T / np.float32(1 << 15)
        return out


def write_tape(song: Path, out: Path) -> None:
    """Write ``song``'s sound for a :class:`SongTape`. Raises :class:`~phosphene.errors.InputError`."""
    import av

    from phosphene.sound_file import SoundFile, to_stereo

    resampler, shape = None, None
    with SoundFile(song, "a song") as file, out.open("wb") as written:
        for block in file.blocks():
            if resampler is None or block.rate != shape:
                resampler, shape = av.AudioResampler("s16", "stereo", RATE), block.rate
            values = np.ascontiguousarray(to_stereo(block))
            frame = av.AudioFrame.from_ndarray(values, "fltp", "stereo")
            frame.sample_rate = block.rate
            for made in resampler.resample(frame):
                written.write(made.to_ndarray().astype("<i2").tobytes())
        if resampler is not None:
            for made in resampler.resample(None):
                written.write(made.to_ndarray().astype("<i2").tobytes())


class Tap:
    """The sound of one session, wherever it comes from. Any thread."""

    def __init__(self) -> None:
        self.tape: Tape | None = None
        self._song: Path | None = None
        self._live = False

    def use(self, song: Path | None, live: bool = False) -> None:
        """Hear a song's tape from now on; or, ``live``, what :meth:`sound` is given; or nothing."""
        if song is None:
            self.tape = None
        elif song != self._song:
            self.tape = SongTape(song)
        self._song, self._live = song, live

    def sound(self, samples: FloatArray, rate: int, captured: float) -> None:
        """(n,) mono, the last of them heard at monotonic ``captured``."""
        if not self._live:
            return
        tape = self.tape
        if not isinstance(tape, LiveTape) or tape.rate != rate:
            tape = self.tape = LiveTape(rate)
        tape.put(samples, captured, time.monotonic())

    def clock(self, clock: SongClock) -> None:
        """Where the song is."""
        if isinstance(self.tape, SongTape):
            self.tape.clock = clock


class Head:
    """Reads tapes at :data:`RATE`, one stretch after the other. For one thread."""

    def __init__(self) -> None:
        self._tape: Tape | None = None
        self._place = 0.0

    def read(self, tape: Tape | None, at: float, count: int) -> Samples:
        """(2, count) of what is heard from monotonic ``at`` on; silence where nothing is."""
        before, here = self._tape, self._place
        wanted = None if tape is None else tape.place(at)
        if tape is None or wanted is None:
            self._tape = None
            out = np.zeros((CHANNELS, count), np.float32)
        else:
            off = wanted - here
            on = tape is before and abs(off) <= GAP * tape.rate
            self._tape, place = tape, here if on else wanted
            step = tape.speed / RATE
            if on and abs(off) > NEAR * tape.rate:
                share = off / (CATCH_SECONDS * tape.rate)
                step *= 1 + max(-STRETCH, min(STRETCH, share))
            out = _read(tape, place, step, count)
            self._place = place + step * count
            if on:
                return out
        if before is not None:
            _join(out, _read(before, here, before.speed / RATE, min(SEAM, count)))
        elif self._tape is not None:
            _join(out, np.zeros((CHANNELS, min(SEAM, count)), np.float32))
        return out


def _read(tape: Tape, place: float, step: float, count: int) -> Samples:
    """(2, count) between the samples, by Catmull and Rom's cubic (1974)."""
    places = place + step * np.arange(count)
    whole = np.floor(places).astype(np.int64)
    first = int(whole[0]) - 1
    values = tape.take(first, int(whole[-1]) + 3 - first)
    part = (places - whole).astype(np.float32)
    index = whole - first
    if step == 1.0 and not part.any():
        return np.asarray(values[:, index])
    a, b, c, d = (values[:, index + shift] for shift in (-1, 0, 1, 2))
    slope, curve = c - a, 2 * a - 5 * b + 4 * c - d
    bend = 3 * (b - c) + d - a
    read: Samples = b + 0.5 * part * (slope + part * (curve + part * bend))
    return read


def _join(new: Samples, old: Samples) -> None:
    """Let ``new`` begin with what came before, and go over."""
    count = old.shape[1]
    share = np.linspace(0, 1, count, dtype=np.float32)
    new[:, :count] = share * new[:, :count] + (1 - share) * old
