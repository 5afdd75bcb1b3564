"""Probing and reading all sorts of clips, and refusing what is none."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from phosphene.errors import InputError
from phosphene.video.clip import probe
from phosphene.video.reader import Frames, Upright, read_frames
from phosphene.video.tonemap import light_to_pq
from tests.video.footage import (
    TICK,
    Look,
    encrypted,
    even_times,
    no_frames,
    scene,
    still,
    uneven_times,
    with_cover,
    write_clip,
)
from tests.video.media import make_song


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_uneven_times_are_read_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    times = uneven_times(40)
    clip = probe(write_clip(tmp_path / f"a.{suffix}", times))
    shown = list(Frames(clip))
    assert len(shown) == 40
    # matroska counts in milliseconds
    within = Fraction(1, 1900) if suffix == "mkv" else 0
    for item, begin, end in zip(shown[:-1], times, times[1:], strict=False):
        assert abs(item.begin - begin * TICK) <= within
        assert abs(item.end - end * TICK) <= within
    assert abs(shown[-1].end - times[-1] * TICK) <= Fraction(1, 10)
    assert clip.size == (96, 64)
    assert clip.notes == ()


def placed(picture: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Every pixel moved to (a x + c y, b x + d y), one by one."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width]
    u, v = a * x + c * y, b * x + d * y
    u, v = u - u.min(), v - v.min()
    out = np.zeros((v.max() + 1, u.max() + 1, 3), picture.dtype)
    out[v, u] = picture
    return out


EIGHT = [(s, 0, 0, t) for s in (1, -1) for t in (1, -1)]
EIGHT += [(0, s, t, 0) for s in (1, -1) for t in (1, -1)]


@pytest.mark.parametrize("turn", EIGHT)
def test_turned_and_mirrored_clips_come_upright(tmp_path: Path, turn: tuple[int, ...]) -> None:
    look = Look((96, 64), turn=turn, sample_aspect=Fraction(4, 3))
    clip = probe(write_clip(tmp_path / "a.mp4", even_times(2), look))
    turned = turn[0] == 0
    assert clip.size == ((64, 96) if turned else (96, 64))
    assert clip.sample_aspect == (Fraction(3, 4) if turned else Fraction(4, 3))
    assert clip.display_size == ((48, 96) if turned else (128, 64))
    image = next(iter(read_frames(clip.path))).image
    expected = placed(scene(0, (96, 64)), *turn)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("matrix", [1, 5, 6, 7, 9])
@pytest.mark.parametrize("full", [False, True])
def test_every_matrix_and_range_gives_the_same_colours(
    tmp_path: Path, matrix: int, full: bool
) -> None:
    look = Look(matrix=matrix, full_range=full, pixels="yuv444p")
    clip = probe(write_clip(tmp_path / "a.mp4", even_times(1), look))
    assert (clip.colour.matrix, clip.colour.full_range) == (matrix, full)
    image = next(iter(read_frames(clip.path))).image
    assert np.abs(image.astype(int) - scene(0, (96, 64))).mean() < 2


def test_untagged_pictures_are_taken_as_players_take_them(tmp_path: Path) -> None:
    for size, matrix in (((96, 64), 5), ((1280, 720), 1)):
        look = Look(size, matrix=2, primaries=2, transfer=2)
        assert probe(write_clip(tmp_path / "a.mp4", even_times(1), look)).colour.matrix == matrix


def test_ten_bits_are_told_and_keep_their_colours(tmp_path: Path) -> None:
    look = Look(pixels="yuv420p10le")
    clip = probe(write_clip(tmp_path / "a.mp4", even_times(1), look))
    assert clip.bits == 10
    assert "8-bit" in clip.notes[0]
    image = next(iter(read_frames(clip.path))).image
    assert np.abs(image.astype(int) - scene(0, (96, 64))).mean() < 4


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_is_tone_mapped_and_told(tmp_path: Path, transfer: int) -> None:
    """A grey ramp keeps its order and its greyness, black and white stay what they are."""
    ramp = np.repeat(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], 64, 0)
    ramp = np.repeat(ramp, 3, -1)
    look = Look(pixels="yuv420p10le", matrix=9, primaries=9, transfer=transfer)
    clip = probe(write_clip(tmp_path / "a.mp4", even_times(1), look, [ramp]))
    assert "tone-mapped" in clip.notes[0]
    assert clip.colour.shown.matrix == 1
    image = next(iter(read_frames(clip.path))).image.astype(int)
    line = image[32]
    assert np.ptp(line, axis=-1).max() <= 3
    assert (np.diff(line[:, 1]) >= -1).all()
    assert line[0].max() <= 2
    assert line[-1].min() >= 250
    if transfer == 16:
        # programme white of 203 cd/m2 ends up bright, but leaves room for highlights
        white = line[round(float(light_to_pq(203)) * 95), 1]
        assert 190 < white < 245


def test_pictures_of_another_size_and_kind(tmp_path: Path) -> None:
    look = Look((35, 27), codec="ffv1", pixels="bgr0")
    clip = probe(write_clip(tmp_path / "a.mkv", even_times(3), look))
    upright = Upright(clip, (64, 48))
    [first, *_] = Frames(clip)
    assert upright(first.picture).shape == (48, 64, 3)
    assert clip.colour.shown.matrix == 1  # RGB needs some matrix


def test_a_file_that_ends_early_says_how_much_is_missing(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mkv", even_times(100), sound=2)
    data = whole.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) // 2])
    frames = Frames(probe(cut))
    count = sum(1 for _ in frames)
    assert 10 < count < 90
    assert frames.missing is not None
    assert abs(float(frames.missing) - (4 - count / 25)) < 0.5
    intact = Frames(probe(whole))
    assert sum(1 for _ in intact) == 100
    assert intact.missing is None
    assert intact.lost == 0


def test_damaged_packets_are_passed_over(tmp_path: Path) -> None:
    look = Look(codec="ffv1", pixels="bgr0")
    path = write_clip(tmp_path / "a.mkv", even_times(20), look)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(bytes(data))
    frames = Frames(probe(path))
    shown = list(frames)
    assert 10 <= len(shown) <= 20
    assert all(a.end == b.begin for a, b in pairwise(shown))


def bad_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """name -> (file, what must be said)"""
    text = folder / "text.mp4"
    text.write_text("not a video")
    empty = folder / "empty.mp4"
    empty.write_bytes(b"")
    whole = write_clip(folder / "whole.mp4", even_times(30)).read_bytes()
    cut = folder / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    song = folder / "song.wav"
    make_song(song, 8000, 1, 0.1)
    sub = folder / "folder"
    sub.mkdir()
    return {
        "text": (text, "not a video"),
        "empty": (empty, "empty file"),
        "cut before its index": (cut, "cut short"),
        "missing": (folder / "missing.mp4", "does not exist"),
        "folder": (sub, "folder"),
        "sound": (song, "only sound"),
        "cover": (with_cover(folder / "cover.mp3"), "cover"),
        "png": (still(folder / "a.png"), "still picture"),
        "jpg": (still(folder / "a.jpg"), "still picture"),
        "no frames": (no_frames(folder / "none.mp4"), "no pictures|no picture"),
        "encrypted": (encrypted(folder / "secret.mp4"), "encrypted"),
    }


def test_what_is_no_video_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for path, words in bad_files(tmp_path).values():
        with pytest.raises(InputError, match=words) as caught:
            probe(path)
        said = str(caught.value)
        assert path.name in said
        assert "\n" not in said
        assert said.endswith(".")
