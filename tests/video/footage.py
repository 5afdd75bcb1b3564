"""Video files of all sorts for the tests: odd, turned, uneven in time, HDR, broken."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.subtitles.subtitle import SubtitleSet

from phosphene.video.tracks import ASS_HEADER
from tests.video.media import make_song

TICK = Fraction(1, 600)


@dataclass(frozen=True)
class Look:
    """How a clip is stored."""

    size: tuple[int, int] = (96, 64)
    pixels: str = "yuv420p"
    codec: str = "libx264"
    turn: tuple[int, ...] = (1, 0, 0, 1)
    """a, b, c, d of the display matrix"""
    sample_aspect: Fraction = Fraction(1)
    matrix: int = 1
    primaries: int = 1
    transfer: int = 1
    full_range: bool = False


def uneven_times(frames: int, seed: int = 0) -> list[int]:
    """Ticks of frames 1/60 to 1/10 s apart, and of the end."""
    steps = np.random.default_rng(seed).choice([10, 20, 40, 60], frames)
    return [0, *np.cumsum(steps).tolist()]


def even_times(frames: int, rate: int = 25) -> list[int]:
    """Ticks of frames at ``rate``, and of the end."""
    return [600 // rate * i for i in range(frames + 1)]


def scene(index: int, size: tuple[int, int]) -> np.ndarray:
    """Smooth colours with a white block that moves right; frames can be told apart."""
    width, height = size
    x, y = np.arange(width) / width, np.arange(height)[:, None] / height
    frame = np.stack(np.broadcast_arrays(200 * x + 0 * y, 200 * y + 0 * x, 60 + 0 * x * y), -1)
    left = 2 * index % max(1, width - 16)
    frame[height // 4 : height // 2, left : left + 16] = 235
    return frame.astype(np.uint8)


def write_clip(
    path: Path,
    times: list[int],
    look: Look = Look(),
    frames: list[np.ndarray] | None = None,
    *,
    sound: int = 0,
    subtitles: str = "",
    options: dict[str, str] | None = None,
) -> Path:
    """A clip whose frame i is shown from ``times[i]`` to ``times[i + 1]``, in ticks of 1/600 s.

    ``sound`` is a number of channels of low-passed noise; ``subtitles`` a codec for three lines.
    """
    packets: list[av.Packet] = []
    with av.open(str(path), "w", options=options or {}) as out:
        video = _video_stream(out, look)
        audio = out.add_stream("aac", rate=48000) if sound else None
        text = out.add_stream(subtitles) if subtitles else None
        for index in range(len(times) - 1):
            image = scene(index, look.size) if frames is None else frames[index]
            picture = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
                format=look.pixels,
                dst_colorspace=5 if look.matrix == 6 else look.matrix,
                src_color_range=2,
                dst_color_range=2 if look.full_range else 1,
            )
            picture.pts, picture.time_base = times[index], TICK
            packets += video.encode(picture)
        packets += video.encode(None)
        if audio is not None:
            packets += _sound(audio, sound, float(times[-1] * TICK))
        if text is not None:
            packets += _lines(text)
        if sound or subtitles:
            out.metadata.update({"title": "a title", "artist": "somebody"})
            chapters = [(0, 500, "one"), (500, 1000, "two")]
            out.set_chapters(
                [
                    {"id": k, "start": a, "end": b, "time_base": Fraction(1, 1000), "metadata": {"title": t}}
                    for k, (a, b, t) in enumerate(chapters)
                ]
            )  # fmt: skip
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    return path


def encrypted(path: Path) -> Path:
    """A video under common encryption, whose key nobody has."""
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "00112233445566778899aabbccddeeff",
        "encryption_kid": "00112233445566778899aabbccddee00",
    }
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 96, 3)).astype(np.uint8)
    return write_clip(path, even_times(20), frames=list(noise), options=options)


def with_cover(path: Path) -> Path:
    """A song with a cover picture, as players of music keep it."""
    make_song(path.with_suffix(".wav"), 44100, 2, 0.5)
    with av.open(str(path.with_suffix(".wav"))) as song, av.open(str(path), "w") as out:
        audio = out.add_stream("libmp3lame", rate=44100)
        cover = out.add_stream("mjpeg", rate=25)
        cover.width = cover.height = 64
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for frame in song.decode(audio=0):
            frame.pts = None
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        out.mux(cover.encode(picture.reformat(format="yuvj420p")))
        out.mux(cover.encode(None))
    return path


def still(path: Path) -> Path:
    """One picture in a picture's own format."""
    codec = {".png": "png", ".jpg": "mjpeg", ".webp": "libwebp"}[path.suffix]
    context = av.CodecContext.create(codec, "w")
    context.width = context.height = 64
    context.pix_fmt = "rgb24" if codec == "png" else "yuvj420p" if codec == "mjpeg" else "yuv420p"
    context.time_base = Fraction(1, 25)
    picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
    packets = [*context.encode(picture.reformat(format=context.pix_fmt)), *context.encode(None)]
    path.write_bytes(b"".join(map(bytes, packets)))
    return path


def no_frames(path: Path) -> Path:
    """A video file with a picture stream that has nothing in it."""
    with av.open(str(path), "w") as out:
        _video_stream(out, Look())
        out.start_encoding()
    return path


def _video_stream(out: av.container.OutputContainer, look: Look) -> av.VideoStream:
    options = {"preset": "ultrafast", "crf": "10"} if look.codec == "libx264" else {}
    video = out.add_stream(look.codec, rate=30, options=options)
    video.width, video.height, video.pix_fmt = *look.size, look.pixels
    context = video.codec_context
    context.time_base = video.time_base = TICK
    context.sample_aspect_ratio = look.sample_aspect
    context.colorspace, context.color_primaries = look.matrix, look.primaries
    context.color_trc = look.transfer
    context.color_range = 2 if look.full_range else 1
    if look.turn != (1, 0, 0, 1):
        a, b, c, d = (part << 16 for part in look.turn)
        video.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
    return video


def _sound(audio: av.AudioStream, channels: int, seconds: float) -> list[av.Packet]:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    audio.layout = layout
    audio.metadata["language"] = "deu"
    rng = np.random.default_rng(7)
    noise = rng.standard_normal((channels, round(48000 * seconds)))
    sound = (0.15 * (noise + np.roll(noise, 1, 1) + np.roll(noise, 2, 1))).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(sound, "fltp", layout)
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    return [*audio.encode(frame), *audio.encode(None)]


def _lines(text: av.subtitles.stream.SubtitleStream) -> list[av.Packet]:
    text.metadata["language"] = "fra"
    text.codec_context.time_base = text.time_base = Fraction(1, 1000)
    text.codec_context.subtitle_header = ASS_HEADER
    packets = []
    for number, (begin, end, line) in enumerate(LINES):
        event = f"{number},0,Default,,0,0,0,,{line}".encode()
        packet = text.codec_context.encode_subtitle(SubtitleSet.create(event, 0, end - begin))
        packet.stream, packet.time_base = text, Fraction(1, 1000)
        packet.pts = packet.dts = begin
        packet.duration = end - begin
        packets.append(packet)
    return packets


LINES = ((100, 400, "hello"), (450, 700, "wörld\\Nagain"), (900, 1100, "bye"))
"""(begin, end, text) of the subtitles, milliseconds"""
