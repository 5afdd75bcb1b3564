"""A user's own clips: videos with captions beside them."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene import cli  # noqa: E402
from phosphene.errors import InputError  # noqa: E402
from phosphene.training.clips import MEMORIES  # noqa: E402
from phosphene.training.config import DataSettings  # noqa: E402
from phosphene.training.folder import crop, find_videos, fit_field, folder_clips, read_frames  # noqa: E402


def write_video(path: Path, frames: int, width: int = 96, height: int = 80) -> None:
    """A bar that goes from left to right."""
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for k in range(frames):
            picture = np.zeros((height, width, 3), np.uint8)
            picture[:, : 1 + k * width // frames] = (200, 40, 40)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_video(tmp_path / "bar.mp4", 40)
    (tmp_path / "bar.txt").write_text("a red\nbar ", encoding="utf-8")
    write_video(tmp_path / "untold.mp4", 8)
    return tmp_path


def settings(folder: Path) -> DataSettings:
    return DataSettings(size=64, frames=4, batch=2, folder=str(folder))


def test_only_videos_with_a_caption_count(folder: Path) -> None:
    assert find_videos(folder) == [(folder / "bar.mp4", "a red bar")]


def test_clips_are_stretches_of_the_video(folder: Path) -> None:
    for clip in islice(folder_clips(settings(folder), 0), 3):
        assert clip.fields.shape == (2, MEMORIES + 4, 2, 64, 64)
        assert clip.captions == ("a red bar",) * 2
        assert clip.motif is None
        assert not clip.audio.any()  # it has no sound
        # the video is shorter than the oldest memory is old
        assert (clip.age[:, 0] == 0).all()
        # the bar grows
        place = clip.fields[:, MEMORIES:, 0].float().mean((2, 3))
        assert (place[:, -1] >= place[:, 0]).all()


def test_frames_are_read_at_24_a_second_and_cropped(folder: Path) -> None:
    frames = read_frames(folder / "bar.mp4", 64)
    assert frames.shape == (40, 64, 77, 3)
    fields = torch.from_numpy(fit_field(frames))
    assert crop(fields, 64, random.Random(0)).shape == (40, 2, 64, 64)


def test_place_and_light_give_a_clip_back_in_its_own_colours() -> None:
    """Two colours under uneven light: with the palette of the places the picture is there again."""
    gen = np.random.default_rng(0)
    colour = np.where(gen.random((2, 24, 24, 1)) < 0.5, (200, 60, 20), (20, 40, 120))
    lit = colour * gen.uniform(0.9, 1.1, (2, 24, 24, 1))
    pictures = np.rint(lit).astype(np.uint8)
    fields = fit_field(pictures).astype(np.float32)
    place, light = fields[:, 0].astype(int), fields[:, 1] / 255 * 2
    palette = np.stack([pictures[place == k].mean(axis=0) for k in place.ravel()]).reshape(
        2, 24, 24, 3
    )
    assert np.abs(palette * light[..., None] - pictures).mean() < 3
    # dark is at the beginning of a palette, bright at its end
    assert place[pictures[..., 0] > 150].min() > place[pictures[..., 0] < 60].max()
    # every place is used
    assert np.unique(place).size > 60


def test_what_cannot_be_used_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        find_videos(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no video with a \.txt"):
        find_videos(tmp_path / "empty")
    (folder / "untold.txt").write_text("short")
    (folder / "bar.txt").unlink()
    with pytest.raises(InputError, match="8 frames at 24 a second: 32 are needed"):
        next(folder_clips(DataSettings(size=64, frames=32, folder=str(folder)), 0))
    (folder / "untold.mp4").write_bytes(b"no video at all")
    with pytest.raises(InputError, match="cannot read"):
        next(folder_clips(settings(folder), 0))


def test_the_command_trains_on_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["train", "--print-config", "--plan", "tiny"]) == 0
    text = capsys.readouterr().out.replace('folder = ""', f'folder = "{folder}"')
    for stage in ("unroll", "sharpen"):
        head, rest = text.split(f"[{stage}]\n")
        text = f"{head}[{stage}]\n" + rest.replace("minutes = 0.05", "minutes = 0.0", 1)
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    run = tmp_path / "run"
    assert cli.main(["train", "--out", str(run), "--config", str(tmp_path / "own.toml")]) == 0
    assert (run / "weights" / "denoiser.onnx").exists()
    (folder / "bar.txt").unlink()
    assert (
        cli.main(["train", "--out", str(tmp_path / "b"), "--config", str(tmp_path / "own.toml")])
        == 2
    )
    assert "no video with a .txt" in capsys.readouterr().err
