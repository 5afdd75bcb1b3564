"""Segments of a transformed video become a file, with everything else that its source has."""

from __future__ import annotations

from phosphene.config import VideoConfig
from phosphene.errors import InputError
from phosphene.show.transform.keep import clock
from phosphene.show.transform.options import TransformOptions
from phosphene.show.transform.read import Tempo
from phosphene.video.carry import Carried, gather
from phosphene.video.clip import Clip
from phosphene.video.mux import Clock, Tags, assemble
from phosphene.video.project import Project
from phosphene.video.target import Target
from phosphene.video.tracks import Stretch


def join(
    project: Project,
    target: Target,
    clip: Clip,
    options: TransformOptions,
    video: VideoConfig,
    carried: Carried,
) -> Clock:
    """Write the finished segments of ``project`` to ``target``; tells when each frame is shown.

    Raises :class:`InputError` when there is no picture at all, and as
    :func:`~phosphene.video.mux.assemble`.
    """
    times = clock(project.states, Tempo.of(clip, options), target.rate)
    if len(times.ticks) < 2:
        raise InputError(f"{clip.path} shows no picture in the stretch that was asked for.")
    stretch = Stretch(
        source=clip.path,
        start=clip.start + options.window[0],
        seconds=times.end,
        whole=options.duration is None,
    )
    assemble(
        project.paths,
        target.path,
        clock=times,
        sound=None,
        tags=Tags(),
        work=project.folder,
        overwrite=options.overwrite,
        baggage=gather(carried, stretch, target.path.suffix.lower(), video.audio_bitrate),
    )
    return times
