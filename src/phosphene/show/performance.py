"""The loop: features in, finished pictures out, one per frame and frame-accurate."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace

from phosphene.arrays import Array
from phosphene.audio import AudioFeatures
from phosphene.audio.moment import FrameFeatures
from phosphene.config import LiveConfig, PipelineConfig
from phosphene.diffusion.chunk_stream import AnyStream, ChunkStream
from phosphene.diffusion.stream import Key, StreamDiffusionPipeline
from phosphene.latent import LatentGenerator
from phosphene.profiling import get_profiler
from phosphene.prompt.book import REMEMBERED, PromptCache, encoder
from phosphene.prompt.fade import texts_of
from phosphene.show import director
from phosphene.show.cadence import key_frames, measure
from phosphene.show.crossfade import Crossfade, play_both
from phosphene.show.cue import Cue
from phosphene.show.director import Inputs
from phosphene.show.display import REST, Motion, composed, hardness, punch
from phosphene.show.finish import Tween, pack
from phosphene.show.mapping import Mapping, Mappings
from phosphene.show.routes import check_routes
from phosphene.show.sources.moments import Given, Picture, Source
from phosphene.show.sources.song import SongSource
from phosphene.show.sources.video import OverVideo
from phosphene.stream.camera import CameraMove

PRICE = ("denoising_steps", "frame_buffer_size", "t_index_list", "stream_batch")
"""settings of a stream that say what a frame costs; a live show lowers them while it lacks time"""


class Performance:
    """A source through the director and a stream.

    A stream of several steps shows each frame a little after it entered. :meth:`tweens` looks ahead by that
    much, so that the picture of frame ``i`` is the i-th to come out. ``state`` is where the director is.
    With a :attr:`cadence` above 1 most frames are shown between two keys; the director sees all of them.
    """

    def __init__(
        self,
        source: Source | AudioFeatures,
        config: PipelineConfig,
        stream: AnyStream,
        mapping: Mapping | None = None,
    ) -> None:
        self.source = SongSource(source) if isinstance(source, AudioFeatures) else source
        self.state = self.source.state
        self.cadence = 1
        """pictures shown for one that is drawn"""
        self.config = config
        """replaced as a whole, between any two frames"""
        self._stream = stream
        self._dt = 1.0 / self.source.fps
        self._negative = config.prompt.negative_prompt
        groups = texts_of(config.prompt)
        if isinstance(stream, ChunkStream):
            # the harmony's prompts, the last group, are not mixed in; what it draws over comes all the time
            groups, stream.over = groups[:-1], isinstance(self.source, OverVideo)
        prompts = PromptCache(encoder(stream.base), max(REMEMBERED, len(groups)))
        for texts in groups:
            # all up front: a prompt that cannot be drawn is said before the work
            prompts.get(texts)
        check_routes(config)
        noise = LatentGenerator(config.latent, seed=config.inference.seed)
        self._goal: Array | None = prompts.get(groups[0]).embeds
        self._inputs = Inputs(stream.base, noise, prompts, Mappings(config, own=mapping))
        # camera moves of the frames after the last key that came out
        self._moves: dict[int, CameraMove] = {}
        # (time, strength) of the last beat; how it pushes frames that are not shown yet
        self._beat = (0.0, 0.0)
        self._accents: dict[int, Motion] = {}
        # of a show that was performed: light, blackout and freeze of frames that are not shown yet
        self._live: dict[int, LiveConfig] = {}
        self._performed = False
        self._snapshot: bytes | None = None
        self._looks = Crossfade()

    @property
    def lead(self) -> int:
        """Frames that must have entered before one comes out, once the stream runs."""
        return self._stream.latency

    @property
    def unsure(self) -> int:
        """Frames at the end of which some may come from a stream that is being emptied."""
        return self.lead if self.cadence == 1 else (self.lead + 1) * self.cadence

    def step(self, cue: Cue) -> Key:
        """One frame in, the picture to show now out."""
        with get_profiler().profile("denoise"):
            return play(self._stream, cue)

    def cue(self, frame: int) -> Cue:
        """The cue of what is heard at ``frame``, a frame after the last one."""
        with get_profiler().profile("cue"):
            given, inputs = self._at(frame)
            if given.picture is not None:
                inputs = self._seen(inputs, given.picture)
            self.state, cue = self._looks.step(
                self.state, given.heard, self._dt, inputs, self.config
            )
            self._goal = cue.goal
            if cue.chunk is not None:
                self._accents[frame] = self._accent(given.heard, cue.time)
        return cue

    def _accent(self, heard: FrameFeatures, now: float) -> Motion:
        """How a beat pushes the picture of a model that does not hear it: all of it is the display's."""
        if heard.is_beat:
            strength = self.config.camera.beat_punch * hardness(heard.bass, heard.energy)
            self._beat = now, strength
        return punch(now - self._beat[0], self._beat[1])

    def _seen(self, inputs: Inputs, picture: Picture) -> Inputs:
        """A picture to draw over, as the model wants it: recoloured for the prompt, encoded."""
        base, frames = self._stream.base, picture[None]
        dressed = frames
        if self._goal is not None:
            dressed = base.dress(frames, self._goal, self.config.stream.strength)
        return replace(inputs, source=base.encode_image(dressed), told=base.told_of(frames))

    def pass_over(self, frame: int) -> CameraMove:
        """Let a frame go by without a picture; how the camera moved."""
        given, inputs = self._at(frame)
        self.state, moment = self._looks.pass_over(
            self.state, given.heard, self._dt, inputs, self.config
        )
        return moment.camera

    def settle(self) -> None:
        """Take the cadence of the settings; `auto` is measured now."""
        cadence = self.config.stream.cadence
        self.cadence = self.measure() if cadence == "auto" else cadence

    def measure(self) -> int:
        """The cadence at which keys are drawn as fast as they are shown; nothing is left of the trial."""
        state = self.state
        cue = self.cue(0)
        self.state, self._looks = state, Crossfade()
        self.source.seek(0)
        return measure(self._stream, cue, self.source.fps)

    def _at(self, frame: int) -> tuple[Given, Inputs]:
        given = self.source.at(frame)
        if given.config is not None:
            self._performed = True
            self._adopt(given.config)
        if self._performed:
            self._live[frame] = self.config.live
        inputs = replace(
            self._inputs,
            position=given.position,
            same=given.same,
            scenes=given.scenes,
            controllers=given.controllers,
        )
        return given, inputs

    def _adopt(self, config: PipelineConfig) -> None:
        """Draw by other settings; the size stays."""
        self.config, stream = config, self._stream
        stream.stream_config = config.stream
        inference = stream.base.inference_config
        inference.seed = config.inference.seed
        inference.num_inference_steps = config.inference.num_inference_steps
        if config.prompt.negative_prompt != self._negative:
            self._negative = config.prompt.negative_prompt
            stream.set_negative_prompt(self._negative)

    @property
    def _next(self) -> int:
        """The frame that the director comes to next; a score may begin in the middle of a show."""
        return self.state.frame - self.source.state.frame

    def tweens(self, first: int, total: int) -> Iterator[Tween]:
        """What is shown in frames ``first`` .. ``total`` - 1, in order.

        A stream that was restored from a state goes on with the frame its state was waiting for; a
        fresh one must be waiting for the key at or before ``first``. After each, :meth:`dump` gives what the
        next one needs.
        """
        frames = key_frames(self.source, self.cadence)
        last, at = None, first - 1
        if self._stream.state.picture is not None:
            last, at = self._looks.shown or self._stream.key, frames[bisect_left(frames, first) - 1]
            self._snapshot = self._dump()
        for frame, key in self._drawn(frames, first, total):
            if last is not None:
                whole = composed(self._moves[i] for i in range(at + 1, frame + 1))
                yield from self._between(last, at, key, frame, whole, first)
            self._moves = {i: move for i, move in self._moves.items() if i > frame}
            last, at = key, frame
            if frame >= first:
                self._snapshot = None
                accent = self._accents.pop(frame, REST)
                yield Tween(key, since=accent, live=self._live.pop(frame, None))
            if self.cadence > 1:
                # frames up to the next key are shown when that is drawn; who stops there begins here
                self._snapshot = self._dump()
        if last is not None and at + 1 < total:
            for frame in range(self._next, total):
                self._moves[frame] = self.pass_over(frame)
            yield from self._between(last, at, None, total, REST, first)

    def _between(
        self, last: Key, at: int, following: Key | None, frame: int, whole: Motion, first: int
    ) -> Iterator[Tween]:
        """Frames after the key ``at`` and before the one at ``frame``, from ``first`` on."""
        since = REST
        for i in range(at + 1, frame):
            since = since.then(Motion.of(self._moves[i]))
            if i >= first:
                share = (i - at) / (frame - at)
                yield Tween(last, following, since, whole, share, self._live.pop(i, None))

    def _drawn(self, frames: Sequence[int], first: int, total: int) -> Iterator[tuple[int, Key]]:
        """The keys from ``first`` on, or from the one before it in a fresh stream, with their frames."""
        stream = self._stream
        fresh = stream.state.finished is None
        begin = bisect_left(frames, stream.state.frame)
        out = begin if fresh else bisect_left(frames, first)
        end, key = bisect_left(frames, total), None
        for index in range(begin, end):
            frame = frames[index]
            key = self.step(self._cue_of_key(frame, frames[index - 1] if index else frame))
            # while the stream fills up, the first picture is shown again and again
            if (fresh and index == begin) or index - self.lead == out:
                out += 1
                yield frames[out - 1], key
        for late in stream.flush_keys():
            out += 1
            yield frames[out - 1], late
        if key is not None:
            # frames that the similarity filter passed over look like the last one
            for frame in frames[out:end]:
                yield frame, key

    def _cue_of_key(self, frame: int, before: int) -> Cue:
        """The cue of a key, told of all the frames since the one ``before``."""
        for i in range(self._next, frame):
            self._moves[i] = self.pass_over(i)
        cue = self.cue(frame)
        self._moves[frame] = cue.camera
        if frame - before <= 1:
            return cue
        # a number that the stream has not seen yet: keys keep the numbers of their frames
        self._stream.state = replace(self._stream.state, frame=frame)
        # a stream that begins here has no past that could have moved
        passed = [self._moves[i] for i in range(before + 1, frame + 1) if i in self._moves]
        camera = composed(passed).move
        left = cue.left
        if left is not None:
            left = replace(left, camera=camera, span=float(frame - before))
        return replace(cue, camera=camera, span=float(frame - before), left=left)

    def dump(self) -> bytes:
        """What goes on after the frame that :meth:`tweens` gave last."""
        return self._dump() if self._snapshot is None else self._snapshot

    def _dump(self) -> bytes:
        moves = {frame: astuple(move) for frame, move in self._moves.items()}
        live = {frame: each.model_dump(mode="json") for frame, each in self._live.items()}
        accents = {frame: astuple(each.move) for frame, each in self._accents.items()}
        told = {"cadence": self.cadence, "moves": moves, "live": live, "accents": accents}
        own = json.dumps(told | {"beat": self._beat}).encode()
        parts = self._stream.dump_state(), director.dump(self.state), own, self._looks.dump()
        return pack(*parts)

    def restore(self, engine: bytes, directed: bytes, own: bytes, looks: bytes) -> None:
        """Go on where :meth:`dump` was called."""
        self._stream.restore_state(engine)
        self._looks.restore(looks, self._stream.base)
        self.state = director.restore(directed)
        self.source.seek(self._next)
        kept = json.loads(own)
        self.cadence = kept["cadence"]
        self._live = {int(frame): LiveConfig(**each) for frame, each in kept["live"].items()}
        self._moves = {int(frame): CameraMove(*move) for frame, move in kept["moves"].items()}
        self._beat = (kept["beat"][0], kept["beat"][1])
        self._accents = {
            int(frame): Motion.of(CameraMove(*move)) for frame, move in kept["accents"].items()
        }


def play(stream: AnyStream, cue: Cue) -> Key:
    """One cue in, the picture to show now out."""
    if cue.leaving is None or not isinstance(stream, StreamDiffusionPipeline):
        return _play_one(stream, cue)
    return play_both(stream, cue, _play_one)


def _play_one(stream: AnyStream, cue: Cue) -> Key:
    usual = stream.stream_config
    if cue.stream is not None:
        # how much is drawn is the machine's affair
        kept = {name: getattr(usual, name) for name in PRICE}
        stream.stream_config = cue.stream.model_copy(update=kept)
    try:
        return _play(stream, cue)
    finally:
        stream.stream_config = usual


def _play(stream: AnyStream, cue: Cue) -> Key:
    return stream.step(
        cue.latent,
        cue.embeds,
        cue.energy,
        camera=cue.camera,
        context=cue.context,
        noise_scale=cue.noise_scale,
        anchor=cue.anchor,
        anchor_weight=cue.anchor_weight,
        span=cue.span,
        source=cue.source,
        cut=cue.cut,
        forget=cue.forget,
        chunk=cue.chunk,
    )
