"""The stages of a transform that end in segments: what one machine does, and a worker far away."""

from __future__ import annotations

from fractions import Fraction

from phosphene.show.sinks.segments import SegmentSink, Shelf
from phosphene.show.transform.job import Job
from phosphene.show.transform.keep import Keeper, load
from phosphene.show.transform.line import PipelineStage
from phosphene.show.transform.stage_pipeline import StagePipeline
from phosphene.video.spec import Size, VideoSpec, segment_frames


def stages_of(
    job: Job, size: Size, rate: Fraction, shelf: Shelf, first: int, state: bytes | None
) -> tuple[StagePipeline, list[PipelineStage]]:
    """Stages from the source to segments of ``size`` on ``shelf``, from frame ``first`` on.

    ``state`` is what was kept with the segment before, None at the very beginning.
    """
    stage_pipeline = StagePipeline(job, segment_frames(job.config.video, rate))
    if state is not None:
        known = load(state)
        if "shown" in known:  # the last segment of all has none, and nothing comes after it
            stage_pipeline.restore(known)
    spec = VideoSpec.of(
        job.config.video,
        size,
        rate,
        colour=job.clip.colour.shown,
        sample_aspect=job.clip.sample_aspect,
        crop=False,
    )
    keeper = Keeper(SegmentSink(shelf, spec))
    return stage_pipeline, [*stage_pipeline.stages(first), PipelineStage("write", keeper.run)]
