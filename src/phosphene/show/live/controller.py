"""Keeps the pictures on time: draws less where the machine is too slow, more again with room."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import ModelFacts
from phosphene.show.live.types import Level

SHARES = (0.75, 0.625, 0.5)
"""of width and height, one after the other"""
CADENCES = (2, 3, 4, 6)
"""frames of the show for one key: at 30 a second, 5 keys are the fewest"""
Lower = Literal["keys", "size"]
SAMPLES = 30
"""frames whose median counts: a hiccup of a few does not"""
FEWEST = 5
"""frames to see before any judgement"""
DOWN_SECONDS = 1.0
"""how long pictures must come late"""
UP_SECONDS = 5.0
"""how long there must be room; doubles each time that going up was wrong"""
LONGEST_WAIT = 320.0
ROOM = 0.8
"""share of the budget that the next level may be expected to take"""
REGRET_SECONDS = 15.0
"""stepping down this soon after stepping up means that it was wrong"""


@dataclass(frozen=True)
class Budget:
    """What a frame may take."""

    frame_ms: float
    age_ms: float

    @classmethod
    def of(cls, config: PipelineConfig) -> Budget:
        """The budget the settings ask for."""
        return cls(1000.0 / config.live.fps, config.live.age_limit_ms)


@dataclass(frozen=True)
class Took:
    """What a frame took, milliseconds."""

    frame_ms: float
    """how soon after this frame another one could have begun"""
    age_ms: float | None = None
    """age of the newest finished picture, if there is a new one"""
    seen_ms: float | None = None
    """age of the picture that is seen, if the viewer has said so"""


def ladder(full: Level, facts: ModelFacts, lower: Lower = "keys") -> tuple[Level, ...]:
    """Levels from ``full`` downwards: fewer keys, one step, one frame a call, then smaller pictures.

    The display moves keys at its own rate, so few large ones are seen as more than many small ones; ``lower``
    size leaves the keys to the last.
    Sides are what the model can draw and not smaller than is worth it (``facts``, at the full size), in
    the proportions of ``full``; levels that would be equal are one.
    """
    multiple = facts.size_multiple
    lean = replace(full, steps=1)
    single = replace(lean, batch=1)
    # the shorter side ends where pictures are no longer worth it, and the longer one with it
    least = min(1.0, facts.min_size / min(full.width, full.height))

    def side(pixels: int, share: float) -> int:
        near = round(pixels * share / multiple) * multiple
        floor = -(-facts.min_size // multiple) * multiple
        return min(pixels, max(near, floor))

    shares = [max(share, least) for share in SHARES]
    small = [
        replace(single, width=side(full.width, s), height=side(full.height, s)) for s in shares
    ]
    if facts.halves:
        width, height = small[-1].width, small[-1].height
        half = [round(pixels / 2 / multiple) * multiple for pixels in (width, height)]
        small.append(Level(1, 1, half[0], half[1], full.latent_factor // 2))
    sizes = dict.fromkeys([full, lean, single, *small])
    if lower == "size":
        last = [*sizes][-1]
        return (*sizes, *(replace(last, cadence=n * full.cadence) for n in CADENCES))
    fewest = CADENCES[-1] * full.cadence
    return (
        full,
        *(replace(full, cadence=n * full.cadence) for n in CADENCES),
        *(replace(level, cadence=fewest) for level in [*sizes][1:]),
    )


def chunk_ladder(full: Level, facts: ModelFacts) -> tuple[Level, ...]:
    """The same for a model that draws chunks: shorter ones, the lightest decoder, fewer steps, smaller.

    Keys are not fewer, for they are motion: pictures leave as evenly as they can be made.
    """
    chunk = facts.chunk
    assert chunk is not None
    short = replace(full, frames=1)
    light = replace(short, decoder=chunk.decoders[-1])
    counts = [n for n in (4, 2, 1) if n < full.steps]
    fewer = [replace(light, steps=n) for n in counts] or [light]
    small = [
        level
        for level in ladder(replace(fewer[-1], batch=1), facts, "size")
        if level.cadence == full.cadence
    ]
    return tuple(dict.fromkeys([full, short, light, *fewer, *small]))


class Controller:
    """Chooses a rung of a ladder from what frames take. Time is whatever clock the caller keeps."""

    def __init__(self) -> None:
        self._frames: deque[float] = deque(maxlen=SAMPLES)
        self._ages: deque[float] = deque(maxlen=SAMPLES)
        self._seen: deque[float] = deque(maxlen=SAMPLES)
        self.reset()

    def reset(self) -> None:
        """Back to the top: what is asked for is new."""
        self.rung = 0
        self.reason = ""
        self._patience = UP_SECONDS
        self._went_up: float | None = None
        self.forget()

    def forget(self) -> None:
        """Forget what was measured, for instance after a pause."""
        self._frames.clear()
        self._ages.clear()
        self._seen.clear()
        self._late_since: float | None = None
        self._room_since: float | None = None

    def decide(
        self,
        levels: Sequence[Level],
        took: Took,
        budget: Budget,
        now: float,
    ) -> int:
        """The rung of ``levels`` for the next frame, ``now`` in seconds."""
        self._frames.append(took.frame_ms)
        if took.age_ms is not None:
            self._ages.append(took.age_ms)
        if took.seen_ms is not None:
            self._seen.append(took.seen_ms)
        if len(self._frames) < FEWEST:
            return self.rung
        level = levels[self.rung]
        above = levels[self.rung - 1] if self.rung else level
        frame, own = median(self._frames) / level.cadence, median(self._ages or [0.0])
        age = max(own, median(self._seen or [0.0]))
        late = frame > budget.frame_ms or age > budget.age_ms
        dearer = above.load / level.load
        # the way to the viewer's eyes takes no longer with more to draw
        expected = age + own * (above.cost / level.cost - 1.0)
        room = frame * dearer < ROOM * budget.frame_ms and expected < ROOM * budget.age_ms
        self._late_since = since(self._late_since, now) if late else None
        self._room_since = since(self._room_since, now) if room else None
        if lasted(self._late_since, DOWN_SECONDS, now) and self.rung + 1 < len(levels):
            self._down(levels, frame, age, budget, now)
        elif lasted(self._room_since, self._patience, now) and self.rung > 0:
            self._up(levels, now)
        return self.rung

    def _down(
        self, levels: Sequence[Level], frame: float, age: float, budget: Budget, now: float
    ) -> None:
        soon = self._went_up is not None and now - self._went_up < REGRET_SECONDS
        self._patience = min(LONGEST_WAIT, 2.0 * self._patience) if soon else UP_SECONDS
        self._went_up = None
        slow = frame > budget.frame_ms
        before = levels[self.rung].cost
        self.rung += 1
        # fewer keys are no younger ones
        while not slow and self.rung + 1 < len(levels) and levels[self.rung].cost >= before:
            self.rung += 1
        cause = (
            f"a frame took {frame:.0f} ms, {budget.frame_ms:.0f} ms are allowed"
            if slow
            else f"pictures were {age:.0f} ms old, {budget.age_ms:.0f} ms are allowed"
        )
        self.reason = f"{cause}: now {describe(levels[self.rung])}"
        self.forget()

    def _up(self, levels: Sequence[Level], now: float) -> None:
        self.rung -= 1
        self._went_up = now
        self.reason = f"there is room again: now {describe(levels[self.rung])}" if self.rung else ""
        self.forget()


def since(begin: float | None, now: float) -> float:
    """When something that goes on began."""
    return now if begin is None else begin


def lasted(begin: float | None, seconds: float, now: float) -> bool:
    """Whether something goes on for so long already."""
    return begin is not None and now - begin >= seconds


def describe(level: Level) -> str:
    """A level in words."""
    steps = "1 step" if level.steps == 1 else f"{level.steps} steps"
    keys = "" if level.cadence == 1 else f", one picture in {level.cadence}"
    decoder = "" if level.decoder is None else f", decoder {level.decoder}"
    chunk = "" if level.decoder is None else f", {level.frames} latent frames a chunk"
    return f"{steps} at {level.width}x{level.height}{keys}{chunk}{decoder}"
