"""Segments of a transformed video become a file, with everything else that its source has."""

from __future__ import annotations

from dataclasses import replace

from phosphene.config import VideoConfig
from phosphene.errors import InputError
from phosphene.show.transform.keep import clock
from phosphene.show.transform.options import TransformOptions
from phosphene.show.transform.read import Tempo
from phosphene.video.carry import Carried, gather
from phosphene.video.clip import Clip, opened
from phosphene.video.files import refuse_change
from phosphene.video.mux import Clock, Sound, Tags, assemble
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
    sound: Sound | None = None,
) -> Clock:
    """Write the finished segments of ``project`` to ``target``; tells when each frame is shown.

    ``sound`` is another than the clip's own. Raises :class:`InputError` when there is no picture at all,
    and as :func:`~phosphene.video.mux.assemble`.
    """
    refuse_change(clip.path, clip.mark)
    times = clock(project.states, Tempo.of(clip, options), target.rate)
    if len(times.ticks) < 2:
        raise InputError(f"{clip.path} shows no picture in the stretch that was asked for.")
    stretch = Stretch(
        source=clip.path,
        start=clip.start + options.window[0],
        seconds=times.end,
        whole=options.duration is None,
    )
    if sound is not None:
        # it sounds of what it moves to
        carried = replace(carried, copied=_mute(carried.copied, clip), encoded=())
    assemble(
        project.paths,
        target.path,
        clock=times,
        sound=sound,
        tags=Tags(),
        work=project.folder,
        overwrite=options.overwrite,
        baggage=gather(carried, stretch, target.path.suffix.lower(), video.audio_bitrate),
    )
    return times


def _mute(indices: tuple[int, ...], clip: Clip) -> tuple[int, ...]:
    """Streams among ``indices`` that are no sound."""
    with opened(clip.path) as container:
        sounds = {stream.index for stream in container.streams.audio}
    return tuple(index for index in indices if index not in sounds)
