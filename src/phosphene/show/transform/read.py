"""The first stage: pictures of the source, each with its time in the new video."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import av

from phosphene.errors import InputError
from phosphene.show.transform.items import Shot
from phosphene.show.transform.options import TransformOptions
from phosphene.video.clip import Clip
from phosphene.video.reader import Frames
from phosphene.video.spec import frame_rate
from phosphene.video.timing import Shown, every, resample, window

MOST_TICKS = (1 << 31) - 1
"""of one picture: MP4 and FFmpeg count them in 32 bits"""
FINE = 12_800
"""ticks a second at least: a start between two ticks of a coarse clock must not shift the picture"""


@dataclass(frozen=True)
class Tempo:
    """The new video's clock."""

    rate: Fraction
    """frames per second, on average"""
    time_base: Fraction
    """seconds per tick"""

    @classmethod
    def of(cls, clip: Clip, options: TransformOptions) -> Tempo:
        """The rate asked for, or the clip's own times."""
        if options.fps is not None:
            rate = frame_rate(options.fps)
            return cls(rate, 1 / rate)
        finer = ceil(clip.time_base * FINE)
        return cls(clip.rate / (options.skip + 1), clip.time_base / max(1, finer))


class Reader:
    """Decodes a clip and chooses the pictures to draw."""

    def __init__(self, clip: Clip, options: TransformOptions, segment: int) -> None:
        self.frames = Frames(clip)
        """what is read, and what could not be"""
        self._name = clip.path.name
        self._options = options
        self._tempo = Tempo.of(clip, options)
        self._segment = segment

    def run(self, first: int) -> Generator[Shot, None, None]:
        """Shots from the one with index ``first`` on.

        The file is decoded from its beginning in any case: a decoder that was set down in the middle
        may give other pixels.
        """
        base = self._tempo.time_base
        before: av.VideoFrame | None = None
        tick = -1
        for index, shown in enumerate(self._chosen()):
            begin = max(round(shown.begin / base), tick + 1)
            end = max(round(shown.end / base), begin + 1)
            again = shown.picture is before
            before, tick = shown.picture, begin
            if end - begin > MOST_TICKS:
                hours = float((end - begin) * base) / 3600
                raise InputError(
                    f"a picture of {self._name} stays for {hours:.0f} hours, more than a file can hold:"
                    " cut the video, or give --start and --duration."
                )
            if index < first:
                continue
            yield Shot(
                index=index,
                begin=begin,
                end=end,
                time=float(shown.begin),
                seconds=float(shown.end - shown.begin),
                frame=shown.picture,
                again=again,
                keep=(index + 1) % self._segment == 0,
            )

    def _chosen(self) -> Iterator[Shown[av.VideoFrame]]:
        options = self._options
        shown = window(self.frames, *options.window)
        if options.fps is not None:
            return resample(shown, self._tempo.rate)
        return every(shown, options.skip)
