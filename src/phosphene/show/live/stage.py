"""Second thread: one cue and one model call for every frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from phosphene.config import PipelineConfig
from phosphene.diffusion.chunk_stream import ChunkStream, open_stream
from phosphene.prompt.book import PromptBook
from phosphene.show.live.crew import Crew
from phosphene.show.live.cues import LiveCues
from phosphene.show.live.desk import Desk, Drawn, Input, Stamp
from phosphene.show.live.ears import Ears
from phosphene.show.live.heard import Heard
from phosphene.show.live.levels import Levels
from phosphene.show.live.recorder import Recorder, turned
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


class Stage:
    """Draws a frame whenever one is due, its input is there and somebody takes it."""

    def __init__(
        self,
        desk: Desk,
        ears: Ears,
        book: PromptBook,
        crew: Crew | None = None,
        recorder: Recorder | None = None,
        happen: Callable[[Heard, float], None] | None = None,
    ) -> None:
        self._desk = desk
        self._ears = ears
        self._book = book
        self._recorder = recorder
        self._happen = happen
        self._config = desk.config
        self._pace = Pace()
        self._cues = LiveCues(desk.view, desk.config, book, desk.say)
        wrap = (lambda model: model) if crew is None else crew.seat
        self._stream = open_stream(desk.view, desk.config.stream, live=True, wrap=wrap)
        self.levels = Levels(desk, self._stream)
        self._negative: str | None = None
        self._stamps = Stamps[Stamp](self._stream)
        self._scenes = 0
        # when the last frame began, until it is known how soon the next one could have begun
        self._began: float | None = None

    def scene(self) -> None:
        """Go to a new place with the next frame."""
        with self._desk.wake:
            self._scenes += 1

    def turn(self, values: Mapping[str, float]) -> None:
        """Knobs were turned, 0..1 by name."""
        with self._desk.wake:
            # replaced, for it is being read
            self._cues.controllers = turned(self._cues.controllers, values)

    def run(self) -> None:
        """Work until the session is closed."""
        desk, pause = self._desk, FIRST_RETRY
        while self._wait():
            try:
                self._frame()
            except Exception as error:
                desk.complain("model", error, "the model failed, the last good picture holds")
                self._rest(pause)
                pause = min(LAST_RETRY, 2 * pause)
            else:
                desk.fine("model")
                pause = FIRST_RETRY
        if isinstance(self._stream, ChunkStream):
            self._stream.close()

    def _wait(self) -> bool:
        """Until a frame may be drawn; False when the session is closed."""
        desk = self._desk
        with desk.wake:
            while not desk.closed:
                if desk.latents.full:
                    desk.wake.wait()
                    continue
                if self._began is not None:
                    self.levels.took((time.monotonic() - self._began) * 1e3)
                    self._began = None
                delay = self._pace.wait(time.monotonic(), self._rate, desk.see)
                if desk.held or (desk.see and not len(desk.inputs)):
                    desk.wake.wait()
                elif delay > 0:
                    desk.wake.wait(delay)
                else:
                    return True
        return False

    @property
    def _rate(self) -> float:
        """Pictures to draw in a second."""
        rate = self._desk.config.live.fps / self.levels.level.cadence
        if isinstance(self._stream, ChunkStream) and self._stream.seconds:
            # no faster than they are made: an even rate instead of a few at once
            return min(rate, 1.0 / self._stream.seconds)
        return rate

    def _rest(self, seconds: float) -> None:
        desk = self._desk
        self._began = None
        with desk.wake:
            desk.wake.wait_for(lambda: desk.closed, seconds)

    def _frame(self) -> None:
        desk = self._desk
        now = self._began = time.monotonic()
        self._pace.begun(now, self._rate)
        self._adopt()
        picture = desk.inputs.take() if desk.see else None
        if picture is not None:
            desk.credits.left()
        tempo, beats = self._ears.pulse(now)
        heard = self._ears.hear(now, self._config.live.latency_offset_ms / 1e3)
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
        desk.meters.step.add((time.monotonic() - now) * 1e3)
        desk.latents.put(drawn)

    def _draw(self, heard: Heard, picture: Input | None, now: float) -> Drawn | None:
        """The next finished latent; None while no prompt is there yet."""
        if picture is None:
            cue, stamp = self._cues.cue(heard, now), Stamp(heard, heard.captured)
        else:
            picture = self._fitting(picture)
            cue = self._cues.cue(heard, now, picture.latent, picture.control)
            stamp = Stamp(heard, picture.captured, picture.image)
        if cue is None:
            return None
        self._desk.goal = self._cues.goal
        key, stamp = self._stamps.play(cue, stamp)
        routes = tuple(each.held for each in self._cues.state.routes)
        return Drawn(key, stamp, self._stamps.way, routes)

    def _fitting(self, picture: Input) -> Input:
        """A picture at the size that is drawn, which may have changed since it was encoded."""
        _, _, height, width = self._stream.get_latent_shape()
        size, control = self._desk.size, picture.control
        return replace(
            picture,
            latent=resize(picture.latent, height, width),
            control=None if control is None else resize(control, size[1], size[0]),
        )

    def _await_prompt(self) -> None:
        """Nothing can be drawn before the first prompt is encoded; look again when it may be."""
        self._began = None
        with self._desk.wake:
            self._desk.wake.wait(FIRST_RETRY)

    def _adopt(self) -> None:
        """Take over what was changed since the last frame."""
        old, config = self._config, self._desk.config
        while self._scenes:
            self._scenes -= 1
            self._cues.scene()
        if config is not old:
            self._config = config
            self._cues.config = config
            if config.audio is not old.audio:
                self._ears.configure(config.audio)
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
