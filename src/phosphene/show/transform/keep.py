"""The last stage: pictures are encoded, in segments that survive a kill."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from phosphene.show.sinks.sink import Sink
from phosphene.show.transform.items import Picture, State
from phosphene.show.transform.read import Tempo
from phosphene.video.mux import Clock


class Keeper:
    """Writes pictures, and at the end of each segment what the stages remember."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def run(self, pictures: Iterator[Picture]) -> Generator[int, None, None]:
        """Indices of the frames as they are written."""
        ticks: list[int] = []
        end = 0
        try:
            self._sink.open()
            for picture in pictures:
                self._sink.write(picture.image, picture.shot.index)
                ticks.append(picture.shot.begin)
                end = picture.shot.end
                if picture.state is not None:
                    self._sink.cut(dump(picture.state | _times(ticks, end)))
                    ticks = []
                yield picture.shot.index
            self._sink.cut(dump(_times(ticks, end)))
        finally:
            self._sink.close()


def dump(state: State) -> bytes:
    """Named arrays as the bytes of an npz file."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **state)
    return file.getvalue()


def load(data: bytes) -> State:
    """What :func:`dump` was given."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return dict(arrays)


def clock(states: Sequence[Path], tempo: Tempo, rate: Fraction) -> Clock:
    """When each frame of the finished segments is shown, from the states kept with them."""
    ticks: list[int] = []
    end = 0
    for path in states:
        with np.load(path, allow_pickle=False) as arrays:
            ticks += arrays["ticks"].tolist()
            end = int(arrays["end"])
    return Clock(rate, tempo.time_base, [*ticks, end])


def _times(ticks: list[int], end: int) -> State:
    return {"ticks": np.array(ticks, np.int64), "end": np.array(end, np.int64)}
