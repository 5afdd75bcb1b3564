"""What a server must be able to say to a session, wherever it is played."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from phosphene.audio.types import FloatArray
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import ModelFacts
from phosphene.show.live.outer import OuterBeat
from phosphene.show.live.recorder import Recorder
from phosphene.show.live.types import (
    BeatAction,
    Changed,
    Frame,
    Id,
    On,
    SessionStats,
    Shown,
    Source,
    Wanted,
)
from phosphene.show.sets import Laid, Pilot


class Playing(Protocol):
    """A show under way; :class:`~phosphene.show.live.Session` says what each method does."""

    id: str

    @property
    def config(self) -> PipelineConfig: ...
    def start(self) -> None: ...
    def close(self) -> None: ...
    def set(
        self, values: Mapping[str, JsonValue], on: On | None = None, id: Id = None
    ) -> dict[str, JsonValue]: ...
    def lay(self, cues: Mapping[str, Sequence[Laid]], pilot: Pilot | None) -> None: ...
    def on_change(self, listener: Callable[[Changed], None]) -> None: ...
    def use(self, source: Source) -> None: ...
    def picture(self, data: bytes | Frame, captured: float) -> None: ...
    def sound(self, samples: FloatArray, rate: int, captured: float) -> None: ...
    def clock(
        self, position: float, playing: bool, rate: float, lead: float, at: float
    ) -> None: ...
    def beat(self, action: BeatAction, at: float, seconds: float = 0.0) -> None: ...
    def follow(self, beat: OuterBeat) -> None: ...
    def scene(self, on: On | None = None) -> None: ...
    def controllers(self, values: Mapping[str, float]) -> None: ...
    def record(self, path: Path, pictures: bool = False) -> None: ...
    def keep(self, on: bool) -> None: ...
    def score(self) -> str: ...
    def score_sound(self) -> bytes: ...
    def hold(self, held: bool) -> None: ...
    def want(self, wanted: Wanted) -> None: ...
    def seen(self, age_ms: float) -> None: ...
    def subscribe(self, listener: Callable[[Shown], None]) -> Callable[[], None]: ...
    def on_credit(self, listener: Callable[[int], None]) -> None: ...
    def on_error(self, listener: Callable[[str], None]) -> None: ...
    def stats(self) -> SessionStats: ...


class Recorded:
    """What sessions have in common: the recorder, and who is told of what changes by itself."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._on_change: tuple[Callable[[Changed], None], ...] = ()

    def on_change(self, listener: Callable[[Changed], None]) -> None:
        """Tell ``listener`` of settings that change by themselves."""
        self._on_change = (*self._on_change, listener)

    def _announce(self, changed: Changed) -> None:
        for listener in self._on_change:
            listener(changed)

    def record(self, path: Path, pictures: bool = False) -> None:
        """Write the show to a score from the next frame on; see :mod:`phosphene.show.score`.

        A camera's ``pictures`` are kept beside it only if asked for.
        """
        self._recorder.to_file(path, pictures)

    def keep(self, on: bool) -> None:
        """Keep all of the show from now on for :meth:`score`; or its last ten minutes again."""
        self._recorder.keep(on, time.monotonic())

    def score(self) -> str:
        """What was kept of the show, as the text of a score; empty before its first picture."""
        return self._recorder.score(time.monotonic())

    def score_sound(self) -> bytes:
        """What a microphone heard in :meth:`score`, as a WAV; empty where it heard nothing."""
        return self._recorder.wav(time.monotonic())


class Players(Protocol):
    """Machines that play sessions."""

    @property
    def facts(self) -> ModelFacts:
        """of the model that they have loaded"""

    def session(self, config: PipelineConfig) -> Playing:
        """A new session on one of them. Raises PhospheneError."""
