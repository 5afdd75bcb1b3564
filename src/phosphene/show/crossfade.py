"""From one look, prompt, place or source to another: the old one plays on beside the new one.

Two finished streams, each with its own settings, director and memory, are drawn by one model in turns, and
what is seen goes from one to the other; see ``prompt.transition``. A change in the middle of a change begins
with what is seen then, held and moved on with the camera.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from phosphene.audio.moment import FrameFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BasePipeline
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.stream import Key, StreamDiffusionPipeline
from phosphene.palettes import mix
from phosphene.prompt.fade import Fade, Script
from phosphene.show import director
from phosphene.show.cue import Cue
from phosphene.show.director import DirectorState, Guide, Inputs, Moment, advance, step
from phosphene.show.display import Frame, mixed, reached_places
from phosphene.stream.arrays import Home, to_numpy
from phosphene.stream.camera import CameraMove, warp
from phosphene.stream.resize import resize
from phosphene.stream.state import StreamState, dump, restore

SLOWEST = 0.5
"""beats a second that a transition counts at least: music that falls silent must not hold it up"""
LONGEST_WAIT = 3.0
"""seconds for which a new look waits for its prompt to be encoded; then its other settings count"""
GLIDES = (
    "this model draws several pictures a call, each hanging on those before: looks glide into each"
    " other, a crossfade would need a second stream of it."
)


@dataclass
class Left:
    """A look that is being left, from frame to frame."""

    config: PipelineConfig
    state: DirectorState
    sees: bool
    passed: float = 0.0
    """seconds or beats of the transition"""
    stream: StreamState | None = None
    """None before its first frame beside the new one: then it is the stream's own"""
    still: Key | None = None
    """in place of a stream: what was seen when another change came"""
    shown: Key | None = None
    """what was seen last"""


@dataclass
class Crossfade:
    """What a director's steps go through where looks may overlap."""

    left: Left | None = None
    complain: Callable[[str], None] = say_once
    """is told once what cannot be faded"""
    _said: bool = False
    _before: PipelineConfig | None = None
    """of the look that is drawn, all of which is there"""
    _saw: bool = False
    _waits: float = 0.0
    _fresh: bool = False
    """the new look begins with the next frame that is drawn"""

    @property
    def shown(self) -> Key | None:
        """What was seen last, in the middle of a change."""
        return None if self.left is None else self.left.shown

    def step(
        self,
        state: DirectorState,
        heard: FrameFeatures,
        dt: float,
        inputs: Inputs,
        config: PipelineConfig,
    ) -> tuple[DirectorState, Cue]:
        """As :func:`phosphene.show.director.step`; the cue knows of the look that is left."""
        state, config = self._begin(state, heard, dt, inputs, config)
        before, (state, cue) = state, step(state, heard, dt, inputs, config)
        if self._fresh:
            self._fresh, cue = False, replace(cue, cut=True)
        left = self.left
        if left is not None:
            left.state, old = step(left.state, heard, dt, self._inputs(inputs), left.config)
            cue = replace(cue, left=old, leaving=left, share=self._pass(before, state, dt, config))
        return state, cue

    def pass_over(
        self,
        state: DirectorState,
        heard: FrameFeatures,
        dt: float,
        inputs: Inputs,
        config: PipelineConfig,
    ) -> tuple[DirectorState, Moment]:
        """As :func:`phosphene.show.director.advance`, where nothing is drawn."""
        state, config = self._begin(state, heard, dt, inputs, config)
        before, (state, moment) = state, advance(state, heard, dt, inputs, config)
        if self.left is not None:
            left = self.left
            left.state, _ = advance(left.state, heard, dt, self._inputs(inputs), left.config)
            self._pass(before, state, dt, config)
        return state, moment

    def _begin(
        self,
        state: DirectorState,
        heard: FrameFeatures,
        dt: float,
        inputs: Inputs,
        config: PipelineConfig,
    ) -> tuple[DirectorState, PipelineConfig]:
        """What the new look begins with, if this is where one begins; else what goes on."""
        told = config.prompt
        sees = inputs.source is not None
        saw, self._saw = self._saw, sees
        chunks = inputs.model.facts.chunk is not None
        if chunks and told.transition == "crossfade" and not self._said:
            self._said = True
            self.complain(GLIDES)
        glides = told.transition == "glide" or chunks
        if glides or told.transition_seconds <= 0 or state.frame == 0:
            self._before, self.left = config, None
            return state, config
        before = self._before or config
        after, _ = advance(state, heard, dt, inputs, config)
        wanted = after.mood.worded(after.script.text, config, inputs.model.facts)
        waits = (wanted,) != after.prompt.goal
        self._waits = self._waits + dt if waits else 0.0
        if waits and self._waits < LONGEST_WAIT:
            # a look comes as a whole or not at all
            return state, before
        self._before = config
        another = after.prompt.goal != state.prompt.goal
        if not (another or after.walk.scene != state.walk.scene or sees != saw):
            return state, config
        text = state.prompt.goal[0]
        own = before.prompt.model_copy(update={"base_prompt": text, "timeline": []})
        leaving = before.model_copy(update={"prompt": own})
        quiet = replace(state, script=Script(text, text))
        self.left = Left(leaving, quiet, saw, still=self.shown)
        self._fresh = True
        return replace(state, prompt=Fade(), guide=Guide()), config

    def _inputs(self, inputs: Inputs) -> Inputs:
        """What the look that is left is told."""
        sees = self.left is not None and self.left.sees
        return replace(inputs, scenes=0, position=None, source=inputs.source if sees else None)

    def _pass(
        self, before: DirectorState, after: DirectorState, dt: float, config: PipelineConfig
    ) -> float:
        """How far the change is, 0..1; at 1 the old look is gone."""
        left, told = self.left, config.prompt
        assert left is not None
        beats = max(SLOWEST * dt, after.walk.beats - before.walk.beats)
        left.passed += dt if told.transition_unit == "seconds" else beats
        share = min(1.0, left.passed / told.transition_seconds)
        if share >= 1.0:
            self.left = None
        return share

    def dump(self) -> bytes:
        """All that decides what comes next; nothing where looks glide."""
        left, before = self.left, self._before
        if left is None and (before is None or before.prompt.transition == "glide"):
            return b""
        told: dict[str, Any] = {
            "before": None if before is None else before.model_dump(mode="json"),
            "saw": self._saw,
            "waits": self._waits,
            "fresh": self._fresh,
        }
        arrays: dict[str, Any] = {}
        if left is not None:
            told["left"] = {
                "config": left.config.model_dump(mode="json"),
                "state": director.dump(left.state).decode(),
                "sees": left.sees,
                "passed": left.passed,
            }
            if left.stream is not None:
                arrays["stream"] = np.frombuffer(dump(left.stream), np.uint8)
            for name, key in (("still", left.still), ("shown", left.shown)):
                told["left"][name] = _pack_key(name, key, arrays)
        data = io.BytesIO()
        np.savez(data, told=np.array(json.dumps(told)), **arrays)
        return data.getvalue()

    def restore(self, data: bytes, base: BasePipeline) -> None:
        """Go on where :meth:`dump` was called."""
        if not data:
            self.left = self._before = None
            return
        home = Home.of(base.asarray(np.zeros(1, np.float32)))
        with np.load(io.BytesIO(data)) as arrays:
            told = json.loads(str(arrays["told"]))
            before, left = told["before"], told.get("left")
            self._before = None if before is None else PipelineConfig.model_validate(before)
            self._saw, self._waits, self._fresh = told["saw"], told["waits"], told["fresh"]
            self.left = None
            if left is None:
                return
            stream = arrays["stream"].tobytes() if "stream" in arrays else None
            self.left = Left(
                PipelineConfig.model_validate(left["config"]),
                director.restore(left["state"].encode()),
                left["sees"],
                left["passed"],
                None if stream is None else restore(stream, home.float32),
                _unpack_key("still", left["still"], arrays, home),
                _unpack_key("shown", left["shown"], arrays, home),
            )


def play_both(
    stream: StreamDiffusionPipeline, cue: Cue, play: Callable[[StreamDiffusionPipeline, Cue], Key]
) -> Key:
    """The new look's frame and the old one's, as one picture."""
    left = cue.leaving
    assert left is not None and cue.left is not None
    own = stream.state
    if left.still is not None:
        if left.still.palette is not None:
            left.still = refined(stream.base, left.still)
        old = left.still = _carried(left.still, cue.camera, stream.get_latent_shape())
    else:
        stream.state = own if left.stream is None else left.stream
        # both count the same frames
        stream.state = replace(stream.state, frame=max(stream.state.frame, own.frame))
        old = play(stream, cue.left)
        left.stream, stream.state = stream.state, own
    new = play(stream, cue)
    left.shown = both(old, new, cue.share)
    return left.shown


def both(old: Key, new: Key, share: float) -> Key:
    """A ``share`` 0..1 of the way from one to another; they are mixed when they are decoded."""
    return replace(new, fading=(old, share)) if share < 1 else new


def refined(base: BasePipeline, key: Key) -> Key:
    """A key of a model that draws fields as one field, as fine as it can be."""
    fine = Key(base.refine(key.latent, key.guide), key.palette)
    if key.fading is None:
        return fine
    old, share = key.fading
    return fields_between(refined(base, old), fine, share)


def fields_between(old: Key, new: Key, share: float) -> Key:
    """A field on the way from one to another, and its colours.

    It goes over place by place: a mean of two places in a palette would be a third colour.
    """
    height, width = new.latent.shape[-2:]
    home = Home.of(new.latent)
    field = resize(old.latent, height, width)
    reached = home.float32(reached_places(height, width, share)[None, None])
    palette = old.palette
    if palette is not None and new.palette is not None:
        colours = np.concatenate([to_numpy(palette), to_numpy(new.palette)])
        palette = Home.of(palette).float32(mix(colours, (1 - share, share))[None])
    return Key(field + reached * (new.latent - field), palette)


def decoded(base: BasePipeline, key: Key) -> Frame:
    """A key as a picture (h, w, 3)."""
    if key.palette is not None:
        field = refined(base, key)
        painted: Frame = base.paint(field.latent, field.palette)[0]
        return painted
    picture: Frame = base.decode(key.latent)[0]
    if key.fading is None:
        return picture
    old, share = key.fading
    before = decoded(base, old)
    # a key from before the controller changed sizes goes with the next one
    return mixed(before, picture, share) if before.shape == picture.shape else picture


def _carried(key: Key, camera: CameraMove, shape: tuple[int, ...]) -> Key:
    """What was seen, moved on with the camera; a field may be finer than a latent."""
    size = shape[-2:] if key.palette is None else key.latent.shape[-2:]
    latent = warp(resize(key.latent, *size), camera)
    if key.fading is None:
        return replace(key, latent=latent)
    old, share = key.fading
    carried = _carried(replace(old, fading=None), camera, shape)
    return replace(key, latent=latent, fading=(carried, share))


def _pack_key(name: str, key: Key | None, arrays: dict[str, Any]) -> list[float] | None:
    """The arrays of a key and of those that it fades over from, and how far each has come."""
    if key is None:
        return None
    shares: list[float] = []
    while True:
        arrays[f"{name}.{len(shares)}"] = to_numpy(key.latent)
        if key.palette is not None:
            arrays[f"{name}.{len(shares)}.palette"] = to_numpy(key.palette)
        if key.guide is not None:
            arrays[f"{name}.{len(shares)}.guide"] = to_numpy(key.guide)
        if key.fading is None:
            return [*shares, 1.0]
        key, share = key.fading
        shares.append(share)


def _unpack_key(
    name: str, shares: list[float] | None, arrays: Mapping[str, Any], home: Home
) -> Key | None:
    """The key that was packed."""
    key: Key | None = None
    for number, share in reversed(list(enumerate(shares or ()))):
        told = (arrays.get(f"{name}.{number}{part}") for part in ("", ".palette", ".guide"))
        latent, palette, guide = (None if each is None else home.float32(each) for each in told)
        key = Key(latent, palette, guide, None if key is None else (key, share))
    return key
