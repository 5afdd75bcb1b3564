"""Videos as people have them: interlaced, with covers and phone tags, long last pictures, moving WebP."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from phosphene.errors import InputError
from phosphene.video.carry import decide
from phosphene.video.clip import probe
from phosphene.video.reader import Frames, read_frames
from tests.video.footage import even_times, scene, write_clip
from tests.video.media import pictures
from tests.video.test_carry import carry


def interlaced(path: Path, top_first: bool) -> Path:
    """A bright bar that moves 8 pixels a field, stored as flagged fields."""
    flags = "tff=1" if top_first else "bff=1"
    with av.open(str(path), "w") as out:
        options = {"x264-params": f"{flags}:interlaced=1", "crf": "4", "preset": "fast"}
        video = out.add_stream("libx264", rate=25, options=options)
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        for index in range(12):
            fields = []
            for half in (0, 1):
                picture = np.full((96, 128, 3), 40, np.uint8)
                left = 16 * index % 96 + 8 * half
                picture[:, left : left + 16] = 220
                fields.append(picture)
            frame = fields[0].copy()
            later = slice(1, None, 2) if top_first else slice(0, None, 2)
            frame[later] = fields[1][later]
            made = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format="yuv420p")
            made.pts, made.time_base = index, Fraction(1, 25)
            out.mux(video.encode(made))
        out.mux(video.encode(None))
    return path


def combing(frames: np.ndarray) -> float:
    """How much lines differ from both neighbours, which agree; levels."""
    grey = frames.astype(float).mean(axis=-1)
    above, line, below = grey[:, :-2], grey[:, 1:-1], grey[:, 2:]
    return float(np.maximum(np.abs(line - (above + below) / 2) - np.abs(above - below), 0).mean())


@pytest.mark.parametrize("top_first", [True, False])
def test_interlaced_video_is_deinterlaced_and_said(tmp_path: Path, top_first: bool) -> None:
    path = interlaced(tmp_path / "a.mp4", top_first)
    clip = probe(path)
    assert clip.interlaced
    assert "interlaced" in clip.notes[0]
    shown = list(Frames(clip))
    assert [float(item.begin) for item in shown] == pytest.approx([k / 25 for k in range(12)])
    seen = np.stack([frame.image for frame in read_frames(path)])
    assert len(seen) == 12
    assert combing(pictures(path)) > 5
    assert combing(seen) < 1
    # the bar goes on in every picture: no field was taken from the wrong one
    middle = (seen[..., 0] > 130).astype(float)
    centres = (middle * np.arange(128)).sum((1, 2)) / middle.sum((1, 2))
    assert np.all(np.diff(centres[:6]) > 8)


def test_progressive_video_passes_as_it_is(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", even_times(5))
    assert not probe(path).interlaced
    assert np.array_equal(np.stack([f.image for f in read_frames(path)]).shape, (5, 64, 96, 3))


def with_cover(path: Path, source: Path, codec: str = "mjpeg") -> Path:
    """``source`` with a cover."""
    with av.open(str(source)) as file, av.open(str(path), "w") as out:
        kept = [*file.streams.video, *file.streams.audio]
        streams = {s.index: out.add_stream_from_template(s) for s in kept}
        cover = out.add_stream(codec, rate=25)
        cover.width = cover.height = 32
        cover.pix_fmt = "yuvj420p" if codec == "mjpeg" else "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic.value
        picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), "rgb24")
        for packet in [
            *cover.encode(picture.reformat(format=cover.pix_fmt)),
            *cover.encode(None),
        ]:
            out.mux(packet)
        for packet in file.demux(kept):
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    return path


@pytest.mark.parametrize("codec", ["mjpeg", "png"])
def test_a_cover_goes_along(tmp_path: Path, codec: str) -> None:
    plain = write_clip(tmp_path / "plain.mp4", even_times(10), sound=1)
    source = with_cover(tmp_path / "a.mp4", plain, codec)
    for suffix in (".mp4", ".mkv"):
        out = tmp_path / f"out{suffix}"
        assert carry(source, out, duration=0.4).notes == ()
        with av.open(str(out)) as file:
            [cover] = [s for s in file.streams.video if s.disposition & 0x400]
            assert cover.codec_context.name == codec
            assert (cover.width, cover.height) == (32, 32)
    # and out of Matroska, where it is an attached file
    carry(tmp_path / "out.mkv", tmp_path / "again.mp4", duration=0.4)
    with av.open(str(tmp_path / "again.mp4")) as file:
        assert [s.codec_context.name for s in file.streams.video] == ["h264", codec]
    assert "cover" in decide(source, ".mov").notes[0]


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_the_tags_of_phones_stay(tmp_path: Path, suffix: str) -> None:
    tags = {
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.location.ISO6709": "+48.2+016.3/",
        "title": "Ferien",
        "creation_time": "2021-07-05T10:11:12.000000Z",
    }
    plain = write_clip(tmp_path / "plain.mp4", even_times(10))
    source = tmp_path / "phone.mov"
    with (
        av.open(str(plain)) as file,
        av.open(str(source), "w", options={"movflags": "use_metadata_tags"}) as out,
    ):
        out.metadata.update(tags)
        target = out.add_stream_from_template(file.streams.video[0])
        for packet in file.demux():
            if packet.size:
                packet.stream = target
                out.mux(packet)
    out_path = tmp_path / f"out{suffix}"
    carry(source, out_path, duration=0.4)
    with av.open(str(out_path)) as file:
        kept = {key.lower(): value for key, value in file.metadata.items()}
    if suffix == ".mkv":
        # FFmpeg 8.1 keeps it as Matroska's own date, which it does not read back
        kept.setdefault("creation_time", tags["creation_time"])
    for key, value in tags.items():
        assert kept[key.lower()].startswith(value[:19]), key


def moving(path: Path) -> Path:
    """Four pictures of 0.1, 0.2, 0.1 and 3 s."""
    frames = [Image.fromarray(scene(8 * k, (96, 64))) for k in range(4)]
    if path.suffix in (".gif", ".webp", ".png"):
        frames[0].save(
            path, save_all=True, append_images=frames[1:], duration=[100, 200, 100, 3000], loop=0
        )
        return path
    return write_clip(path, [0, 60, 180, 240, 2040], frames=[np.asarray(f) for f in frames])


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_last_picture_stays_as_long_as_it_did(tmp_path: Path, name: str, suffix: str) -> None:
    from phosphene.config import PipelineConfig, VideoConfig
    from phosphene.show.transform import transform
    from tests.show.transform.conftest import drawer

    source = moving(tmp_path / name)
    shown = list(Frames(probe(source)))
    assert [float(s.end) for s in shown] == pytest.approx([0.1, 0.3, 0.4, 3.4])
    config = PipelineConfig(video=VideoConfig(encoder_preset="ultrafast"))
    config.inference.width = config.inference.height = 64
    config.transform.strength = 0.0
    out = tmp_path / f"out{suffix}"
    transform(source, out, config, base=drawer(config))
    again = probe(out)
    assert float(again.duration) == pytest.approx(3.4, abs=0.02)
    assert [float(s.end) for s in Frames(again)] == pytest.approx([0.1, 0.3, 0.4, 3.4], abs=0.002)
    with av.open(str(out)) as file:
        stream = file.streams.video[0]
        if stream.duration:
            assert float(stream.duration * stream.time_base) == pytest.approx(3.4, abs=0.25)


def test_b_frames_do_not_shorten_the_end(tmp_path: Path) -> None:
    """The last packet of a file is often not the picture that is shown last."""
    from phosphene.video.mux import Clock, Tags, assemble
    from phosphene.video.spec import VideoSpec
    from phosphene.video.writer import SegmentWriter

    segment = tmp_path / "a.part.mp4"
    writer = SegmentWriter(segment, VideoSpec(96, 64, Fraction(10), 20, "medium"))
    for index in range(9):
        writer.write(scene(3 * index, (96, 64)))
    writer.close()
    ticks = [*range(0, 900, 100), 4000]
    for suffix in (".mp4", ".mov", ".mkv"):
        out = tmp_path / f"out{suffix}"
        assemble(
            [segment], out, clock=Clock(Fraction(10), Fraction(1, 1000), ticks), sound=None,
            tags=Tags(), work=tmp_path, overwrite=False,
        )  # fmt: skip
        clip = probe(out)
        assert float(clip.duration) == pytest.approx(4.0, abs=0.02)
        shown = list(Frames(clip))
        assert float(shown[-1].end) == pytest.approx(4.0, abs=0.01)
        assert float(shown[-1].begin) == pytest.approx(0.8, abs=0.01)


def test_a_still_webp_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    Image.fromarray(scene(0, (96, 64))).save(path)
    with pytest.raises(InputError, match="still picture"):
        probe(path)
