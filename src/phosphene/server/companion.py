"""Other programs beside the page: what they are to the server, and what they may do to the show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

from pydantic import JsonValue

from phosphene.errors import ConfigError
from phosphene.server.protocol import ConfigReply
from phosphene.server.refusal import Refusal
from phosphene.server.session_handle import CHANGES_KEPT, SessionHandle
from phosphene.server.session_registry import SessionRegistry
from phosphene.show.live import BeatAction, OuterBeat, Shown
from phosphene.show.live.types import On
from phosphene.show.looks import flatten, look_settings, looks
from phosphene.show.sinks.viewers import Picture

TELL_SECONDS = 1 / 15
"""in which the page is told what was changed beside it"""


class Companion(Protocol):
    """Begun by the operator's command line, never by a client. Belongs to the event loop's thread."""

    async def start(self, registry: SessionRegistry) -> None:
        """Begin. Raises PhospheneError where that cannot be."""

    async def close(self) -> None:
        """End, and let go of ports."""


class Listener:
    """A :class:`~phosphene.show.sinks.viewers.Consumer` that keeps what was heard last, not the picture.

    ``hungry`` says whether a show must go on for it alone.
    """

    # whatever there is: nothing is painted for it
    raw = keys = fields = True
    moving = False

    def __init__(self, hungry: bool) -> None:
        self.hungry = hungry
        self.shown: Shown | None = None
        self.at = 0.0
        """monotonic seconds at which it came"""

    def offer(self, picture: Picture) -> None:
        """Keep it."""
        self.shown, self.at = picture.shown, time.monotonic()

    def ended(self) -> None:
        """Nothing is heard any more."""
        self.shown = None


class Hands:
    """Changes the show that exits follow, as its page would: it is in scores, and the page is told."""

    def __init__(self, registry: SessionRegistry) -> None:
        self._registry = registry
        self._changed: tuple[SessionHandle, dict[str, JsonValue]] | None = None
        self._look: str | None = None
        self._times = 0
        self._soon: asyncio.TimerHandle | None = None
        self._shipped: dict[str, dict[str, JsonValue]] | None = None

    @property
    def there(self) -> bool:
        """Whether any show is on."""
        return self._registry.on_show is not None

    @property
    def handle(self) -> SessionHandle:
        """Of the show. Raises :class:`Refusal`."""
        handle = self._registry.on_show
        if handle is None:
            raise Refusal("unknown", "no show is on: open the page.", 409)
        return handle

    @property
    def rate(self) -> float:
        """Pictures drawn a second."""
        return self.handle.session.stats().fps if self.there else 0.0

    def values(self) -> dict[str, JsonValue]:
        """All settings in force, by path; those that shows begin with while none is on."""
        return flatten(self.handle.session.config if self.there else self._registry.config)

    def set(
        self, values: Mapping[str, JsonValue], on: On | None = None, look: str | None = None
    ) -> None:
        """Change settings by path, all or none; ``look`` is what they are called together.

        Raises PhospheneError in one sentence.
        """
        handle = self.handle
        told = handle.session.set(values, on)
        # what waits is told by the session when it happens
        if on is None:
            self._tell(handle, told, look)

    def look(self, which: str | int, on: On | None = None) -> None:
        """Take a look by its name, or by its number from 1."""
        known = self._looks()
        if isinstance(which, int):
            if not 1 <= which <= len(known):
                raise ConfigError(f"there is no look {which}: they are 1 to {len(known)}.")
            which = list(known)[which - 1]
        values = known[which] if which in known else look_settings(which, self._registry.config)
        self.set(values, on, which)

    def step_look(self, by: int, on: On | None = None) -> None:
        """The look after the one in force (1), or before it (-1)."""
        values, known = self.values(), self._looks()
        now = next(
            (n for n, look in enumerate(known.values()) if values.items() >= look.items()),
            # none is in force as a whole: begin with the first, or the last
            -1 if by > 0 else 0,
        )
        self.look((now + by) % len(known) + 1, on)

    def _looks(self) -> dict[str, dict[str, JsonValue]]:
        """Those of the set that is played, in the order of its pads; else those that ship."""
        told = self.handle.told
        if told is not None and (names := told.deck or tuple(told.looks)):
            return {name: told.look(name) for name in names}
        if self._shipped is None:
            start = self._registry.config
            self._shipped = {look.name: look_settings(look.name, start) for look in looks()}
        return self._shipped

    def beat(self, action: BeatAction, at: float, seconds: float = 0.0) -> None:
        """A tap or another correction of the beat, at monotonic ``at``."""
        self.handle.session.beat(action, at, seconds)

    def follow(self, beat: OuterBeat) -> None:
        """Another program counts beats."""
        self.handle.session.follow(beat)

    def scene(self, on: On | None = None) -> None:
        """Go to a new place."""
        self.handle.session.scene(on)

    def controllers(self, values: Mapping[str, float]) -> None:
        """Knobs that routes listen to, 0..1 by name."""
        self.handle.session.controllers(values)

    def keep(self, on: bool) -> None:
        """Keep all of the show from now on for its score, or its last ten minutes again."""
        self.handle.session.keep(on)

    def _tell(
        self, handle: SessionHandle, values: Mapping[str, JsonValue], look: str | None
    ) -> None:
        """The page, soon: a flood of changes must cost little."""
        known = self._changed
        before = known[1] if known is not None and known[0] is handle else {}
        self._changed = handle, {**before, **values}
        self._look = look or self._look
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell_page)

    def _tell_page(self) -> None:
        """What was changed beside it since it was told last."""
        self._soon = None
        if self._changed is not None and (performer := self._changed[0].performer) is not None:
            self._times += 1
            reply = ConfigReply(values=self._changed[1], look=self._look, by="controller")
            performer.mailbox.put(f"hands {self._times % CHANGES_KEPT}", reply)
        self._changed = self._look = None
