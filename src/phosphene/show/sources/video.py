"""A song with the pictures of a video to draw over."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from phosphene.show.sources.moments import Given, Picture, Source
from phosphene.video.clip import Clip, probe
from phosphene.video.reader import Frames, Upright
from phosphene.video.sizes import cover
from phosphene.video.spec import Size
from phosphene.video.timing import resample


class OverVideo:
    """``song`` with a picture for every frame: the one on the screen then; a video that ends begins anew.

    ``size`` (width, height) is what is drawn: pictures fill it, what does not fit is cut off. Raises
    :class:`~phosphene.errors.InputError` for what is no video.
    """

    def __init__(self, song: Source, video: Path | Clip, size: Size) -> None:
        self._song = song
        self._clip = probe(video) if isinstance(video, Path) else video
        self._rate = Fraction(song.fps).limit_denominator(1_000_000)
        width, height = self._clip.display_size
        scale = max(size[0] / width, size[1] / height)
        large = max(size[0], round(width * scale)), max(size[1], round(height * scale))
        self._rows, self._columns = cover(large, size)
        self._upright = Upright(self._clip, large)
        self._shown: tuple[av.VideoFrame, Picture] | None = None
        self.fps, self.num_frames, self.state = song.fps, song.num_frames, song.state
        self.beat_frames = song.beat_frames
        self._pictures = self._play()
        self._next = 0

    def at(self, frame: int) -> Given:
        """What there is for ``frame``, the one after the last."""
        if frame != self._next:
            self.seek(frame)
        self._next += 1
        taken = next(self._pictures)
        if self._shown is None or self._shown[0] is not taken:
            whole = self._upright(taken)
            self._shown = taken, np.ascontiguousarray(whole[self._rows, self._columns])
        return replace(self._song.at(frame), picture=self._shown[1])

    def seek(self, frame: int) -> None:
        """Go on with ``frame``: the video is decoded from its beginning, so that pictures are the same."""
        self._song.seek(frame)
        if frame < self._next:
            self._pictures.close()
            self._pictures, self._next = self._play(), 0
        for _ in range(self._next, frame):
            next(self._pictures)
        self._next = frame

    def _play(self) -> Generator[av.VideoFrame, None, None]:
        while True:
            for shown in resample(Frames(self._clip), self._rate):
                yield shown.picture
