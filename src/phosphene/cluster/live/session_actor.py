"""What runs on a machine that plays sessions: one loaded model, and whoever performs on it."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import phosphene
from phosphene.cluster.live.messages import Credit, Letter, News, Ready
from phosphene.config import PipelineConfig
from phosphene.errors import PhospheneError
from phosphene.show.live import Session, Shown
from phosphene.show.live.dynamic_batcher import batcher_for
from phosphene.show.live.loading import load
from phosphene.show.live.types import Changed
from phosphene.video.spec import Size

LOOK_SECONDS = 0.5
"""after which a session without a picture is told of all the same: the figures, and that it is there"""


@dataclass(eq=False)
class Played:
    """A session and what was not yet fetched of it."""

    session: Session
    bell: threading.Condition = field(default_factory=threading.Condition)
    shown: Shown | None = None
    credits: int = 0
    listener: int = 0
    errors: list[str] = field(default_factory=list)
    changes: list[Changed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session.subscribe(self._show)
        self.session.on_error(self.complain)
        self.session.on_change(self._change)

    def listen(self, listener: int) -> None:
        """Credits are for somebody new from now on."""

        def credit(more: int) -> None:
            with self.bell:
                if self.listener == listener:
                    self.credits += more
                    self.bell.notify_all()

        with self.bell:
            self.listener, self.credits = listener, 0
        self.session.on_credit(credit)

    def news(self) -> News:
        """Waits for a picture, a credit or a complaint, but not for long."""
        with self.bell:
            self.bell.wait_for(
                lambda: self.shown or self.credits or self.errors or self.changes, LOOK_SECONDS
            )
            shown, credits, errors = self.shown, self.credits, tuple(self.errors)
            changes = tuple(self.changes)
            self.shown, self.credits = None, 0
            self.errors.clear()
            self.changes.clear()
            listener = self.listener
        return News(shown, self.session.stats(), credits, listener, errors, changes)

    def _show(self, shown: Shown) -> None:
        with self.bell:
            self.shown = shown
            self.bell.notify_all()

    def _change(self, changed: Changed) -> None:
        with self.bell:
            self.changes.append(changed)
            self.bell.notify_all()

    def complain(self, text: str) -> None:
        with self.bell:
            self.errors.append(text)
            self.bell.notify_all()


class SessionActor:
    """Loads the model on construction; its methods run side by side."""

    def __init__(self, config: PipelineConfig, size: Size | None) -> None:
        self._config = config
        self._base = load(config, size)
        self._batcher = batcher_for(config)
        self._played: dict[str, Played] = {}

    def ready(self) -> Ready:
        """Answered once the model is loaded and warm."""
        return Ready(phosphene.__version__, platform.node(), self._base.facts, self._config)

    def open(self, name: str, config: PipelineConfig) -> None:
        """A new session. Raises :class:`~phosphene.errors.ConfigError`."""
        session = Session(self._base, config, self._batcher)
        self._played[name] = Played(session)
        session.start()

    def tell(self, name: str, messages: Sequence[Letter]) -> float:
        """Say things to a session in turn; gives this machine's time."""
        played = self._played[name]
        for letter in messages:
            try:
                if isinstance(letter, Credit):
                    played.listen(letter.listener)
                else:
                    letter.apply(played.session)
            except PhospheneError as error:
                # who said it has gone on meanwhile
                played.complain(str(error))
        return time.monotonic()

    def look(self, name: str) -> News:
        """What happened to a session, as soon as something did."""
        return self._played[name].news()

    def close(self, name: str) -> None:
        """End a session; one that is over is no error."""
        played = self._played.pop(name, None)
        if played is not None:
            played.session.close()

    def pid(self) -> int:
        """Of this process."""
        return os.getpid()

    def time(self) -> float:
        """Of this machine's clock, seconds."""
        return time.monotonic()
