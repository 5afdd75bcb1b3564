"""One live show: settings and sources in, pictures out, on three threads of its own."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue

from phosphene import interrupts
from phosphene.audio.types import FloatArray
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BasePipeline
from phosphene.errors import ConfigError
from phosphene.prompt.book import PromptBook, encoder
from phosphene.show.changes import check_size, values_at, with_values
from phosphene.show.live.audio_input import AudioInput
from phosphene.show.live.dynamic_batcher import DynamicBatcher
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.finishing import Finishing
from phosphene.show.live.inference_loop import InferenceLoop
from phosphene.show.live.intake import Intake
from phosphene.show.live.outer import OuterBeat
from phosphene.show.live.playing import Recorded
from phosphene.show.live.recorder import Recorder
from phosphene.show.live.shared_state import Picture, SharedState
from phosphene.show.live.song import SongClock
from phosphene.show.live.sound import Chunk
from phosphene.show.live.timed import Timed, Waiting
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
from phosphene.show.render import SEE_STRENGTH
from phosphene.show.routes import check_routes
from phosphene.show.sets import Laid, Pilot

TRANSITION = 0.5
"""seconds from one prompt to the next: who writes a prompt wants to see it, and does at a half of it"""


def completed(base: BasePipeline, config: PipelineConfig) -> PipelineConfig:
    """A copy with what the model and live shows suggest wherever the user has set nothing."""
    config = config.model_copy(deep=True)
    base.suggest(config)
    config.stream.suggest(strength=SEE_STRENGTH)
    config.prompt.suggest(transition_seconds=TRANSITION)
    return config


class Session(Recorded):
    """A show that may be changed in everything while it runs.

    All methods are thread-safe and return at once; only :meth:`close` waits, for the frame that is
    being made. Sessions on one model share its networks and nothing else. Listeners are called on the
    session's threads and must be quick.

    Args:
        base: a loaded model.
        config: settings to begin with; a copy is kept, completed by what the model suggests.
        batcher: sessions on the same model to draw together with.

    Raises:
        ConfigError: a picture size the model cannot draw.
    """

    def __init__(
        self, base: BasePipeline, config: PipelineConfig, batcher: DynamicBatcher | None = None
    ) -> None:
        config = completed(base, config)
        check_size(config.inference, base.facts)
        check_routes(config)
        self.id = secrets.token_urlsafe(9)
        self._shared = shared = SharedState(base.view(config.inference.model_copy()), config)
        self._book = PromptBook(encoder(shared.view), shared.wake)
        self._audio_input = AudioInput(config.audio, time.monotonic())
        super().__init__(Recorder(shared.say))
        self._timed = Timed()
        self._song: str | None = None
        self._loop = InferenceLoop(
            shared, self._audio_input, self._book, batcher, self._recorder, self._happen
        )
        self._finishing = Finishing(shared)
        loops = (
            ("intake", Intake(shared, self._book).run),
            ("inference", self._loop.run),
            ("finishing", self._finishing.run),
        )
        self._threads = [
            threading.Thread(target=run, name=f"phosphene-{name}-{self.id}", daemon=True)
            for name, run in loops
        ]

    def start(self) -> None:
        """Begin to make pictures."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the show and wait for its threads; closing twice is no error."""
        shared = self._shared
        with shared.wake:
            shared.closed = True
            shared.wake.notify_all()
        with interrupts.held():
            for thread in self._threads:
                # a listener may close its own session
                if thread is not threading.current_thread() and thread.ident is not None:
                    thread.join()
        self._recorder.close()
        for box in (shared.pictures, shared.inputs, shared.latents):
            box.clear()

    @property
    def config(self) -> PipelineConfig:
        """A copy of the settings in force."""
        return self._shared.config.model_copy(deep=True)

    def set(
        self, values: Mapping[str, JsonValue], on: On | None = None, id: Id = None
    ) -> dict[str, JsonValue]:
        """Change settings by dotted path from the next frame on; returns what is in force there.

        With ``on`` it is done when the next beat, bar or section begins, and told with ``id`` to
        :meth:`on_change`. All of them or none. Raises :class:`~phosphene.errors.ConfigError` in one sentence.
        """
        shared = self._shared
        with shared.wake:
            changed = with_values(shared.config, values, shared.view.facts)
            if on is None:
                gone = self._timed.forget(values)
                shared.config = changed
                self._recorder.set(time.monotonic(), values)
            else:
                gone = self._timed.wait(Waiting(on, dict(values), id=id))
            told = values_at(shared.config, values)
            others = [Changed(values_at(shared.config, each.values), each.id) for each in gone]
        for each in others:
            self._announce(each)
        return told

    def lay(self, cues: Mapping[str, Sequence[Laid]], pilot: Pilot | None) -> None:
        """Play a set: at its cues, by the hash of the song that plays, and with its autopilot."""
        with self._shared.wake:
            self._timed.lay(cues, pilot)

    def _happen(self, heard: FeatureFrame, now: float) -> None:
        """Do what is due at this frame."""
        shared = self._shared
        with shared.wake:
            due = self._timed.due(heard, self._song, now, shared.config)
            if not due:
                return
            try:
                shared.config = with_values(shared.config, due.values, shared.view.facts)
            except ConfigError as error:
                shared.say(f"a cue could not be taken: {error}")
                return
            if due.values:
                self._recorder.set(now, due.values)
            told = values_at(shared.config, due.values)
        for _ in range(due.scenes):
            self._loop.scene()
            self._recorder.scene(now)
        for id in due.ids or (None,):
            self._announce(Changed(told, id, due.look, due.position))

    def use(self, source: Source) -> None:
        """React to something else from the next frame on; the picture goes on.

        Raises :class:`~phosphene.errors.InputError` for a song without features.
        """
        shared = self._shared
        with shared.wake:
            self._audio_input.use(source)
            self._recorder.use(time.monotonic(), source)
            self._song = source.song if source.hear == "song" else None
            shared.see = source.see
            shared.wake.notify_all()
        if not source.see:
            shared.drop(shared.pictures.clear() + shared.inputs.clear())
        shared.credits.open(source.see)

    def picture(self, data: bytes | Frame, captured: float) -> None:
        """An input picture, compressed or uint8 RGB, taken at monotonic ``captured``; the newest wins."""
        shared = self._shared
        shared.credits.came()
        self._recorder.picture(data, captured)
        if shared.see and not shared.closed:
            shared.drop(shared.pictures.put(Picture(data, captured)))
        else:
            shared.drop(1)

    def seen(self, age_ms: float) -> None:
        """The viewer's picture answers to an input of this age, milliseconds, the network left out."""
        self._shared.seen_age = age_ms

    def sound(self, samples: FloatArray, rate: int, captured: float) -> None:
        """Mono float32 sound (n,); ``captured`` is the monotonic time of its last sample."""
        self._audio_input.sound(Chunk(samples, rate, captured))
        self._recorder.sound(samples, rate, captured)

    def clock(self, position: float, playing: bool, rate: float, lead: float, at: float) -> None:
        """At monotonic time ``at`` the song was at ``position``; show ``lead`` seconds ahead."""
        clock = SongClock(position, playing, rate, lead, at)
        self._audio_input.clock(clock)
        self._recorder.clock(time.monotonic(), clock)

    def beat(self, action: BeatAction, at: float, seconds: float = 0.0) -> None:
        """The performer corrects the beat at monotonic time ``at``; ``seconds`` is for nudges."""
        self._audio_input.beat(action, at, seconds)
        self._recorder.beat(time.monotonic(), action, at, seconds)

    def follow(self, beat: OuterBeat) -> None:
        """Another program counts beats: they lead before what is heard, and after a hand."""
        now = time.monotonic()
        told = beat.told(now)
        # what is written is what is followed, so that the show can be drawn again
        self._audio_input.follow(replace(beat, beats=told.beats, at=now))
        self._recorder.follow(now, told)

    def scene(self, on: On | None = None) -> None:
        """Go to a new place now, or when the next beat, bar or section begins."""
        if on is not None:
            with self._shared.wake:
                self._timed.wait(Waiting(on, {}, scene=True))
            return
        self._loop.scene()
        self._recorder.scene(time.monotonic())

    def controllers(self, values: Mapping[str, float]) -> None:
        """Knobs that routes listen to, 0..1 by name."""
        self._loop.turn(values)
        self._recorder.controllers(time.monotonic(), values)

    def hold(self, held: bool) -> None:
        """Stop making pictures, or go on; what is held costs nothing."""
        with self._shared.wake:
            self._shared.held = held
            self._shared.wake.notify_all()

    def want(self, wanted: Wanted) -> None:
        """In which shapes pictures are asked for from the next one on; images, while nothing is said."""
        self._finishing.wanted = wanted

    def subscribe(self, listener: Callable[[Shown], None]) -> Callable[[], None]:
        """Call ``listener`` with every finished picture; the function returned ends that."""
        return self._finishing.subscribe(listener)

    def on_credit(self, listener: Callable[[int], None]) -> None:
        """Tell ``listener`` how many more input pictures may be sent; replaces an earlier one."""
        self._shared.credits.listen(listener)

    def on_error(self, listener: Callable[[str], None]) -> None:
        """Tell ``listener`` in a sentence what goes wrong; the last good picture holds meanwhile."""
        self._shared.on_error(listener)

    def stats(self) -> SessionStats:
        """How it is going."""
        shared, meters = self._shared, self._shared.meters
        levels = self._loop.levels
        return SessionStats(
            fps=meters.fps.per_second(time.monotonic()),
            intake_ms=meters.intake.value,
            step_ms=meters.step.value,
            finish_ms=meters.finish.value,
            age_ms=meters.age.value,
            level=levels.level,
            lowered=levels.lowered,
            reason=levels.reason,
            pictures_waiting=len(shared.pictures),
            inputs_waiting=len(shared.inputs),
            latents_waiting=len(shared.latents),
            frames=meters.frames,
            dropped=meters.dropped,
        )
