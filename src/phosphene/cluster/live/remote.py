"""A session that somebody else plays, for a server that need not know."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from phosphene.audio.types import FloatArray
from phosphene.cluster.live import messages
from phosphene.cluster.live.messages import Credit, Letter, News
from phosphene.cluster.live.replica_pool import Gone, Placement, ReplicaPool
from phosphene.config import PipelineConfig
from phosphene.errors import InputError
from phosphene.show.changes import values_at, with_values
from phosphene.show.director import DirectorState
from phosphene.show.live import BeatAction, OuterBeat, SessionStats, Shown, Source, Wanted
from phosphene.show.live.dream import TEMPO
from phosphene.show.live.playing import Recorded
from phosphene.show.live.recorder import Recorder
from phosphene.show.live.song import SongClock
from phosphene.show.live.types import Frame, Id, Level, On
from phosphene.show.score import Pulse
from phosphene.show.sets import Laid, Pilot

MOST_WAITING = 500
"""calls on their way to a player that does not answer; older ones are dropped"""
MOVED = "the machine that drew this session is gone: another one goes on."
LASTING = (messages.Use, messages.Clock, messages.Hold, messages.Lay, messages.Want)
"""calls of which a new player must hear the last one"""


class RemoteSession(Recorded):
    """Does what :class:`~phosphene.show.live.Session` does, on whichever player it has.

    When the player dies it moves to another one, with its settings and sources as they are. Two threads:
    one brings what is said there, one fetches pictures, the newest only.
    """

    def __init__(self, replicas: ReplicaPool, config: PipelineConfig) -> None:
        self.id = secrets.token_urlsafe(9)
        self._replicas = replicas
        self._config = config.model_copy(deep=True)
        self._bell = threading.Condition()
        self._calls: list[Letter] = []
        self._lasting: dict[type[Letter], Letter] = {}
        self._closed = False
        self._listeners: list[Callable[[Shown], None]] = []
        self._on_credit: Callable[[int], None] = lambda _: None
        self._on_error: Callable[[str], None] = lambda _: None
        self._listener = 0
        self._before = self._sequence = 0
        self._stats = _nothing_yet(config)
        # written here, where it survives a player; the director's state is with the player
        super().__init__(Recorder(lambda text: self._on_error(text)))
        self._seating: Placement = replicas.handle(self.id, self._config)
        self._threads = [
            threading.Thread(target=run, name=f"phosphene-{name}-{self.id}", daemon=True)
            for name, run in (("tell", self._tell), ("look", self._look))
        ]

    def start(self) -> None:
        """Begin to fetch pictures."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the show and wait for the threads; closing twice is no error."""
        with self._bell:
            self._closed = True
            self._bell.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.ident is not None:
                thread.join()
        self._recorder.close()
        self._replicas.leave(self._seating)

    @property
    def config(self) -> PipelineConfig:
        """A copy of the settings in force."""
        return self._config.model_copy(deep=True)

    def set(
        self, values: Mapping[str, JsonValue], on: On | None = None, id: Id = None
    ) -> dict[str, JsonValue]:
        """See :meth:`Session.set`."""
        with self._bell:
            changed = with_values(self._config, values, self._replicas.facts)
            if on is None:
                self._config = changed
            told = values_at(self._config, values)
            self._put(messages.Set(dict(values), on, id))
        if on is None:
            self._recorder.set(time.monotonic(), values)
        return told

    def lay(self, cues: Mapping[str, Sequence[Laid]], pilot: Pilot | None) -> None:
        """See :meth:`Session.lay`."""
        self._say(messages.Lay(dict(cues), pilot))

    def use(self, source: Source) -> None:
        """See :meth:`Session.use`."""
        if source.hear == "song" and source.features is None:
            raise InputError("a song must be heard before a session can react to it.")
        self._say(messages.Use(source))
        self._recorder.use(time.monotonic(), source)

    def picture(self, data: bytes | Frame, captured: float) -> None:
        """See :meth:`Session.picture`."""
        self._say(messages.Picture(data, captured))
        self._recorder.picture(data, captured)

    def sound(self, samples: FloatArray, rate: int, captured: float) -> None:
        """See :meth:`Session.sound`."""
        self._say(messages.Sound(samples, rate, captured))
        self._recorder.sound(samples, rate, captured)

    def clock(self, position: float, playing: bool, rate: float, lead: float, at: float) -> None:
        """See :meth:`Session.clock`."""
        self._say(messages.Clock(position, playing, rate, lead, at))
        self._recorder.clock(time.monotonic(), SongClock(position, playing, rate, lead, at))

    def beat(self, action: BeatAction, at: float, seconds: float = 0.0) -> None:
        """See :meth:`Session.beat`."""
        self._say(messages.Beat(action, at, seconds))
        self._recorder.beat(time.monotonic(), action, at, seconds)

    def follow(self, beat: OuterBeat) -> None:
        """See :meth:`Session.follow`."""
        self._say(messages.Follow(beat))
        now = time.monotonic()
        self._recorder.follow(now, beat.told(now))

    def scene(self, on: On | None = None) -> None:
        """See :meth:`Session.scene`."""
        self._say(messages.Scene(on))
        if on is None:
            self._recorder.scene(time.monotonic())

    def controllers(self, values: Mapping[str, float]) -> None:
        """See :meth:`Session.controllers`."""
        self._say(messages.Controllers(dict(values)))
        self._recorder.controllers(time.monotonic(), values)

    def hold(self, held: bool) -> None:
        """See :meth:`Session.hold`."""
        self._say(messages.Hold(held))

    def want(self, wanted: Wanted) -> None:
        """See :meth:`Session.want`."""
        self._say(messages.Want(wanted))

    def seen(self, age_ms: float) -> None:
        """See :meth:`Session.seen`."""
        self._say(messages.Seen(age_ms))

    def subscribe(self, listener: Callable[[Shown], None]) -> Callable[[], None]:
        """See :meth:`Session.subscribe`."""
        self._listeners = [*self._listeners, listener]

        def end() -> None:
            self._listeners = [other for other in self._listeners if other is not listener]

        return end

    def on_credit(self, listener: Callable[[int], None]) -> None:
        """See :meth:`Session.on_credit`."""
        with self._bell:
            self._on_credit = listener
            self._listener += 1
            self._put(Credit(self._listener))

    def on_error(self, listener: Callable[[str], None]) -> None:
        """See :meth:`Session.on_error`."""
        self._on_error = listener

    def stats(self) -> SessionStats:
        """How it is going, as last heard."""
        return self._stats

    def _say(self, letter: Letter) -> None:
        with self._bell:
            if isinstance(letter, LASTING):
                self._lasting[type(letter)] = letter
            self._put(letter)

    def _put(self, letter: Letter) -> None:
        self._calls.append(letter)
        del self._calls[:-MOST_WAITING]
        self._bell.notify_all()

    def _tell(self) -> None:
        while True:
            with self._bell:
                self._bell.wait_for(lambda: self._calls or self._closed)
                if self._closed:
                    return
                calls, self._calls = self._calls, []
                seating = self._seating
            try:
                self._replicas.tell(seating, calls)
            except Gone:
                # the other thread finds out as well, and moves
                self._wait_for_another(seating)

    def _wait_for_another(self, seating: Placement) -> None:
        with self._bell:
            self._bell.wait_for(lambda: self._seating is not seating or self._closed)

    def _look(self) -> None:
        while not self._closed:
            try:
                news = self._replicas.look(self._seating)
            except Gone:
                self._move()
            else:
                self._heard(news)

    def _heard(self, news: News) -> None:
        self._stats = news.stats
        if news.credits and news.listener == self._listener:
            self._on_credit(news.credits)
        for text in news.errors:
            self._on_error(text)
        for changed in news.changes:
            with self._bell:
                self._config = with_values(self._config, changed.values)
            self._recorder.set(time.monotonic(), changed.values)
            self._announce(changed)
        if news.shown is not None:
            pulse = Pulse(tempo=news.shown.tempo or TEMPO, beats=news.shown.moment.beat_position)
            self._recorder.frame(time.monotonic(), DirectorState(), self._config, pulse)
            # pictures are counted on, whoever draws them
            self._sequence = self._before + news.shown.sequence
            captured = news.shown.captured - self._seating.ahead
            heard_at = news.shown.heard_at - self._seating.ahead
            shown = replace(
                news.shown, captured=captured, heard_at=heard_at, sequence=self._sequence
            )
            for listener in self._listeners:
                listener(shown)

    def _move(self) -> None:
        """To another player, or to the same once it is there again."""
        self._on_error(MOVED)
        seating = self._replicas.move(self._seating, self.config, lambda: self._closed)
        if seating is None:
            return
        with self._bell:
            # what was said to the one that is gone is void, but for what lasts
            self._listener += 1
            self._before = self._sequence + 1
            self._calls = [*self._lasting.values(), Credit(self._listener)]
            self._seating = seating
            self._bell.notify_all()


def _nothing_yet(config: PipelineConfig) -> SessionStats:
    inference = config.inference
    level = Level(config.stream.denoising_steps, 1, inference.width, inference.height)
    return SessionStats(0, 0, 0, 0, 0, level, False, "", 0, 0, 0, 0, 0)
