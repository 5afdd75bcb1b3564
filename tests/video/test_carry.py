"""Sound, subtitles, chapters and tags of a source in a new file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.video.carry import Carried, decide, gather
from phosphene.video.clip import probe
from phosphene.video.mux import Clock, Tags, assemble
from phosphene.video.spec import VideoSpec
from phosphene.video.tracks import Stretch
from phosphene.video.writer import SegmentWriter
from tests.video.footage import LINES, TICK, scene, uneven_times, write_clip
from tests.video.media import CONFIG, lag

TIMES = uneven_times(40)
SECONDS = TIMES[-1] * TICK


def carry(source: Path, out: Path, start: float = 0, duration: float | None = None) -> Carried:
    """``source`` with a new picture of one frame every 1/25 s, and all else from it."""
    clip, suffix = probe(source), out.suffix
    seconds = Fraction(duration or SECONDS - Fraction(start))
    frames = round(seconds * 25)
    segment = SegmentWriter(
        out.with_suffix(".part.mp4"), VideoSpec.of(CONFIG, (96, 64), Fraction(25))
    )
    for index in range(frames):
        segment.write(scene(index, (96, 64)))
    segment.close()
    carried = decide(source, suffix)
    stretch = Stretch(source, clip.start + Fraction(start), Fraction(frames, 25), duration is None)
    assemble(
        [segment.path], out, clock=Clock.even(Fraction(25), frames), sound=None, tags=Tags(),
        work=out.parent, overwrite=True, baggage=gather(carried, stretch, suffix, 192_000),
    )  # fmt: skip
    return carried


def heard(path: Path) -> np.ndarray:
    """First channel of the first sound, each sample at its time on the file's clock, 48 kHz."""
    out = np.zeros(48000 * 6, np.float32)
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            samples = frame.to_ndarray()[0]
            if samples.dtype == np.uint8:
                samples = samples / np.float32(128) - 1
            at = round(frame.pts * frame.time_base * 48000)
            cut = max(0, -at)
            out[at + cut : at + len(samples)] = samples[cut:]
    return out


def lines(path: Path) -> Iterator[tuple[float, float, str]]:
    with av.open(str(path)) as file:
        stream = file.streams.subtitles[0]
        for packet in file.demux(stream):
            for rect in stream.decode(packet) if packet.size else []:
                begin = float(packet.pts * packet.time_base)
                text = rect.ass.split(b",", 8)[-1].decode()
                if text:
                    yield begin, begin + float(packet.duration * packet.time_base), text


def first_picture(path: Path) -> float:
    with av.open(str(path)) as file:
        frame = next(file.decode(video=0))
        return float(frame.pts * frame.time_base)


@pytest.mark.parametrize("subtitles", ["mov_text", "ass", "subrip"])
@pytest.mark.parametrize("to", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize(("start", "duration"), [(0, None), (0.5, 0.8)])
def test_everything_goes_along_and_stays_in_time(
    tmp_path: Path, subtitles: str, to: str, start: float, duration: float | None
) -> None:
    suffix = "mp4" if subtitles == "mov_text" else "mkv"
    source = write_clip(tmp_path / f"in.{suffix}", TIMES, sound=6, subtitles=subtitles)
    out = tmp_path / f"out{to}"
    carried = carry(source, out, start, duration)
    assert carried.encoded == ()
    assert carried.notes == ()
    # a container that has no negative times moves all streams by the same little
    shift = first_picture(out)
    assert 0 <= shift < 0.03
    with av.open(str(out)) as file:
        [sound], [text] = file.streams.audio, file.streams.subtitles
        assert (sound.channels, sound.rate, sound.codec_context.name) == (6, 48000, "aac")
        # quicktime has names of its own
        german = "ger" if to == ".mov" else "deu"
        assert (sound.metadata["language"], text.metadata["language"]) == (german, "fra")
        assert file.metadata["title"] == "a title"
        assert {k.lower(): v for k, v in file.metadata.items()}["artist"] == "somebody"
        length = float(SECONDS) if duration is None else duration
        assert abs(file.duration / 1e6 - length) < 0.04
        chapters = [c["metadata"]["title"] for c in file.chapters()]
        assert chapters == (["one", "two"] if start < 0.5 else ["two"])
    # bit for bit the same sound at the same time
    part = heard(source)[round(start * 48000) :]
    stop = round(0.75 * 48000)
    late = lag(heard(out)[4800:stop], part[4800:stop])
    assert abs(late - shift * 48000) < 48
    expected = [
        (max(0.0, a / 1000 - start), b / 1000 - start, line)
        for a, b, line in LINES
        if b / 1000 > start and (duration is None or a / 1000 < start + duration)
    ]
    for (begin, end, line), (begin_then, end_then, line_then) in zip(
        lines(out), expected, strict=True
    ):
        assert line.replace("\n", "\\N") == line_then
        assert abs(begin - shift - begin_then) < 0.002
        assert abs(end - shift - end_then) < 0.002


def test_sound_a_container_cannot_hold_becomes_aac(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", TIMES, sound=2)
    source = tmp_path / "in.mkv"
    with av.open(str(plain)) as file, av.open(str(source), "w") as out:
        picture = out.add_stream_from_template(file.streams.video[0])
        sound = out.add_stream("pcm_u8", rate=48000)
        sound.layout, sound.metadata["language"] = "mono", "spa"
        packets = []
        for packet in file.demux():
            if packet.stream.type == "video" and packet.size:
                packet.stream = picture
                packets.append(packet)
            elif packet.stream.type == "audio":
                for frame in packet.decode():
                    packets += sound.encode(av.AudioResampler("u8", "mono").resample(frame)[0])
        packets += sound.encode(None)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    carried = carry(source, tmp_path / "out.mp4", 0.5)
    assert len(carried.encoded) == 1
    assert "becomes AAC" in carried.notes[0]
    with av.open(str(tmp_path / "out.mp4")) as file:
        [sound] = file.streams.audio
        assert sound.codec_context.name == "aac"
        assert sound.metadata["language"] == "spa"
    ours, theirs = heard(tmp_path / "out.mp4"), heard(source)[24000:]
    assert abs(lag(ours[4800:36000], theirs[4800:36000])) < 96
    assert carry(source, tmp_path / "kept.mkv").encoded == ()


def test_subtitles_that_are_pictures_are_kept_or_told(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", TIMES)
    source = tmp_path / "in.mkv"
    with av.open(str(plain)) as file, av.open(str(source), "w") as out:
        picture = out.add_stream_from_template(file.streams.video[0])
        text = out.add_mux_stream("pgssub", rate=1)
        for packet in file.demux(file.streams.video[0]):
            if packet.size:
                packet.stream = picture
                out.mux(packet)
        packet = av.Packet(b"PG\x00\x00")
        packet.stream, packet.time_base = text, Fraction(1, 1000)
        packet.pts = packet.dts = 100
        packet.duration = 500
        out.mux(packet)
    told = carry(source, tmp_path / "out.mp4")
    assert "left out; .mkv keeps it" in told.notes[0]
    assert carry(source, tmp_path / "out.mkv").notes == ()


def test_fonts_go_from_matroska_to_matroska(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mp4", TIMES)
    source = tmp_path / "in.mkv"
    with av.open(str(plain)) as file, av.open(str(source), "w") as out:
        picture = out.add_stream_from_template(file.streams.video[0])
        out.add_attachment("a.ttf", "font/ttf", b"not really a font")
        for packet in file.demux(file.streams.video[0]):
            if packet.size:
                packet.stream = picture
                out.mux(packet)
    carry(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as file:
        [font] = file.streams.attachments
        assert font.data == b"not really a font"
    carry(source, tmp_path / "out.mp4")


SOUNDS = (
    *(("a.avi", codec) for codec in ("pcm_s16le", "mp3", "ac3", "pcm_u8", "pcm_mulaw", "adpcm_ms")),
    *(("a.mkv", codec) for codec in ("flac", "libopus", "aac", "pcm_s24le", "eac3", "mp2")),
    *(("a.mov", codec) for codec in ("pcm_s16be", "alac", "adpcm_ima_qt")),
)  # fmt: skip


@pytest.mark.parametrize(("name", "codec"), SOUNDS)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_every_sound_goes_into_every_container(
    tmp_path: Path, name: str, codec: str, suffix: str
) -> None:
    """Whether a muxer takes it is asked before anything is drawn, and what it says then holds."""
    source = with_sound(tmp_path / name, codec)
    out = tmp_path / f"out{suffix}"
    carried = carry(source, out, duration=0.6)
    assert len(carried.copied) + len(carried.encoded) == 1
    assert len(carried.notes) == len(carried.encoded)
    with av.open(str(out)) as file:
        stream = file.streams.audio[0]
        heard = sum(frame.samples / frame.sample_rate for frame in file.decode(stream))
    assert heard == pytest.approx(0.6, abs=0.1)


def with_sound(path: Path, codec: str) -> Path:
    """Fifteen pictures and 0.6 s of stereo sound."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4" if path.suffix == ".avi" else "libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        rate = 48000 if codec in ("libopus", "eac3", "ac3", "mp2") else 44100
        audio = out.add_stream(codec, rate=rate)
        audio.layout = "stereo"
        packets = []
        for index in range(15):
            picture = av.VideoFrame.from_ndarray(scene(index, (96, 64)), "rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            packets += video.encode(picture)
        packets += video.encode(None)
        tone = np.sin(np.arange(round(0.6 * rate)) / 20)[None].repeat(2, axis=0) / 4
        size = audio.codec_context.frame_size or 1024
        resampler = av.AudioResampler(audio.codec_context.format.name, "stereo", rate, size)
        frame = av.AudioFrame.from_ndarray(tone.astype(np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            packets += audio.encode(part)
        packets += audio.encode(None)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            out.mux(packet)
    return path
