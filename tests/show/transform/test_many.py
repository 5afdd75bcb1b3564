"""Folders, patterns and lists of videos; the command line; the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phosphene.cli import main
from phosphene.errors import InputError
from phosphene.show.transform.inputs import pairs
from tests.video.footage import Look, even_times, write_clip

SMALL = Look((64, 64))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two clips, a damaged one, and things that are no videos."""
    made = tmp_path / "clips"
    made.mkdir()
    write_clip(made / "b.mkv", even_times(4), SMALL)
    write_clip(made / "a.mp4", even_times(6), SMALL, sound=2)
    (made / "bad.mov").write_text("nothing")
    (made / "notes.txt").write_text("nothing")
    (made / "a.drawn.mp4").write_text("made before")
    return made


def names(found: list[tuple[Path, Path]]) -> list[tuple[str, str]]:
    return [(source.name, str(out)) for source, out in found]


def test_one_bad_file_does_not_stop_the_rest(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    out = tmp_path / "drawn"
    code = main(["transform", str(folder), "-o", str(out), "--report", str(report)])
    told = capsys.readouterr()
    assert code == 2
    assert sorted(p.name for p in out.iterdir()) == ["a.mp4", "b.mp4"]
    assert "2 of 3 videos made." in told.out
    assert [line for line in told.err.splitlines() if line.startswith("phosphene: ")] == [
        f"phosphene: {folder / 'bad.mov'} is not a video, or damaged or cut short: give another file."
    ]
    made = json.loads(report.read_text())
    assert [Path(one["source"]).name for one in made] == ["a.mp4", "b.mkv", "bad.mov"]
    assert "not a video" in made[2]["error"]
    first = made[0]
    assert (first["frames"], first["drawn"], first["size"]) == (6, 6, [64, 64])
    assert [s["name"] for s in first["stages"]] == ["read", "encode", "denoise", "decode", "write"]
    for stage in first["stages"]:
        assert stage["frames"] == 6
        assert stage["rate"] > 0
        assert 0 <= stage["busy"] <= 1
        assert stage["busy"] + stage["starved"] + stage["blocked"] == pytest.approx(1, abs=1e-6)
    busiest = max(first["stages"], key=lambda s: s["busy"])
    assert first["slowest"] == busiest["name"]
    assert f"the slowest is {busiest['name']}" in told.out


def test_what_becomes_of_what(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = folder / "a.mp4", folder / "b.mkv"
    assert names(pairs([str(one)], "x.mp4")) == [("a.mp4", "x.mp4")]
    assert names(pairs([str(one)], None)) == [("a.mp4", "a.drawn.mp4")]
    assert names(pairs([str(one), str(other)], "o")) == [("a.mp4", "o/a.mp4"), ("b.mkv", "o/b.mp4")]
    assert names(pairs(["clips"], "o/"))[-1] == ("bad.mov", "o/bad.mp4")
    assert names(pairs(["clips/*.m[pk]*"], "o"))[0] == ("a.drawn.mp4", "o/a.drawn.mp4")
    # beside its source it needs another name
    assert names(pairs(["clips"], "clips"))[0] == ("a.mp4", "clips/a.drawn.mp4")
    for given, output, words in (
        (["clips"], "x.mp4", "several videos"),
        (["clips/*.webm"], "o", "nothing is called"),
        ([str(tmp_path / "empty")], "o", "no video in it"),
        ([str(one), "elsewhere/a.mov"], "o", "both become"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=words):
            pairs(given, output)


def test_the_command_takes_what_it_says(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mkv"
    command = ["transform", str(folder / "a.mp4"), "-o", str(out), "--prompt", "purple galaxy"]
    command += [
        "--negative",
        "red",
        "--strength",
        "0.4",
        "--steps",
        "1",
        "--batch",
        "2",
        "--skip",
        "1",
    ]
    command += ["--scale", "2", "--start", "0.04", "--duration", "0.16", "--seed", "3"]
    command += ["--stabilize", "1", "--preset", "fast"]
    assert main(command) == 0
    assert "128x128" in capsys.readouterr().out
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    for wrong in (
        ["--strength", "2"],
        ["--stabilize", "-1"],
        ["--fps", "24"],
        ["--model", "nothing"],
    ):
        assert main([*command, "--overwrite", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
