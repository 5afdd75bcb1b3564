"""Second thread: one cue and one model call for every frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from phosphene.config import PipelineConfig
from phosphene.diffusion.chunk_stream import ChunkStream, open_stream
from phosphene.prompt.book import PromptBook
from phosphene.show.live.audio_input import AudioInput
from phosphene.show.live.cues import LiveCues
from phosphene.show.live.dynamic_batcher import DynamicBatcher
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.levels import Levels
from phosphene.show.live.recorder import Recorder, turned
from phosphene.show.live.shared_state import Drawn, Input, SharedState, Stamp
from phosphene.show.score import Pulse
from phosphene.show.stamps import Stamps
from phosphene.stream.resize import resize

FIRST_RETRY = 0.5
"""seconds until the model is asked again after it failed; doubles with every failure"""
LAST_RETRY = 10.0


class Pace:
    """An absolute clock: small delays are caught up, so that the rate does not drift.

    Who is late by more than one frame goes on from now, as fast as possible, and catches up nothing.
    """

    def __init__(self) -> None:
        self.due = 0.0
        """monotonic seconds"""

    def wait(self, now: float, fps: float, driven: bool) -> float:
        """Seconds until the next frame may begin; 0 or less: now.

        A frame that is ``driven`` by an input that just came may begin up to one frame early: the rate
        stays the same, and the input does not grow old.
        """
        return self.due - now - (1.0 / fps if driven else 0.0)

    def begun(self, now: float, fps: float) -> None:
        """A frame begins ``now``."""
        period = 1.0 / fps
        self.due = max(self.due, now - period) + period


class InferenceLoop:
    """Draws a frame whenever one is due, its input is there and somebody takes it."""

    def __init__(
        self,
        shared: SharedState,
        audio_input: AudioInput,
        book: PromptBook,
        batcher: DynamicBatcher | None = None,
        recorder: Recorder | None = None,
        happen: Callable[[FeatureFrame, float], None] | None = None,
    ) -> None:
        self._shared = shared
        self._audio_input = audio_input
        self._book = book
        self._recorder = recorder
        self._happen = happen
        self._config = shared.config
        self._pace = Pace()
        self._cues = LiveCues(shared.view, shared.config, book, shared.say)
        wrap = (lambda model: model) if batcher is None else batcher.caller
        self._stream = open_stream(shared.view, shared.config.stream, live=True, wrap=wrap)
        self.levels = Levels(shared, self._stream)
        self._negative: str | None = None
        self._stamps = Stamps[Stamp](self._stream)
        self._scenes = 0
        # when the last frame began, until it is known how soon the next one could have begun
        self._began: float | None = None

    def scene(self) -> None:
        """Go to a new place with the next frame."""
        with self._shared.wake:
            self._scenes += 1

    def turn(self, values: Mapping[str, float]) -> None:
        """Knobs were turned, 0..1 by name."""
        with self._shared.wake:
            # replaced, for it is being read
            self._cues.controllers = turned(self._cues.controllers, values)

    def run(self) -> None:
        """Work until the session is closed."""
        shared, pause = self._shared, FIRST_RETRY
        while self._wait():
            try:
                self._frame()
            except Exception as error:
                shared.complain("model", error, "the model failed, the last good picture holds")
                self._rest(pause)
                pause = min(LAST_RETRY, 2 * pause)
            else:
                shared.fine("model")
                pause = FIRST_RETRY
        if isinstance(self._stream, ChunkStream):
            self._stream.close()

    def _wait(self) -> bool:
        """Until a frame may be drawn; False when the session is closed."""
        shared = self._shared
        with shared.wake:
            while not shared.closed:
                if shared.latents.full:
                    shared.wake.wait()
                    continue
                if self._began is not None:
                    self.levels.took((time.monotonic() - self._began) * 1e3)
                    self._began = None
                delay = self._pace.wait(time.monotonic(), self._rate, shared.see)
                if shared.held or (shared.see and not len(shared.inputs)):
                    shared.wake.wait()
                elif delay > 0:
                    shared.wake.wait(delay)
                else:
                    return True
        return False

    @property
    def _rate(self) -> float:
        """Pictures to draw in a second."""
        rate = self._shared.config.live.fps / self.levels.level.cadence
        if isinstance(self._stream, ChunkStream) and self._stream.seconds:
            # no faster than they are made: an even rate instead of a few at once
            return min(rate, 1.0 / self._stream.seconds)
        return rate

    def _rest(self, seconds: float) -> None:
        shared = self._shared
        self._began = None
        with shared.wake:
            shared.wake.wait_for(lambda: shared.closed, seconds)

    def _frame(self) -> None:
        shared = self._shared
        now = self._began = time.monotonic()
        self._pace.begun(now, self._rate)
        self._adopt()
        picture = shared.inputs.take() if shared.see else None
        if picture is not None:
            shared.credits.left()
        tempo, beats = self._audio_input.pulse(now)
        heard = self._audio_input.hear(now, self._config.live.latency_offset_ms / 1e3)
        if self._happen is not None:
            self._happen(heard, now)
            self._adopt()
        if self._recorder is not None:
            pulse = Pulse(tempo=tempo, beats=beats)
            self._recorder.frame(now, self._cues.state, self._config, pulse)
        drawn = self._draw(heard, picture, now)
        if drawn is None:
            self._await_prompt()
            return
        shared.meters.step.add((time.monotonic() - now) * 1e3)
        shared.latents.put(drawn)

    def _draw(self, heard: FeatureFrame, picture: Input | None, now: float) -> Drawn | None:
        """The next finished latent; None while no prompt is there yet."""
        if picture is None:
            cue, stamp = self._cues.cue(heard, now), Stamp(heard, heard.captured)
        else:
            picture = self._fitting(picture)
            cue = self._cues.cue(heard, now, picture.latent, picture.told)
            stamp = Stamp(heard, picture.captured, picture.image)
        if cue is None:
            return None
        self._shared.goal = self._cues.goal
        key, stamp = self._stamps.play(cue, stamp)
        routes = tuple(each.held for each in self._cues.state.routes)
        return Drawn(key, stamp, self._stamps.way, routes)

    def _fitting(self, picture: Input) -> Input:
        """A picture at the size that is drawn, which may have changed since it was encoded."""
        _, _, height, width = self._stream.get_latent_shape()
        size, told = self._shared.size, picture.told
        return replace(
            picture,
            latent=resize(picture.latent, height, width),
            told=told
            if told.control is None
            else replace(told, control=resize(told.control, size[1], size[0])),
        )

    def _await_prompt(self) -> None:
        """Nothing can be drawn before the first prompt is encoded; look again when it may be."""
        self._began = None
        with self._shared.wake:
            self._shared.wake.wait(FIRST_RETRY)

    def _adopt(self) -> None:
        """Take over what was changed since the last frame."""
        old, config = self._config, self._shared.config
        while self._scenes:
            self._scenes -= 1
            self._cues.scene()
        if config is not old:
            self._config = config
            self._cues.config = config
            if config.audio is not old.audio:
                self._audio_input.configure(config.audio)
            if drawn_otherwise(old, config):
                self.levels.adopt(config)
        wanted = config.prompt.negative_prompt
        if isinstance(self._stream, ChunkStream):
            # it heeds none, so none is encoded
            if wanted != self._negative:
                self._stream.set_negative_prompt(wanted)
            self._negative = wanted
            return
        embeds = self._book.get((wanted,)) if wanted != self._negative else None
        if embeds is not None:
            self._stream.set_negative_embeds(embeds.embeds)
            self._negative = wanted


def drawn_otherwise(old: PipelineConfig, new: PipelineConfig) -> bool:
    """Whether frames are to be drawn in another way, or at another price."""
    same = new.stream is old.stream and new.inference is old.inference
    return not same or (new.live.adapt, new.live.lower) != (old.live.adapt, old.live.lower)
