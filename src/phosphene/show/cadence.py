"""Which frames the model draws: with a cadence of n one in n, on a beat where that costs little."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from phosphene.diffusion.chunk_stream import AnyStream, ChunkStream
from phosphene.show.crossfade import decoded
from phosphene.show.cue import Cue

NEAR = 1 / 3
"""of the interval: so far a key is moved to meet a beat, where a new picture looks intended"""
LONGEST_SECONDS = 0.5
"""between two keys at ``auto``: longer ones show the camera's path and little of the model"""
MEASURED = 2
"""keys that are drawn to see how long one takes, after a first that loads things"""


class Beats(Protocol):
    """Frames, and on which of them a beat falls, as far as that is known beforehand."""

    @property
    def num_frames(self) -> int: ...

    @property
    def beat_frames(self) -> Iterable[int]: ...


def key_frames(song: Beats, cadence: int) -> Sequence[int]:
    """Frames of a song that are drawn, ascending, from 0; all of them at a cadence of 1.

    They follow from the song alone, so a render may be taken up, or divided, anywhere.
    """
    total = song.num_frames
    if cadence <= 1:
        return range(total)
    beats = sorted({int(beat) for beat in song.beat_frames})
    keys, near = [0], 0
    for even in range(cadence, total, cadence):
        while near + 1 < len(beats) and abs(beats[near + 1] - even) <= abs(beats[near] - even):
            near += 1
        meets = bool(beats) and abs(beats[near] - even) <= NEAR * cadence
        frame = beats[near] if meets else even
        if keys[-1] < frame < total:
            keys.append(frame)
    return keys


def measure(stream: AnyStream, cue: Cue, fps: float) -> int:
    """The cadence at which ``stream`` draws as fast as the show plays, decoding included.

    ``cue`` is drawn a few times; the stream forgets that it was.
    """
    if isinstance(stream, ChunkStream):
        # it draws motion: a picture left out would be a jump
        return 1
    state = stream.state

    def draw() -> None:
        key = stream.step(cue.latent, cue.embeds, cue.energy, context=cue.context)
        decoded(stream.base, key)

    cadence = timed(draw, fps)
    stream.state = state
    return cadence


def timed(draw: Callable[[], object], fps: float) -> int:
    """The cadence at which pictures come as fast as they play, where ``draw`` makes one."""
    took = math.inf
    for _ in range(1 + MEASURED):
        began = time.perf_counter()
        draw()
        took = min(took, time.perf_counter() - began)
    return max(1, min(math.ceil(took * fps), round(LONGEST_SECONDS * fps)))
