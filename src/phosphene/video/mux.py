"""Joins finished segments, sound and subtitles into the final file."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from phosphene.errors import OutputError
from phosphene.video.carry import MUXERS, Baggage
from phosphene.video.failures import plain_write_errors
from phosphene.video.files import publish, refuse_change, source_mark
from phosphene.video.sound import Song, encode_aac

NOTHING = Baggage()
REORDER = 2
"""frames; x264 never sends a picture more than two places before it is shown"""


@dataclass(frozen=True)
class Clock:
    """When each picture is shown."""

    rate: Fraction
    """frames per second the segments were encoded at"""
    time_base: Fraction
    """seconds per tick"""
    ticks: Sequence[int]
    """of every frame, and of the end: one more than there are frames"""

    @classmethod
    def even(cls, rate: Fraction, frames: int) -> Clock:
        """``frames`` pictures, picture i at i / ``rate``."""
        return cls(rate, 1 / rate, range(frames + 1))

    @property
    def end(self) -> Fraction:
        """Seconds."""
        return self.ticks[-1] * self.time_base

    @property
    def step(self) -> int:
        """Ticks of a usual picture, at least 1."""
        return max(1, round(1 / self.rate / self.time_base))


@dataclass(frozen=True)
class Sound:
    """Which sound goes with the picture."""

    song: Path
    start: float
    """seconds in the song at which the video begins"""
    bit_rate: int
    """AAC bits per second"""
    mark: str = ""
    """content mark of the song when it was heard; empty: it may be another one by now"""

    @classmethod
    def of(cls, song: Path, start: float, bit_rate: int) -> Sound:
        """The song as it is now. Raises :class:`~phosphene.errors.InputError`."""
        return cls(song, start, bit_rate, source_mark(song))


@dataclass(frozen=True)
class Tags:
    """What a player shows about the file."""

    title: str = ""
    comment: str = ""


def assemble(
    segments: Sequence[Path],
    out_path: Path,
    *,
    clock: Clock,
    sound: Sound | None,
    tags: Tags,
    work: Path,
    overwrite: bool,
    baggage: Baggage = NOTHING,
) -> None:
    """Join ``segments``, ``sound`` and ``baggage`` into ``out_path``, in one step at the very end.

    Video packets are copied, with time stamps from the ``clock``. The sound is cut or padded with
    silence to the clock's end. The file grows in the folder ``work``, which
    must be on the file system of ``out_path``, and is renamed when it is complete and on the disk; a
    kill at any moment leaves nothing under the final name and does no harm to what was there.
    Raises :class:`~phosphene.errors.OutputError` for the disk and for segments that do not fit
    together, :class:`~phosphene.errors.InputError` for the song.
    """
    unfinished = work / f"unfinished{out_path.suffix}"
    if sound is not None and sound.mark:
        refuse_change(sound.song, sound.mark)
    song = None if sound is None else Song(sound.song)
    with plain_write_errors(out_path):
        try:
            _write(unfinished, segments, clock, song, sound, tags, baggage)
        finally:
            if song is not None:
                song.close()
        publish(unfinished, out_path, overwrite=overwrite)


def _write(
    path: Path,
    segments: Sequence[Path],
    clock: Clock,
    song: Song | None,
    sound: Sound | None,
    tags: Tags,
    baggage: Baggage,
) -> None:
    muxer = MUXERS[path.suffix.lower()]
    # players on the web can start before the whole file is there
    flags = "+faststart"
    if any("." in key for key in baggage.tags):
        # QuickTime's own tags, such as com.apple.quicktime.make, are kept under their full names only
        flags += "+use_metadata_tags"
    options = {} if muxer == "matroska" else {"movflags": flags}
    with (
        ExitStack() as files,
        av.open(f"file:{path}", "w", format=muxer, options=options) as out,
    ):
        out.metadata.update({k: _utf8(v) for k, v in baggage.tags.items()})
        out.metadata.update({k: _utf8(v) for k, v in vars(tags).items() if v})
        with closing(_open_segment(segments[0])) as first:
            video = out.add_stream_from_template(first.streams.video[0])
        video.time_base = clock.time_base
        sources: list[Iterator[av.Packet]] = [_video_packets(segments, video, clock)]
        if song is not None and sound is not None:
            sources.append(_audio_packets(out, song, sound, clock.end))
        sources += [track.packets(out, files) for track in baggage.tracks]
        for item in baggage.attachments:
            out.add_attachment(item.name, item.mimetype, item.data)
        if baggage.chapters:
            out.set_chapters(list(baggage.chapters))
        # in order of time, so that a player needs to buffer little
        for packet in heapq.merge(*sources, key=_time):
            out.mux(packet)


def _utf8(text: str) -> str:
    """A tag as it can be written: names of files need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _time(packet: av.Packet) -> Fraction:
    return Fraction(packet.dts * packet.time_base)


def _audio_packets(
    out: av.container.OutputContainer, song: Song, sound: Sound, seconds: Fraction
) -> Iterator[av.Packet[av.AudioStream]]:
    stream = out.add_stream("aac", rate=song.format.rate)
    stream.layout = song.format.layout
    stream.bit_rate = song.format.bit_rate(sound.bit_rate)
    return encode_aac(song, stream, sound.start, round(seconds * song.format.rate))


def _video_packets(
    segments: Sequence[Path], stream: av.VideoStream, clock: Clock
) -> Iterator[av.Packet[av.VideoStream]]:
    first = decoded = 0
    ticks, step = clock.ticks, clock.step
    header = stream.codec_context.extradata
    for path in segments:
        with closing(_open_segment(path)) as segment:
            source = segment.streams.video[0]
            if source.codec_context.extradata != header:
                raise OutputError(
                    f"{path} was encoded in another way than the first segment: start again with"
                    " --overwrite."
                )
            for packet in segment.demux(source):
                if packet.dts is None:  # end of file
                    continue
                index = first + round(packet.pts * packet.time_base * clock.rate)
                late = decoded - REORDER
                packet.pts = ticks[index]
                packet.dts = ticks[late] if late >= 0 else ticks[0] + late * step
                packet.duration = ticks[index + 1] - ticks[index]
                if decoded == len(ticks) - 2 and ticks[-1] - ticks[-2] > step:
                    # MP4 is as long as its decoding times: the last packet must end with the picture that
                    # is shown last, which may be another, where that one stays for long. an even clock's
                    # end needs none of this, which would count as another frame rate
                    packet.dts, packet.duration = packet.pts, ticks[-1] - packet.pts
                packet.time_base = clock.time_base
                packet.stream = stream
                decoded += 1
                yield packet
        first = decoded


def _open_segment(path: Path) -> av.container.InputContainer:
    try:
        return av.open(f"file:{path}")
    except av.error.FFmpegError as error:
        raise OutputError(
            f"{path} cannot be read ({error.strerror}): start again with --overwrite."
        ) from error
