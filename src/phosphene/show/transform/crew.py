"""The stages of one transform, and what they remember together."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

from phosphene.diffusion.chunk import ChunkPipeline
from phosphene.diffusion.chunk_stream import draws_pictures
from phosphene.show.detail import detail_gain
from phosphene.show.transform.develop import Developer
from phosphene.show.transform.hold import Holder
from phosphene.show.transform.items import Shot, State
from phosphene.show.transform.job import Job
from phosphene.show.transform.line import Stage
from phosphene.show.transform.paint import Painter
from phosphene.show.transform.paint_chunks import ChunkPainter
from phosphene.show.transform.read import Reader
from phosphene.show.transform.watch import Watcher
from phosphene.video.flash import FlashLimiter
from phosphene.video.reader import Upright


class Crew:
    """Reads, encodes, draws and decodes for a job; a segment is ``segment`` frames long."""

    def __init__(self, job: Job, segment: int) -> None:
        config, base = job.config, job.base
        limiter = FlashLimiter(float(job.tempo.rate)) if config.video.limit_flashes else None
        self._batch = config.transform.batch
        self.reader = Reader(job.clip, job.options, segment)
        self.watcher = Watcher(base, config, Upright(job.clip, job.model_size), job.heard)
        self.painter = (
            ChunkPainter(base, config)
            if isinstance(base, ChunkPipeline)
            else Painter(draws_pictures(base, "this"), config)
        )
        lines = detail_gain(config.transform.detail, config.transform.strength)
        holder = Holder(config.transform.stabilize)
        self.developer = Developer(base, holder, lines, limiter)

    def restore(self, state: State) -> None:
        """Go on where the state of a picture was taken."""
        self.watcher.restore(state)
        self.painter.restore(state)
        self.developer.restore(state)

    def stages(self, first: int) -> list[Stage]:
        """From the file to pictures, beginning with the frame of index ``first``."""

        def read(_: Iterator[Any]) -> Generator[Shot, None, None]:
            return self.reader.run(first)

        return [
            Stage("read", read),
            Stage("encode", partial(self.watcher.run, batch=self._batch)),
            Stage("denoise", partial(self.painter.run, batch=self._batch)),
            Stage("decode", partial(self.developer.run, batch=self._batch)),
        ]

    def notes(self, name: str) -> tuple[str, ...]:
        """What was wrong with the source, known once it was read to the end."""
        frames = self.reader.frames
        notes = []
        if frames.lost:
            notes.append(
                f"{frames.lost} damaged packets of {name} could not be decoded: the picture before"
                " each of them stays."
            )
        if frames.missing:
            notes.append(
                f"{name} ends {float(frames.missing):.1f} s before it says it does, as if cut short:"
                " what is there was drawn."
            )
        return tuple(notes)
