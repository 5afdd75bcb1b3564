"""The exits that the command line asks for."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.config import PipelineConfig
from phosphene.errors import InputError, OutputError
from phosphene.show.score import ENDING
from phosphene.show.sinks.camera import CameraSink
from phosphene.show.sinks.clocked import ClockedExit
from phosphene.show.sinks.encoded import VideoSink
from phosphene.show.sinks.file import file_target
from phosphene.show.sinks.ndi import NdiSink
from phosphene.show.sinks.remote import RemoteSink
from phosphene.show.sinks.rtmp import rtmp_target
from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.spout import SpoutSink
from phosphene.show.sinks.syphon import SyphonSink
from phosphene.show.sinks.whip import WhipSink
from phosphene.video.sizes import even_size
from phosphene.video.spec import Size, frame_rate
from phosphene.video.target import check_target


@dataclass(frozen=True)
class ExitOptions:
    """Flags."""

    record: str | None = None
    record_video: bool = False
    """with a score: what cameras see is kept beside it"""
    rtmp: str | None = None
    virtual_camera: bool = False
    ndi: str | None = None
    """name on the network"""
    whip: str | None = None
    whip_token: str | None = None
    spout: str | None = None
    syphon: str | None = None
    with_sound: bool = False
    """what is heard leaves with the pictures, where that can be"""
    overwrite: bool = False


def is_score(record: str) -> bool:
    """Whether a show is to be written down rather than filmed."""
    return record.lower().endswith(ENDING)


def choose_exits(options: ExitOptions, config: PipelineConfig, size: Size) -> list[ClockedExit]:
    """Exits for pictures of ``size`` (width, height), checked before anything is loaded.

    Raises PhospheneError where one cannot work.
    """
    if options.record_video and (options.record is None or not is_score(options.record)):
        raise InputError(
            "--record-video keeps a camera's pictures with a score: give --record FILE.score, too."
        )
    size, rate = even_size(size), frame_rate(config.live.fps)
    sinks: list[Sink] = []
    if options.record is not None and not is_score(options.record):
        if not options.record.lower().endswith(".mp4"):
            raise OutputError(f"{options.record} must end in .mp4 or .score to be recorded to.")
        check_target(options.record, size, config.live.fps, seconds=0, overwrite=options.overwrite)
        how = config.video.crf, config.video.encoder_preset
        target = file_target(options.record, *how, options.with_sound)
        sinks.append(VideoSink(target, size, rate))
    if options.rtmp is not None:
        sinks.append(RemoteSink(rtmp_target(options.rtmp), size, rate))
    if options.virtual_camera:
        sinks.append(CameraSink(size, rate))
    # each library is looked for where it is asked for
    if options.ndi is not None:
        sinks.append(NdiSink(options.ndi, size, rate, options.with_sound))
    if options.whip is not None:
        sinks.append(WhipSink(options.whip, options.whip_token, size, rate, options.with_sound))
    if options.spout is not None:
        sinks.append(SpoutSink(options.spout, size, rate))
    if options.syphon is not None:
        sinks.append(SyphonSink(options.syphon, size, rate))
    if options.with_sound and not any(sink.hears for sink in sinks):
        raise InputError(
            "--with-sound needs where to: --ndi, --whip, --rtmp or --record OUT.mp4 carry sound."
        )
    return [ClockedExit(sink, rate, options.with_sound) for sink in sinks]
