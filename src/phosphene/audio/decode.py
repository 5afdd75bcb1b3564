"""Sound files, and the sound of video files, to mono samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.audio.progress import Progress, untold
from phosphene.audio.types import FloatArray
from phosphene.errors import InputError
from phosphene.sound_file import Block, Samples, SoundFile, to_stereo

KNOWN = "wav, flac, ogg, mp3, m4a, or a video with sound"
LONGEST = 3 * 3600.0
"""seconds of sound that are held at most: 1 GB of samples"""
HEARD_WHOLE = 600.0
"""seconds: a song up to so long is heard as a whole even for a part of it, for its tempo's sake"""
BEYOND = 10.0
"""seconds that are heard after the end of a part, so that its last beats have something to lean on"""
MISSING_SECONDS, MISSING_SHARE = 1.0, 0.05
"""a file that ends this much before it says it does is cut short; containers round by less"""
OPPOSED = 0.01
"""share of a channel's power: a mix with less has lost what its channels hold, as they oppose each other"""
WINDOW_SECONDS = 0.25
"""how often it is asked whether they do"""
FADE_SECONDS = 0.005
"""from one to the other, so that nothing clicks"""


@dataclass(frozen=True, eq=False)
class Sound:
    """Mono sound ready for analysis, and what the file was like."""

    samples: FloatArray
    """(samples,) mono, usually within -1..1, always finite"""
    rate: int
    """rate of ``samples``, Hz"""
    source_rate: int
    """rate in the file, Hz; of its beginning, where it changes"""
    channels: int
    """channels in the file; of its beginning"""
    duration: float
    """length of the decoded sound, seconds"""
    notes: tuple[str, ...] = ()
    """what could not be decoded, one sentence each"""


def decode(
    path: str | Path,
    rate: int = 22050,
    progress: Progress = untold,
    *,
    until: float | None = None,
    most: float = LONGEST,
) -> Sound:
    """Decode the first audio stream of ``path``, mixed down to mono at ``rate`` Hz.

    Damaged parts are skipped; NaN and infinite samples become silence; channels that cancel each other
    out are heard by their difference. ``until`` is the last second that is asked for: a long file is not
    read to its end then. ``progress`` is told the share done where the file says how long it is. Raises
    :class:`InputError` when there is no sound to be had, and for more than ``most`` seconds.
    """
    source = Path(path)
    too_long = InputError(
        f"{source} is longer than {most / 60:g} minutes: cut it, or ask for an earlier part of it."
    )
    last = None if until is None else max(until + BEYOND, HEARD_WHOLE)
    if until is not None and until > most:
        raise too_long
    with SoundFile(source, "a sound or video file") as file:
        if file.stream is None:
            raise InputError(f"{source} has no sound in it: use {KNOWN}.")
        told = file.told_length
        if last is None and told > most and not file.guesses:
            raise too_long
        mixer, first, blocks = Mixer(rate), None, []
        heard = 0.0
        for block in file.blocks():
            first = first or block
            heard += block.values.shape[1] / block.rate
            if heard > most and (until is None or until > most):
                raise too_long
            if told:
                progress(min(heard / min(told, last or told), 1.0))
            blocks.append(mixer.mix(block))
            if last is not None and heard >= last:
                break
        blocks.append(mixer.end())
        notes = _notes(source, file, told - heard if last is None or heard < last else 0.0)
    if first is None:
        raise InputError(
            f"no sound could be decoded from {source}: it is empty, damaged, or not really"
            f" {source.suffix or 'a sound file'}; use {KNOWN}."
        )
    samples = np.concatenate(blocks)
    blocks.clear()
    return Sound(tame(samples), rate, first.rate, len(first.channels), heard, notes)


class Mixer:
    """Brings blocks of any rate and layout to mono at ``rate`` Hz."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._source_rate = 0
        self._resampler: Any = None
        self._share: float | None = None
        """of the difference in the mix, in the window before; None: nothing was heard yet"""

    def mix(self, block: Block) -> FloatArray:
        """(n,) what of a block is ready."""
        out = []
        if self._source_rate != block.rate:
            out.append(self.end())
            self._source_rate = block.rate
        mono = block.values[0] if len(block.channels) == 1 else self._fold(block)
        out.append(self._resampled(mono))
        return np.concatenate(out)

    def end(self) -> FloatArray:
        """(n,) what is left in the resampler."""
        if self._resampler is None:
            return np.empty(0, np.float32)
        rest, self._resampler = self._arrays(None), None
        return rest

    def _fold(self, block: Block) -> Samples:
        """(n,) mean of left and right, or half their difference where the mean cancels out."""
        left, right = to_stereo(block)
        mean, side = (left + right) / 2, (left - right) / 2
        size = max(1, round(WINDOW_SECONDS * block.rate))
        for begin in range(0, len(mean), size):
            part = slice(begin, begin + size)
            loudest = max(_power(left[part]), _power(right[part]))
            if loudest > 0:
                share = float(_power(mean[part]) < OPPOSED * loudest)
                self._share = share if self._share is None else self._share
                ramp = np.full(len(mean[part]), share, np.float32)
                fade = min(len(ramp), round(FADE_SECONDS * block.rate))
                ramp[:fade] = np.linspace(self._share, share, fade)
                mean[part] += ramp * (side[part] - mean[part])
                self._share = share
        return np.asarray(mean, np.float32)

    def _resampled(self, mono: Samples) -> FloatArray:
        import av

        if self._source_rate == self._rate:
            return np.asarray(mono, np.float32)
        if self._resampler is None:
            self._resampler = av.AudioResampler(format="flt", layout="mono", rate=self._rate)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(mono[None]), format="flt", layout="mono"
        )
        frame.sample_rate = self._source_rate
        return self._arrays(frame)

    def _arrays(self, frame: Any) -> FloatArray:
        parts = [out.to_ndarray()[0].copy() for out in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)


def _power(samples: Samples) -> float:
    return float(np.dot(samples, samples))


def _notes(source: Path, file: SoundFile, missing: float) -> tuple[str, ...]:
    """What was wrong with a file, known once it was read."""
    notes = []
    if file.lost:
        notes.append(
            f"{file.lost} damaged packets of the sound of {source.name} could not be decoded."
        )
    if missing > max(MISSING_SECONDS, MISSING_SHARE * file.told_length) and not file.guesses:
        notes.append(
            f"the sound of {source.name} ends {missing:.1f} s before it says it does, as if cut short."
        )
    return tuple(notes)


def tame(samples: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """float32 ``samples`` with NaN and infinities silent; peaks over 16 (24 dB too hot) scaled to 1.

    Float files sometimes hold whole-number scale, or garbage whose square would overflow.
    """
    finite = np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(np.abs(finite).max(initial=0.0))
    if peak > 16:
        finite = finite / peak
    return np.asarray(finite, np.float32)
