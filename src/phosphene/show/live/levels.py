"""How much is drawn: what the settings ask for, or as much of it as the machine has time for."""

from __future__ import annotations

import time
from dataclasses import replace

from phosphene.config import PipelineConfig
from phosphene.diffusion.chunk_stream import AnyStream, ChunkStream
from phosphene.show.live.controller import Budget, Controller, Took, chunk_ladder, ladder
from phosphene.show.live.shared_state import SharedState
from phosphene.show.live.types import Level


class Levels:
    """Sets size, steps and batch of a stream, and lowers them while pictures come late."""

    def __init__(self, shared: SharedState, stream: AnyStream) -> None:
        self._shared = shared
        self._stream = stream
        self._controller = Controller()
        self._frames: list[float] = []
        self._rungs: tuple[Level, ...] = ()
        self.adopt(shared.config)

    @property
    def level(self) -> Level:
        """How frames are drawn now."""
        # another thread may look while the ladder becomes shorter
        return self._rungs[min(self._controller.rung, len(self._rungs) - 1)]

    @property
    def lowered(self) -> bool:
        """Whether that is less than the settings ask for."""
        return self.level != self._rungs[0]

    @property
    def reason(self) -> str:
        """Why; empty if nothing is lowered."""
        return self._controller.reason

    def adopt(self, config: PipelineConfig) -> None:
        """Draw by these settings; another size or number of steps begins at the top of its ladder."""
        stream, size = config.stream, config.inference
        steps = len(stream.t_index_list or ()) or stream.denoising_steps
        # of the size that is asked for: the view may be drawing smaller
        facts = self._shared.view.view(size).facts
        # auto: as many as there is time for, which is what a live show does anyway
        cadence = 1 if stream.cadence == "auto" else stream.cadence
        full = Level(
            steps,
            stream.frame_buffer_size,
            size.width,
            size.height,
            facts.latent_factor,
            cadence,
        )
        rungs = ladder(full, facts, config.live.lower)
        if facts.chunk is not None:
            asked = stream.chunk_frames
            full = replace(
                full,
                latent_factor=8,
                frames=facts.chunk.frames if asked == "auto" else asked,
                decoder=facts.chunk.decoders[0],
            )
            rungs = chunk_ladder(full, facts)
        if rungs != self._rungs:
            self._rungs = rungs
            self._controller.reset()
        if not config.live.adapt:
            self._controller.reset()
        self._apply(config)

    def took(self, frame_ms: float) -> None:
        """A frame kept the next one from beginning for so long."""
        self._frames.append(frame_ms)
        if len(self._frames) < self.level.batch:
            return
        # of a batch only the last frame waits for the model: they share the cost
        frame_ms = sum(self._frames) / len(self._frames)
        self._frames.clear()
        if isinstance(self._stream, ChunkStream):
            # a thread draws: what counts is a picture's share of its chunk
            frame_ms = self._stream.seconds * 1e3
        shared, config = self._shared, self._shared.config
        if not config.live.adapt:
            return
        if shared.see:
            frame_ms = max(frame_ms, shared.meters.intake.value)
        age, shared.newest_age = shared.newest_age, None
        seen, shared.seen_age = shared.seen_age, None
        before, now = self._controller.rung, time.monotonic()
        took = Took(frame_ms, age, seen if shared.see else None)
        if self._controller.decide(self._rungs, took, Budget.of(config), now) != before:
            self._apply(config)

    def _apply(self, config: PipelineConfig) -> None:
        """Draw as the level says from the next frame on."""
        shared, level, indices = self._shared, self.level, config.stream.t_index_list
        self._stream.stream_config = config.stream.model_copy(
            update={
                "denoising_steps": level.steps,
                "frame_buffer_size": level.batch,
                # the noisiest index is the one that the strength is made of
                "t_index_list": indices and indices[: level.steps],
            }
        )
        if isinstance(self._stream, ChunkStream):
            self._stream.frames, self._stream.decoder = level.frames, level.decoder
        inference = shared.view.inference_config
        inference.width, inference.height = level.width, level.height
        inference.seed = config.inference.seed
        inference.num_inference_steps = config.inference.num_inference_steps
        shared.size = level.width, level.height
        for box in (shared.pictures, shared.inputs):
            shared.drop(box.resize(level.batch))
        shared.latents.resize(level.batch)
        shared.credits.resize(2 * level.batch)
