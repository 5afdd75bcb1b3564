"""Sound and subtitles of a source on their way into the new file, packet by packet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from phosphene.media import open_media, plain_read_errors
from phosphene.video.clip import VIDEO
from phosphene.video.sound import Song, encode_aac

Packets = Iterator[av.Packet]
MILLISECOND = Fraction(1, 1000)
ASS_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour,"
    b" Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline,"
    b" Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1\r\n\r\n"
    b"[Events]\r\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)
"""what FFmpeg's text encoders expect to have been told"""
QUICKTIME_LANGUAGES = {
    "deu": "ger", "ell": "gre", "isl": "ice", "nld": "dut", "swe": "sve", "zho": "chi",
}  # fmt: skip
"""its old codes for languages (FFmpeg, libavformat/isom.c); .mov has no others"""


@dataclass(frozen=True)
class Stretch:
    """Which part of a source goes along."""

    source: Path
    start: Fraction
    """seconds on the source's clock; it becomes time 0"""
    seconds: Fraction
    """of the new video"""
    whole: bool
    """to the source's end, which may be later than the picture's"""


class Track(Protocol):
    """One stream of the new file."""

    def packets(self, out: av.container.OutputContainer, files: ExitStack) -> Packets:
        """Add the stream to ``out`` at once; its packets, in order, when they are asked for.

        What must stay open meanwhile is entered into ``files``.
        """
        ...


@dataclass(frozen=True)
class CopiedTrack:
    """A stream whose packets are taken over bit by bit."""

    stretch: Stretch
    index: int
    """of the stream in the source"""

    def packets(self, out: av.container.OutputContainer, files: ExitStack) -> Packets:
        """See :class:`Track`."""
        source, stream = _open(self.stretch.source, self.index, files)
        target = out.add_stream_from_template(stream)
        _describe(out, target, stream)
        return self._moved(source, stream, target)

    def _moved(
        self,
        source: av.container.InputContainer,
        stream: av.stream.Stream,
        target: av.stream.Stream,
    ) -> Packets:
        for packet in _demux(self.stretch.source, source, stream):
            begin = _begin(packet, self.stretch)
            if begin is None or _outside(packet, begin, self.stretch):
                continue
            shift = round(self.stretch.start / Fraction(packet.time_base))
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            if stream.type == "subtitle" and begin < 0:
                # it was on the screen already when the video begins
                packet.duration = (packet.duration or 0) + packet.pts
                packet.pts = packet.dts = 0
            packet.stream = target
            yield packet


@dataclass(frozen=True)
class CoverTrack:
    """The picture that stands for a file."""

    source: Path
    index: int

    def packets(self, out: av.container.OutputContainer, files: ExitStack) -> Packets:
        """See :class:`Track`."""
        source, stream = _open(self.source, self.index, files)
        target = out.add_stream_from_template(stream)
        target.disposition = av.stream.Disposition.attached_pic.value
        return self._moved(source, stream, target)

    def _moved(
        self,
        source: av.container.InputContainer,
        stream: av.stream.Stream,
        target: av.stream.Stream,
    ) -> Packets:
        for packet in _demux(self.source, source, stream):
            packet.pts = packet.dts = 0
            packet.stream = target
            yield packet
            return


@dataclass(frozen=True)
class EncodedSound:
    """Sound that the container cannot hold as it is, as AAC."""

    stretch: Stretch
    index: int
    bit_rate: int

    def packets(self, out: av.container.OutputContainer, files: ExitStack) -> Packets:
        """See :class:`Track`."""
        song = Song(self.stretch.source, self.index)
        files.callback(song.close)
        target = out.add_stream("aac", rate=song.format.rate)
        target.layout = song.format.layout
        target.bit_rate = song.format.bit_rate(self.bit_rate)
        _describe(out, target, song.stream)
        late = song.starts - self.stretch.start
        first = round(max(late, Fraction(0)) * song.format.rate)
        count = round(self.stretch.seconds * song.format.rate) - first
        for_song = float(max(-late, Fraction(0)))
        return _delayed(encode_aac(song, target, for_song, count), first)


@dataclass(frozen=True)
class TextTrack:
    """Subtitles whose text is put into another format, which the container can hold."""

    stretch: Stretch
    index: int
    codec: str
    """FFmpeg's name of the encoder"""

    def packets(self, out: av.container.OutputContainer, files: ExitStack) -> Packets:
        """See :class:`Track`."""
        source, stream = _open(self.stretch.source, self.index, files)
        target = out.add_stream(self.codec)
        target.codec_context.time_base = target.time_base = MILLISECOND
        target.codec_context.subtitle_header = ASS_HEADER
        _describe(out, target, stream)
        return self._written(source, stream, target)

    def _written(
        self,
        source: av.container.InputContainer,
        stream: av.subtitles.stream.SubtitleStream,
        target: av.subtitles.stream.SubtitleStream,
    ) -> Packets:
        for number, packet in enumerate(_demux(self.stretch.source, source, stream)):
            begin = _begin(packet, self.stretch)
            if begin is None or _outside(packet, begin, self.stretch):
                continue
            text = _text(stream, packet)
            if not text:
                continue
            end = begin + (packet.duration or 0) * Fraction(packet.time_base)
            begin = max(begin, Fraction(0))
            line = f"{number},0,Default,,0,0,0,,".encode() + text
            length = round((end - begin) / MILLISECOND)
            written = target.codec_context.encode_subtitle(SubtitleSet.create(line, 0, length))
            written.stream, written.time_base = target, MILLISECOND
            written.pts = written.dts = round(begin / MILLISECOND)
            written.duration = length
            yield written


def _open(
    path: Path, index: int, files: ExitStack
) -> tuple[av.container.InputContainer, av.stream.Stream]:
    source = open_media(path, VIDEO)
    # not as a context: it would take the disk's complaints about the new file for the source's
    files.callback(source.close)
    return source, source.streams[index]


def _describe(
    out: av.container.OutputContainer, target: av.stream.Stream, stream: av.stream.Stream
) -> None:
    """Language, title and flags of a stream go along; what FFmpeg writes itself does not."""
    for key in ("language", "title", "handler_name"):
        if key in stream.metadata:
            target.metadata[key] = stream.metadata[key]
    if out.format.name == "mov" and "language" in target.metadata:
        language = target.metadata["language"]
        target.metadata["language"] = QUICKTIME_LANGUAGES.get(language, language)
    target.disposition = stream.disposition.value


def _demux(path: Path, source: av.container.InputContainer, stream: av.stream.Stream) -> Packets:
    """Packets of one stream with data in them; a file that ends inside one ends before it."""
    packets = source.demux(stream)
    while True:
        with plain_read_errors(path, VIDEO):
            try:
                packet = next(packets)
            except (StopIteration, av.error.InvalidDataError):
                return
        if packet.size and not packet.is_corrupt:
            yield packet


def _begin(packet: av.Packet, stretch: Stretch) -> Fraction | None:
    """Seconds in the new file; None where the packet does not say."""
    at = packet.pts if packet.pts is not None else packet.dts
    return None if at is None else at * Fraction(packet.time_base) - stretch.start


def _outside(packet: av.Packet, begin: Fraction, stretch: Stretch) -> bool:
    """Whether a packet is over before the stretch begins, or mostly comes after its end."""
    length = (packet.duration or 0) * Fraction(packet.time_base)
    # sound ends with the packet that is nearest to the end; a subtitle counts from its begin
    middle = begin if packet.stream.type == "subtitle" else begin + length / 2
    return begin + length < 0 or (not stretch.whole and middle >= stretch.seconds)


def _text(stream: av.subtitles.stream.SubtitleStream, packet: av.Packet) -> bytes:
    """The lines of a subtitle in ASS's own writing (``\\N`` between them)."""
    try:
        rects = stream.decode(packet)
    except av.error.FFmpegError:
        return b""
    parts = [rect.ass.split(b",", 8)[-1] for rect in rects if isinstance(rect, AssSubtitle)]
    return b"\\N".join(part.strip() for part in parts if part.strip())


def _delayed(packets: Packets, samples: int) -> Packets:
    for packet in packets:
        packet.pts += samples
        packet.dts += samples
        yield packet
