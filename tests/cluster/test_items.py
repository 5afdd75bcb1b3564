"""From files, folders, patterns and manifests to items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phosphene.cluster.items import Catalogue, Item
from phosphene.config import PipelineConfig
from phosphene.errors import ConfigError, InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.mp3", "a.FLAC", "clip.mov", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def items(folder: Path, *given: str, warm_up: float | None = None) -> list[Item]:
    catalogue = Catalogue(folder / "out", PipelineConfig(), (320, 180), warm_up)
    return catalogue.items(given)


def test_a_folder_gives_its_songs_and_videos(folder: Path) -> None:
    found = items(folder, str(folder), warm_up=1.0)
    assert [(i.source.name, i.kind) for i in found] == [
        ("a.FLAC", "song"),
        ("b.mp3", "song"),
        ("clip.mov", "video"),
    ]
    assert [i.out.name for i in found] == ["a.mp4", "b.mp4", "clip.mp4"]
    # a video has its own size, and its segments hang together
    assert [i.size for i in found] == [(320, 180), (320, 180), None]
    assert [i.warm_up for i in found] == [1.0, 1.0, None]


def test_a_pattern_and_a_file_of_any_name(folder: Path) -> None:
    found = items(folder, str(folder / "*.mp3"), str(folder / "notes.txt"))
    assert [(i.source.name, i.kind) for i in found] == [("b.mp3", "song"), ("notes.txt", "song")]


def test_what_is_not_there_is_said(folder: Path) -> None:
    (folder / "empty").mkdir()
    for given, told in (("*.ogg", "nothing is called"), ("empty", "has no song")):
        with pytest.raises(InputError, match=told):
            items(folder, str(folder / given))
    (folder / "b.wav").touch()
    with pytest.raises(InputError, match="both become"):
        items(folder, str(folder))
    (folder / "out").mkdir()
    with pytest.raises(InputError, match="where the videos go"):
        items(folder, str(folder / "out"))


def test_a_csv_manifest(folder: Path) -> None:
    (folder / "list.csv").write_text(
        "input, output, start, size, prompt.base_prompt, inference.seed, video.limit_flashes\n"
        'b.mp3, first.mkv, 1.5, 640x360, "teal, and gold", 7, false\n'
        "b.mp3,,,,,,\n"
    )
    first, second = items(folder, str(folder / "list.csv"))
    assert first.source == folder / "b.mp3"
    assert first.out == folder / "out" / "first.mkv"
    assert (first.start, first.size) == (1.5, (640, 360))
    assert first.config.prompt.base_prompt == "teal, and gold"
    assert first.config.inference.seed == 7
    assert first.config.video.limit_flashes is False
    assert second.config == PipelineConfig()
    assert second.out.name == "b.mp4"


def test_a_jsonl_manifest(folder: Path) -> None:
    lines = [
        {"input": "clip.mov", "scale": 0.5, "transform.strength": 0.7},
        {"input": "clip.mov", "output": "song.mp4", "kind": "song", "size": "64x64"},
    ]
    (folder / "list.jsonl").write_text("\n\n".join(map(json.dumps, lines)))
    video, song = items(folder, str(folder / "list.jsonl"))
    assert (video.kind, video.scale, video.config.transform.strength) == ("video", 0.5, 0.7)
    assert (song.kind, song.size, song.out.name) == ("song", (64, 64), "song.mp4")


@pytest.mark.parametrize(
    ("line", "error", "told"),
    [
        ("{", InputError, "line 1: not JSON"),
        ("3", InputError, "line 1: not an object"),
        ('{"output": "a.mp4"}', InputError, "line 1: input"),
        ('{"input": "a", "start": -1}', InputError, "line 1: start"),
        ('{"input": "a", "output": "../a.mp4"}', InputError, "plain file name"),
        ('{"input": "a", "kind": "film"}', InputError, "kind"),
        ('{"input": "clip.mov", "size": "64x64"}', InputError, "scale"),
        ('{"input": "a", "prompt.bas_prompt": "x"}', ConfigError, "did you mean 'base_prompt'"),
        ('{"input": "a", "prompt": "x", "prompt.base_prompt": "y"}', InputError, "both"),
        ("", InputError, "lists nothing"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_said(
    folder: Path, line: str, error: type[Exception], told: str
) -> None:
    (folder / "list.jsonl").write_text(line)
    with pytest.raises(error, match=told):
        items(folder, str(folder / "list.jsonl"))


def test_the_fingerprint_follows_what_decides_the_picture(folder: Path) -> None:
    [item] = items(folder, str(folder / "b.mp3"))
    known = item.fingerprint()
    item.config.diffusion.threads = 3
    assert item.fingerprint() == known
    item.config.inference.seed = 3
    other = item.fingerprint()
    assert other != known
    (folder / "b.mp3").write_bytes(b"another song")
    assert item.fingerprint() not in (known, other)
    [early] = items(folder, str(folder / "b.mp3"), warm_up=1.0)
    [whole] = items(folder, str(folder / "b.mp3"))
    assert early.fingerprint() != whole.fingerprint()
    (folder / "b.mp3").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        item.fingerprint()
