"""What of a source goes along with the new picture: sound, subtitles, chapters, tags."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.subtitles.subtitle import SubtitleSet

from phosphene.video.clip import opened, picture_stream
from phosphene.video.tracks import CopiedTrack, CoverTrack, EncodedSound, Stretch, TextTrack, Track

if TYPE_CHECKING:
    from av.container.core import Chapter

COVERS = {
    "mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png"),
    "bmp": ("cover.bmp", "image/bmp"), "gif": ("cover.gif", "image/gif"),
    "webp": ("cover.webp", "image/webp"), "tiff": ("cover.tiff", "image/tiff"),
}  # fmt: skip
"""FFmpeg's name of a picture -> what it is called as a file in .mkv"""
MP4_COVERS = frozenset(("mjpeg", "png", "bmp"))
"""what the cover of an MP4 may be (FFmpeg, libavformat/movenc.c)"""
MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
TEXT_CODECS = {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "subrip"}
TEXTS = frozenset(("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text", "ttml"))
CAN_WRITE_TEXT = hasattr(SubtitleSet, "create")
"""PyAV 16 only reads subtitles"""
OWN_TAGS = frozenset(
    ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name")
)
"""written by every muxer for itself"""


@dataclass(frozen=True)
class Attachment:
    """A file inside a file, such as a font for the subtitles."""

    name: str
    mimetype: str
    data: bytes


@dataclass(frozen=True)
class Baggage:
    """All that goes along."""

    tracks: tuple[Track, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Carried:
    """A decision about every stream of a source that is not the picture."""

    copied: tuple[int, ...]
    """indices of streams whose packets are taken over"""
    encoded: tuple[int, ...]
    """of sound that becomes AAC"""
    written: tuple[int, ...]
    """of subtitles that become another text format"""
    covers: tuple[int, ...]
    """of pictures that stand for the file"""
    notes: tuple[str, ...]
    """what cannot go along or not as it is, one sentence each"""

    def tracks(self, stretch: Stretch, suffix: str, bit_rate: int) -> tuple[Track, ...]:
        """The streams of the new file besides its picture, in the order of the source."""
        made: dict[int, Track] = {index: CopiedTrack(stretch, index) for index in self.copied}
        made |= {index: EncodedSound(stretch, index, bit_rate) for index in self.encoded}
        made |= {index: TextTrack(stretch, index, TEXT_CODECS[suffix]) for index in self.written}
        if suffix == ".mp4":
            made |= {index: CoverTrack(stretch.source, index) for index in self.covers}
        return tuple(made[index] for index in sorted(made))


def decide(source: Path, suffix: str) -> Carried:
    """What a file ending in ``suffix`` can take from ``source``. Raises :class:`InputError`."""
    copied, encoded, written, covers, notes = [], [], [], [], []
    holds = _codecs(MUXERS[suffix])
    with opened(source) as container:
        for stream in (*container.streams.audio, *container.streams.subtitles):
            codec = None if stream.codec_context is None else stream.codec_context.name
            what = f"the {stream.type} track {stream.index} of {source.name}"
            if codec is None:
                notes.append(f"{what} is in a format that is not known here: it is left out.")
            elif codec in holds and _takes(source, stream.index, MUXERS[suffix]):
                copied.append(stream.index)
            elif stream.type == "audio":
                encoded.append(stream.index)
                notes.append(f"{what} is {codec}, which {suffix} cannot hold: it becomes AAC.")
            elif codec in TEXTS and not CAN_WRITE_TEXT:
                notes.append(f"{what} is {codec}, which needs PyAV 17 to be kept: it is left out.")
            elif codec in TEXTS:
                written.append(stream.index)
            else:
                notes.append(
                    f"{what} is {codec}, which {suffix} cannot hold: it is left out; .mkv keeps it."
                )
        for stream in _other_pictures(source, container):
            codec = None if stream.codec_context is None else stream.codec_context.name
            if not stream.disposition & av.stream.Disposition.attached_pic:
                notes.append(f"only the first picture track of {source.name} is drawn over.")
            elif (suffix == ".mkv" and codec in COVERS) or (
                suffix == ".mp4" and codec in MP4_COVERS
            ):
                covers.append(stream.index)
            else:
                notes.append(
                    f"the cover of {source.name} is {codec}, which {suffix} cannot hold: it is left out."
                )
        notes += _left_out(source, container, suffix)
    parts = (copied, encoded, written, covers, dict.fromkeys(notes))
    return Carried(*map(tuple, parts))


def gather(carried: Carried, stretch: Stretch, suffix: str, bit_rate: int) -> Baggage:
    """Everything that goes along over a ``stretch``. Raises :class:`InputError`."""
    with opened(stretch.source) as container:
        tags = {k: v for k, v in container.metadata.items() if k.lower() not in OWN_TAGS}
        chapters = [moved for c in container.chapters() if (moved := _move(c, stretch))]
        attached = [
            Attachment(s.metadata.get("filename", f"attachment{s.index}"), s.mimetype, s.data)
            for s in container.streams.attachments
            if s.mimetype and s.data
        ]
        for index in carried.covers:
            stream = container.streams[index]
            data = next((bytes(p) for p in container.demux(stream) if p.size), b"")
            attached.append(Attachment(*COVERS[stream.codec_context.name], data))
    return Baggage(
        tracks=carried.tracks(stretch, suffix, bit_rate),
        tags=tags,
        chapters=tuple(chapters),
        attachments=tuple(attached) if suffix == ".mkv" else (),
    )


def _other_pictures(source: Path, container: av.container.InputContainer) -> list[av.VideoStream]:
    first = picture_stream(source, container)
    return [stream for stream in container.streams.video if stream.index != first.index]


def _left_out(source: Path, container: av.container.InputContainer, suffix: str) -> Iterator[str]:
    """A sentence about each track that is neither sound, subtitles nor picture."""
    chapters = bool(container.chapters())
    for stream in container.streams.data:
        name = stream.metadata.get("handler_name", "data")
        # titles of chapters are read as chapters, a time code as a tag: both go along
        titles = chapters and any(word in name.lower() for word in ("text", "subtitle"))
        if not titles and "timecode" not in stream.metadata:
            yield f"track {stream.index} of {source.name} ({name}) is left out."
    if suffix != ".mkv" and len(list(container.streams.attachments)):
        yield f"files attached to {source.name} are left out; .mkv keeps them."


def _takes(source: Path, index: int, muxer: str) -> bool:
    """Whether a muxer takes a stream as it is: header, first packet and all.

    What FFmpeg lists as codecs of a format is a wish: PCM from AVI and FLAC into MOV fail in the header.
    """
    written = io.BytesIO()
    with opened(source) as container, closing(av.open(written, "w", format=muxer)) as out:
        stream = container.streams[index]
        try:
            target = out.add_stream_from_template(stream)
            out.start_encoding()
            for packet in container.demux(stream):
                if packet.size and packet.dts is not None:
                    packet.stream = target
                    out.mux(packet)
                    break
            out.close()
        except (av.error.FFmpegError, ValueError, NotImplementedError):
            return False
    return True


def _codecs(muxer: str) -> frozenset[str]:
    with av.open(io.BytesIO(), "w", format=muxer) as container:
        return frozenset(container.supported_codecs)


def _move(chapter: Chapter, stretch: Stretch) -> Chapter | None:
    """A chapter on the new file's clock, cut to the stretch; None where nothing of it is left."""
    base = chapter["time_base"]
    if base is None:
        return None
    shift = round(stretch.start / base)
    last = round(stretch.seconds / base)
    begin, end = chapter["start"] - shift, chapter["end"] - shift
    begin, end = max(begin, 0), end if stretch.whole else min(end, last)
    return None if end <= begin else {**chapter, "start": begin, "end": end}
