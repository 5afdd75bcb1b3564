"""The stages of a transform that end in segments: what one machine does, and a worker far away."""

from __future__ import annotations

from fractions import Fraction

from phosphene.show.sinks.segments import SegmentSink, Shelf
from phosphene.show.transform.crew import Crew
from phosphene.show.transform.job import Job
from phosphene.show.transform.keep import Keeper, load
from phosphene.show.transform.line import Stage
from phosphene.video.spec import Size, VideoSpec, segment_frames


def stages_of(
    job: Job, size: Size, rate: Fraction, shelf: Shelf, first: int, state: bytes | None
) -> tuple[Crew, list[Stage]]:
    """Stages from the source to segments of ``size`` on ``shelf``, from frame ``first`` on.

    ``state`` is what was kept with the segment before, None at the very beginning.
    """
    crew = Crew(job, segment_frames(job.config.video, rate))
    if state is not None:
        known = load(state)
        if "shown" in known:  # the last segment of all has none, and nothing comes after it
            crew.restore(known)
    spec = VideoSpec.of(
        job.config.video,
        size,
        rate,
        colour=job.clip.colour.shown,
        sample_aspect=job.clip.sample_aspect,
        crop=False,
    )
    keeper = Keeper(SegmentSink(shelf, spec))
    return crew, [*crew.stages(first), Stage("write", keeper.run)]
