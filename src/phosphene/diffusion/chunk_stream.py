"""A chunk model as a live stream: one finished picture per call, as the loop wants them.

What comes in a call is noted; when a chunk is due it is drawn, and its pictures leave one a call. Offline it
is drawn then and there. Live it is drawn on a thread of its own, early enough that the next chunk is there
when the last picture of this one has left.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Unpack

import numpy as np
from PIL import Image

from phosphene.config import StreamConfig
from phosphene.diffusion.base import (
    Array,
    BaseDiffusionPipeline,
    BasePipeline,
    ChunkFacts,
    Frames,
)
from phosphene.diffusion.chunk import ChunkOptions, ChunkPipeline, ChunkState, as_frames, as_planes
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.stream import Frame, Key, StreamDiffusionPipeline
from phosphene.errors import ConfigError, InputError
from phosphene.stream.batch import Denoiser
from phosphene.stream.entry import ChunkCue, FrameOptions
from phosphene.stream.state import StreamState

LONGEST_WAIT = 2.5
"""seconds that another prompt waits for a bar to begin"""
QUIET = 0.02
"""energy of no music: nothing is waited for"""
LOUDER = 0.2
"""how far energy 0..1 moves the strength over a video, about its half"""
EARLY = 1.25
"""times that a chunk usually takes, by which the next one is begun before it is needed"""
WEIGHT = 0.3
"""of the last time in the usual one"""


@dataclass(frozen=True)
class Ready:
    """A picture that was drawn and not shown yet."""

    frame: int
    """of the loop, that it is shown for; one drawn over a picture: that came with it"""
    asked: int
    """frame at which its chunk was begun: what it can answer to"""
    picture: Frame


class ChunkStream:
    """Pictures of one chunk model, one a call, as from a ``StreamDiffusionPipeline``.

    Prompts are changed as a whole: at a bar, or soon after where none comes, as ``prompt_change`` says; at a
    drop everything begins anew. Camera, walk and guide say nothing to such a model.

    Args:
        base: the model.
        stream_config: may be replaced between any two frames.
        live: draw ahead on a thread, and never wait for a picture where an older one can be shown.
    """

    def __init__(
        self, base: ChunkPipeline, stream_config: StreamConfig, *, live: bool = False
    ) -> None:
        self.base = base
        self.stream_config = stream_config
        self.frames: int | None = None
        """latent frames a chunk, where a controller has lowered them"""
        self.decoder: str | None = None
        """by name, likewise"""
        self.over = False
        """whether every frame brings a picture to draw over"""
        self.answers = -1
        """frame whose settings and inputs the picture shown last answers to"""
        self._worker = ThreadPoolExecutor(1, "phosphene-chunks") if live else None
        self._seconds = 0.0
        self._period = 0.0
        self._forget(StreamState())

    @property
    def state(self) -> StreamState:
        """Counters and the last picture; one without a picture begins anew."""
        return self._state

    @state.setter
    def state(self, state: StreamState) -> None:
        if state.picture is None:
            self._forget(state)
        self._state = state

    def _forget(self, state: StreamState) -> None:
        self._state = state
        self._chunk: ChunkState | None = None
        self._size = (0, 0)
        self._ready: deque[Ready] = deque()
        self._sources: deque[tuple[int, Frame]] = deque()
        # frames of the chunks on their way through a stream batch
        self._passing: deque[list[int]] = deque()
        self._job: Future[list[Ready]] | None = None
        self._told = ""
        self._changed: float | None = None
        self._bar = self._drop = False
        self._key: Key | None = None
        self._last_call: float | None = None

    @property
    def latency(self) -> int:
        """Frames from the call with a picture to draw over to the one that returns it; 0 without, or live."""
        if not self.over or self._worker is not None:
            return 0
        return self._chunk_facts.pictures * self._frames - 1

    def close(self) -> None:
        """End the thread; what it draws is let go."""
        if self._worker is not None:
            self._worker.shutdown(cancel_futures=True)

    @property
    def seconds(self) -> float:
        """That a picture takes to draw, lately; 0 before the first is timed."""
        return self._seconds

    @property
    def key(self) -> Key:
        """The picture that :meth:`step` gave last. Raises InputError before the first."""
        if self._key is None:
            raise InputError("nothing has been drawn yet.")
        return self._key

    def get_latent_shape(self, batch: int = 1) -> tuple[int, int, int, int]:
        """(batch, 3, height, width): pictures."""
        return self.base.get_latent_shape(batch)

    def set_negative_prompt(self, prompt: str) -> None:
        """Such models are not guided away from anything, which is said."""
        if prompt.strip():
            say_once(
                f"prompt.negative_prompt is off: {self.base.facts.name} draws without guidance."
            )

    def set_negative_embeds(self, embeds: Array) -> None:
        """Such models are not guided away from anything."""

    def step(
        self,
        latent: Array | None,
        prompt_embeds: Array,
        music_energy: float = 0.5,
        *,
        image: Frame | None = None,
        **options: Unpack[FrameOptions],
    ) -> Key:
        """Take one frame in and give the picture to show now. ``latent`` and the camera are not looked at."""
        frame = self._state.frame
        self._time_calls()
        source = options.get("source")
        if image is not None:
            source = as_planes(image[None])
        if options.get("cut", False):
            self._forget(replace(self._state, picture=None, finished=None))
        self.over = source is not None
        cue = options.get("chunk") or ChunkCue(prompt_embeds)
        self._bar, self._drop = self._bar or cue.bar, self._drop or cue.drop
        if cue.drop and self._cutting and self._worker is None and source is None:
            # on the very frame; live the pictures that are there bridge the time until the first new one
            self._ready.clear()
        if source is not None:
            self._take(frame, as_frames(source)[0])
        else:
            self._sources.clear()
        strength = options.get("strength")
        strength = self.stream_config.strength if strength is None else strength
        strength = min(1.0, strength * (1.0 + LOUDER * (music_energy - 0.5)))
        self._draw_ahead(frame, cue, strength, music_energy)
        self._show(frame)
        assert self._key is not None
        return self._key

    def _take(self, frame: int, picture: Frame) -> None:
        """A picture to be drawn over; those that wait take its size, should that have changed."""
        height, width = picture.shape[:2]
        if self._sources and self._sources[-1][1].shape != picture.shape:
            waiting = [(number, _scaled(each, (height, width))) for number, each in self._sources]
            self._sources.clear()
            self._sources += waiting
        self._sources.append((frame, picture))

    def flush_keys(self) -> list[Key]:
        """Draw over what is still waiting; the pictures not shown yet, oldest first."""
        if self._sources and self._chunk is not None:
            known, (frame, last) = len(self._sources), self._sources[-1]
            options, wanted = self._options, self._wanted
            taken = [*self._sources, *[(frame, last)] * (wanted - known)]
            self._sources.clear()
            drawn = self._drawn(taken, frame, _nothing, self.stream_config.strength, options)
            self._ready += drawn[:known]
        # what was drawn ahead from nothing belongs to no frame that came
        keys = [Key(_latent(each.picture)) for each in self._ready if each.frame >= 0]
        self._ready.clear()
        if keys:
            self._key = keys[-1]
        return keys

    def dump_state(self) -> bytes:
        """The stream's memory, exactly, for :meth:`restore_state`."""
        shape = (*self._size, 3)
        ready, sources = list(self._ready), list(self._sources)
        told = {
            "frame": self._state.frame,
            "shown": self._state.shown,
            "answers": self.answers,
            "size": self._size,
            "told": self._told,
            "changed": self._changed,
            "marks": [self._bar, self._drop],
            "ready": [[each.frame, each.asked] for each in ready],
            "sources": [number for number, _ in sources],
        }
        arrays = {
            "ready": np.array([each.picture for each in ready], np.uint8).reshape(-1, *shape),
            "sources": np.array([each for _, each in sources] or np.zeros((0, *shape)), np.uint8),
            "last": np.zeros(0, np.uint8) if self._key is None else self._key.latent,
        }
        packed = io.BytesIO()
        arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
        np.savez(packed, allow_pickle=False, **arrays)
        chunk = b"" if self._chunk is None else self.base.dump(self._chunk)
        return len(chunk).to_bytes(8, "little") + chunk + packed.getvalue()

    def restore_state(self, data: bytes) -> None:
        """Go on exactly where :meth:`dump_state` was called. Raises InputError."""
        end = 8 + int.from_bytes(data[:8], "little")
        try:
            held = np.load(io.BytesIO(data[end:]), allow_pickle=False)
            told = json.loads(held["told"].tobytes())
        except (ValueError, KeyError, OSError) as error:
            raise InputError("this is not a stream's state, or one of another version.") from error
        self._forget(StreamState())
        self._chunk = self.base.restore(data[8:end]) if end > 8 else None
        self._size = (told["size"][0], told["size"][1])
        self._told, self._changed = told["told"], told["changed"]
        self._bar, self._drop = told["marks"]
        for (frame, asked), picture in zip(told["ready"], held["ready"], strict=True):
            self._ready.append(Ready(frame, asked, picture))
        self._sources += list(zip(told["sources"], held["sources"], strict=True))
        last = held["last"] if held["last"].size else None
        self._key = None if last is None else Key(last)
        self.answers = told["answers"]
        counted = StreamState(frame=told["frame"], shown=told["shown"])
        self._state = replace(counted, picture=last, finished=last)

    @property
    def _chunk_facts(self) -> ChunkFacts:
        assert self.base.facts.chunk is not None
        return self.base.facts.chunk

    @property
    def _frames(self) -> int:
        """Latent frames a chunk."""
        asked = self.frames or self.stream_config.chunk_frames
        return self._chunk_facts.frames if asked == "auto" else asked

    @property
    def _options(self) -> ChunkOptions:
        """How the next chunk is drawn."""
        config = self.stream_config
        batch = bool(self._sources) and self._worker is not None and config.stream_batch
        batch = batch and config.denoising_steps > 1
        # of a video the first latent is one picture: alone it is there at once
        alone = bool(self._sources) and (self._fresh or batch)
        return ChunkOptions(
            steps=config.denoising_steps,
            frames=1 if alone else self._frames,
            decoder=self.decoder,
            stream_batch=batch,
        )

    @property
    def _cutting(self) -> bool:
        """Whether the next chunk begins anew for a drop."""
        return self._drop and self.stream_config.cut_on_drop

    @property
    def _fresh(self) -> bool:
        """Whether the next chunk is a stream's first."""
        size = self.base.inference_config
        return self._chunk is None or self._size != (size.height, size.width) or self._cutting

    @property
    def _wanted(self) -> int:
        """Pictures that the next chunk is drawn over."""
        if self._key is None or self._cutting:
            return 1
        if self._fresh:
            return self._chunk_facts.pictures
        return self.base.pictures(self._chunk, self._options)

    def _draw_ahead(self, frame: int, cue: ChunkCue, strength: float, energy: float) -> None:
        """Draw a chunk if one is due."""
        self._collect(wait=False)
        if self.over:
            wanted = self._wanted
            while self._worker is not None and len(self._sources) > wanted:
                # nothing queues: the newest pictures are drawn over
                self._sources.popleft()
            if self._job is not None or len(self._sources) < wanted:
                return
        elif self._job is not None or len(self._ready) > self._early:
            return
        options = self._options
        taken = [self._sources.popleft() for _ in range(self._wanted)] if self.over else []
        order = (taken, frame, self._telling(cue, energy), strength, options)
        if self._worker is None:
            self._ready += self._drawn(*order)
        else:
            self._job = self._worker.submit(self._drawn, *order)

    @property
    def _early(self) -> int:
        """Pictures left at which the next chunk must be begun; offline none."""
        if self._worker is None or not self._period:
            return 0
        took = self._seconds * self._chunk_facts.pictures * self._frames
        return math.ceil(EARLY * took / self._period)

    def _telling(self, cue: ChunkCue, energy: float) -> Callable[[], None]:
        """What the stream is told before its next chunk, decided now."""
        config = self.stream_config
        embeds = np.asarray(cue.goal, np.float32)
        embeds = embeds[:1] if embeds.ndim == 3 else embeds[None]
        drop, self._drop = self._cutting, False
        size = self.base.inference_config
        here = size.height, size.width
        if self._chunk is None or self._size != here:
            # another size goes on with the picture that is seen
            last = None if self._key is None or drop else _resized(self._key.latent, here)
            self._told, self._changed, self._bar = cue.text, None, False

            def begin() -> None:
                if self._chunk is not None:
                    self.base.close(self._chunk)
                self._chunk, self._size = self.base.open(embeds, size.seed, last), here

            return begin
        if drop:
            self._told, self._changed, self._bar = cue.text, None, False
            return lambda: self.base.change(self._chunk, embeds, "cut")
        if not np.array_equal(embeds, self._chunk.embeds):
            if self._changed is None:
                self._changed = cue.time
            waited = cue.time - self._changed
            soon = not config.prompt_on_bar or energy < QUIET or waited >= LONGEST_WAIT
            if soon or self._bar:
                # words of motion alone move the prompt a little: that needs no new keys
                how = "morph" if cue.text and cue.text == self._told else config.prompt_change
                self._told, self._changed, self._bar = cue.text, None, False
                chunks = config.morph_chunks
                return lambda: self.base.change(self._chunk, embeds, how, chunks)
        else:
            self._changed, self._bar = None, False
        return lambda: None

    def _drawn(
        self,
        taken: list[tuple[int, Frame]],
        asked: int,
        tell: Callable[[], None],
        strength: float,
        options: ChunkOptions,
    ) -> list[Ready]:
        """The next chunk's pictures, with the frames they are for; drawn over what was ``taken``."""
        began = time.perf_counter()
        tell()
        if taken and strength < 1.0:
            over = np.stack([picture for _, picture in taken])
            pictures = self.base.generate(self._chunk, over, strength, options)
        else:
            options = replace(options, stream_batch=False)
            pictures = self.base.generate(self._chunk, None, 1.0, options)
        if not options.stream_batch:
            self._passing.clear()
        numbers = [number for number, _ in taken] or [-1] * len(pictures)
        self._passing.append(numbers)
        each = (time.perf_counter() - began) / len(numbers)
        self._seconds += (WEIGHT if self._seconds else 1.0) * (each - self._seconds)
        if not len(pictures):
            return []
        frames = self._passing.popleft()
        return [Ready(n, asked, p) for n, p in zip(frames, pictures, strict=True)]

    def _collect(self, wait: bool) -> None:
        """Take over what the thread has drawn."""
        job = self._job
        if job is None or not (wait or job.done()):
            return
        self._job = None
        self._ready += job.result()
        most = 2 * self._chunk_facts.pictures * self._frames
        while self.over and len(self._ready) > most:
            # nothing queues here either
            self._ready.popleft()

    def _show(self, frame: int) -> None:
        """The next picture, if it is time for one; else the last one again."""
        if not self._ready and (self._key is None or not self.over):
            self._collect(wait=True)
        shown = self._state.shown
        if self._ready and self._due(self._ready[0], frame):
            ready = self._ready.popleft()
            self._key = Key(_latent(ready.picture))
            shown = ready.frame if ready.frame >= 0 else frame
            self.answers = ready.frame if ready.frame >= 0 else ready.asked
        assert self._key is not None
        picture = self._key.latent
        self._state = replace(
            self._state, frame=frame + 1, shown=shown, picture=picture, finished=picture
        )

    def _due(self, ready: Ready, frame: int) -> bool:
        """Whether a picture is shown now: offline all are as late as a chunk's first over a video."""
        return self._key is None or ready.frame + self.latency <= frame

    def _time_calls(self) -> None:
        """Learn how often pictures are asked for."""
        now, before = time.perf_counter(), self._last_call
        self._last_call = now
        if before is not None:
            since = now - before
            self._period += (WEIGHT if self._period else 1.0) * (since - self._period)


AnyStream = StreamDiffusionPipeline | ChunkStream
"""what the loop plays"""


def open_stream(
    base: BasePipeline,
    config: StreamConfig,
    *,
    live: bool = False,
    wrap: Callable[[Denoiser], Denoiser] = lambda denoiser: denoiser,
) -> AnyStream:
    """The stream of a model; ``wrap`` is another way to call one that draws a picture a call."""
    if isinstance(base, ChunkPipeline):
        return ChunkStream(base, config, live=live)
    assert isinstance(base, BaseDiffusionPipeline)
    return StreamDiffusionPipeline(base, config, denoiser=wrap(base.denoiser()))


def draws_pictures(base: BasePipeline, what: str) -> BaseDiffusionPipeline:
    """``base``, if it draws a picture a call. Raises ConfigError for ``what`` chunk models cannot do."""
    if not isinstance(base, BaseDiffusionPipeline):
        raise ConfigError(
            f"{what} is for models that draw a picture a call; {base.facts.name} is not."
        )
    return base


def _nothing() -> None:
    """Tell a stream nothing."""


def _latent(picture: Frame) -> Array:
    """uint8 (h w 3) -> (1 3 h w), as it passes through the loop."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1))[None]


def _resized(latent: Array, size: tuple[int, int]) -> Frames:
    """The last picture (1 3 h w) as the first (1 h w 3) of a stream of another size."""
    return _scaled(as_frames(latent)[0], size)[None]


def _scaled(picture: Frame, size: tuple[int, int]) -> Frame:
    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC))
