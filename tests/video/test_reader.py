"""Frames of video files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.errors import InputError
from phosphene.video.reader import read_frames
from tests.video.media import make_song


def corner_video(path: Path, rotation: int = 0) -> Path:
    """A 96 x 64 video whose top left quarter is red."""
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:32, :48] = (255, 0, 0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        if rotation:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("this PyAV cannot write rotated video")
            stream.set_display_rotation(rotation)
        for index in range(5):
            picture = av.VideoFrame.from_ndarray(frame, "rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def test_frames_and_times(tmp_path: Path) -> None:
    frames = list(read_frames(corner_video(tmp_path / "a.mp4")))
    assert [round(frame.time * 25, 6) for frame in frames] == [0, 1, 2, 3, 4]
    image = frames[0].image
    assert image.shape == (64, 96, 3)
    assert image.dtype == np.uint8
    assert image[10, 10, 0] > 200 > 50 > image[50, 80, 0]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_turned_upright(tmp_path: Path, rotation: int) -> None:
    path = corner_video(tmp_path / "a.mp4", rotation)
    image = next(iter(read_frames(path, (32, 48) if rotation != 180 else None))).image
    assert image.shape == ((48, 32, 3) if rotation != 180 else (64, 96, 3))
    # counter-clockwise, as the file says
    quarters = np.rot90(np.array([[1, 0], [0, 0]]), rotation // 90)
    h, w = image.shape[0] // 4, image.shape[1] // 4
    seen = image[[[h, h], [3 * h, 3 * h]], [[w, 3 * w], [w, 3 * w]], 0] > 127
    np.testing.assert_array_equal(seen, quarters)


def test_refuses_what_has_no_picture(tmp_path: Path) -> None:
    make_song(tmp_path / "a.wav", 8000, 1, 0.1)
    (tmp_path / "text.mp4").write_text("not a video")
    for name in ("a.wav", "text.mp4", "missing.mp4", ""):
        with pytest.raises(InputError):
            list(read_frames(tmp_path / name))
