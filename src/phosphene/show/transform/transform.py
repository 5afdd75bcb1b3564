"""Video in, drawn-over video out: stages side by side, resumable, sound and subtitles along."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tqdm import tqdm

from phosphene.config import PipelineConfig
from phosphene.diffusion import BasePipeline
from phosphene.errors import OutputError
from phosphene.show.transform.items import Frame
from phosphene.show.transform.job import Job, prepare
from phosphene.show.transform.join import join
from phosphene.show.transform.line import Line
from phosphene.show.transform.options import TransformOptions
from phosphene.show.transform.report import StageReport, TransformReport, shares, slowest
from phosphene.show.transform.segments import stages_of
from phosphene.show.transform.stage_pipeline import StagePipeline
from phosphene.video.carry import decide
from phosphene.video.mux import Sound
from phosphene.video.project import Project
from phosphene.video.spec import segment_frames
from phosphene.video.target import Target, check_target, clamp_fps

BATCHES_WAITING = 2
"""behind each stage: enough that none waits for another's single slow frame"""
REFRESH_SECONDS = 0.5
LOG_SECONDS = 10.0
"""between lines where standard error is no terminal"""


class Progress:
    """A bar and a line of stages on a terminal, a line now and then elsewhere."""

    def __init__(self, line: Line, total: int | None, done: int) -> None:
        self._line = line
        self._terminal = sys.stderr.isatty()
        off = not self._terminal
        self._bar = tqdm(total=total, initial=done, unit="frame", disable=off, smoothing=0.1)
        self._stages = tqdm(bar_format="{desc}", position=1, leave=False, disable=off)
        self._every = REFRESH_SECONDS if self._terminal else LOG_SECONDS
        self._next = time.monotonic() + self._every

    def step(self, done: int) -> None:
        """One frame more: ``done`` in all."""
        self._bar.update()
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every
        text = shares([StageReport.of(meter) for meter in self._line.meters])
        if self._terminal:
            self._stages.set_description_str(text)
        else:
            print(f"{done} frames  {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stages.close()
        self._bar.close()


@dataclass(frozen=True)
class TransformedFrame:
    """One picture of a new video."""

    index: int
    time: float
    """seconds"""
    seconds: float
    """how long it is shown"""
    image: Frame
    """uint8 RGB (height, width, 3), at the size the model draws"""


def transform(
    source: str | Path,
    out: str | Path,
    config: PipelineConfig | None = None,
    options: TransformOptions | None = None,
    *,
    base: BasePipeline | None = None,
) -> TransformReport:
    """Draw over a video and write it with everything else that was in the file.

    Args:
        source: any file with moving pictures that PyAV reads.
        out: .mp4, .mkv or .mov.
        config: settings; ``None`` takes the balanced preset.
        options: stretch, rate, size, resume, overwrite.
        base: a loaded model, to share between videos.

    Raises:
        PhospheneError: anything wrong with input, settings or output, in one sentence.
    """
    began = time.perf_counter()
    source, out, options = Path(source), Path(out), options or TransformOptions()
    _refuse_itself(source, out)
    # every refusal that can come before the model is loaded does
    check_target(out, (64, 64), 25, seconds=0, overwrite=options.overwrite)
    config = config or PipelineConfig.balanced_preset()
    # as it is before it is heard: one that changes meanwhile is refused in the end
    sound = None
    if options.sound is not None and options.sound.exists():
        sound = Sound.of(options.sound, 0.0, config.video.audio_bitrate)
    job = prepare(source, config, options, base)
    target = check_target(
        out,
        job.wanted,
        clamp_fps(job.tempo.rate),
        seconds=job.seconds or 0,
        overwrite=options.overwrite,
    )
    carried = decide(source, out.suffix.lower())
    resume, overwrite = options.resume, options.overwrite
    with Project(out, job.fingerprint(), resume=resume, overwrite=overwrite) as project:
        done = project.next_frame
        stage_pipeline, line = _draw(job, target, project)
        times = join(project, target, job.clip, options, job.config.video, carried, sound)
        project.remove()
    stages = tuple(StageReport.of(meter) for meter in line.meters)
    seconds, frames = time.perf_counter() - began, len(times.ticks) - 1
    shown = (times.ticks[-1] - times.ticks[0]) * times.time_base
    return TransformReport(
        source=str(source),
        path=str(out),
        frames=frames,
        new_frames=frames - done,
        drawn=stage_pipeline.painter.drawn,
        cuts=stage_pipeline.watcher.cuts,
        duration=float(shown),
        size=target.size,
        model=job.base.facts.name,
        model_size=job.model_size,
        seconds=seconds,
        fps=(frames - done) / seconds,
        stages=stages,
        slowest=slowest(stages),
        notes=(*job.clip.notes, *target.notes, *carried.notes, *stage_pipeline.notes(source.name)),
    )


def transform_frames(
    source: str | Path,
    config: PipelineConfig | None = None,
    options: TransformOptions | None = None,
    *,
    base: BasePipeline | None = None,
) -> Generator[TransformedFrame, None, None]:
    """The same pictures as :func:`transform` draws, one by one, in memory only.

    Closing the generator, or letting go of it, stops the stages behind it.
    """
    options = options or TransformOptions()
    job = prepare(Path(source), config or PipelineConfig.balanced_preset(), options, base)
    stage_pipeline = StagePipeline(job, segment_frames(job.config.video, job.tempo.rate))
    with Line(stage_pipeline.stages(first=0), _depth(job)) as line:
        for picture in line:
            shot = picture.shot
            yield TransformedFrame(shot.index, shot.time, shot.seconds, picture.image)


def _draw(job: Job, target: Target, project: Project) -> tuple[StagePipeline, Line]:
    """Draw the frames that are missing, segment by segment."""
    first = project.next_frame
    stage_pipeline, stages = stages_of(job, target.size, target.rate, project, first, project.state)
    total = None if job.seconds is None else round(job.seconds * job.tempo.rate)
    with Line(stages, _depth(job)) as line, Progress(line, total, first) as progress:
        for index in line:
            progress.step(index + 1)
    return stage_pipeline, line


def _depth(job: Job) -> int:
    return BATCHES_WAITING * job.config.transform.batch


def _refuse_itself(source: Path, out: Path) -> None:
    if out.exists() and source.exists() and out.samefile(source):
        raise OutputError(f"{out} is the video to read from: give the new one another name.")
