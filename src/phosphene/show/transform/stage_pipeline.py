"""The stages of one transform, and what they remember together."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

from phosphene.diffusion.chunk import ChunkPipeline
from phosphene.diffusion.chunk_stream import draws_pictures
from phosphene.diffusion.notices import say_once
from phosphene.show.cadence import timed
from phosphene.show.detail import detail_gain
from phosphene.show.transform.develop import Developer
from phosphene.show.transform.hold import Holder
from phosphene.show.transform.items import Shot, State
from phosphene.show.transform.job import Job
from phosphene.show.transform.line import PipelineStage
from phosphene.show.transform.paint import Painter
from phosphene.show.transform.paint_chunks import ChunkPainter
from phosphene.show.transform.read import Reader
from phosphene.show.transform.watch import Watcher
from phosphene.video.flash import FlashLimiter
from phosphene.video.reader import Upright


class StagePipeline:
    """Reads, encodes, draws and decodes for a job; a segment is ``segment`` frames long."""

    def __init__(self, job: Job, segment: int) -> None:
        config, base = job.config, job.base
        self._job, self._segment = job, segment
        self.said: tuple[str, ...] = ()
        """what was chosen by measuring"""
        limiter = FlashLimiter(float(job.tempo.rate)) if config.video.limit_flashes else None
        self._batch = config.transform.batch
        self.reader = Reader(job.clip, job.options, segment)
        self.watcher = Watcher(base, config, Upright(job.clip, job.model_size), job.heard, segment)
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

    def stages(self, first: int) -> list[PipelineStage]:
        """From the file to pictures, beginning with the frame of index ``first``."""

        if first == 0:
            self.watcher.cadence = self._cadence()

        def read(_: Iterator[Any]) -> Generator[Shot, None, None]:
            return self.reader.run(first)

        return [
            PipelineStage("read", read),
            PipelineStage("encode", partial(self.watcher.run, batch=self._batch)),
            PipelineStage("denoise", partial(self.painter.run, batch=self._batch)),
            PipelineStage("decode", partial(self.developer.run, batch=self._batch)),
        ]

    def _cadence(self) -> int:
        """Pictures shown for each one that is drawn."""
        wanted = self._job.config.stream.cadence
        if isinstance(self._job.base, ChunkPipeline):
            if wanted != 1:
                say_once("this model draws motion: every picture is drawn, whatever the cadence.")
            return 1
        if wanted != "auto":
            return wanted
        cadence = self._measured()
        self.said = (f"cadence auto: one picture in {cadence} is drawn.",)
        return cadence

    def _measured(self) -> int:
        """The cadence at which pictures are drawn as fast as they play: the first is drawn a few times."""
        job = self._job
        trial = StagePipeline(job, self._segment)
        shot = next(trial.reader.run(0), None)
        if shot is None:
            return 1

        def draw() -> None:
            motifs = trial.watcher.run(iter([shot]), 1)
            list(trial.developer.run(trial.painter.run(motifs, 1), 1))

        return timed(draw, float(job.tempo.rate))

    def notes(self, name: str) -> tuple[str, ...]:
        """What was chosen, and what was wrong with the source, known once it was read to the end."""
        frames = self.reader.frames
        notes = list(self.said)
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
