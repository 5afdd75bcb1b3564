"""Names and prompts of any letters, closed streams, small terminals: each ends in a sentence at worst."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from phosphene.cli import main
from phosphene.cluster.items import Catalogue
from phosphene.config import PipelineConfig, PromptConfig
from phosphene.errors import InputError
from phosphene.show.dream import set_prompts
from phosphene.show.transform.inputs import matching, pairs
from phosphene.video.project import work_folder
from tests.video.footage import even_times, write_clip
from tests.video.media import make_song

SMALL = ("--size", "64x64", "--preset", "fast")
NOT_UTF8 = os.fsdecode(b"bad\xe9")


def phosphene(
    *words: str, cwd: Path, encoding: str = "utf-8", close: str = ""
) -> subprocess.CompletedProcess[bytes]:
    around = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONIOENCODING": encoding,
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "phosphene", *words]
    if close:
        command = ["sh", "-c", f'exec "$@" {close}', "sh", *command]
    return subprocess.run(command, cwd=cwd, env=around, capture_output=True)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_any_letters_in_a_terminal_that_has_few(tmp_path: Path) -> None:
    names = ["a.wav", "日本の歌.wav", NOT_UTF8 + ".wav"]
    for name in names:
        make_song(tmp_path / "a.wav", 8000, 1, 0.3)
        if name != "a.wav":
            (tmp_path / name).write_bytes((tmp_path / "a.wav").read_bytes())
    done = phosphene("render", *names, "-o", "out/", *SMALL, cwd=tmp_path, encoding="cp1252")
    assert done.returncode == 0, done.stderr
    assert b"3 of 3 songs" in done.stdout
    for name in names:
        with av.open(str(tmp_path / "out" / (Path(name).stem + ".mp4"))) as file:
            assert file.streams.video[0].frames > 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize("close", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(tmp_path: Path, close: str) -> None:
    write_clip(tmp_path / "a.mp4", even_times(3))
    words = ("transform", "a.mp4", "-o", "b.mp4", "--strength", "0", "--preset", "fast")
    assert phosphene(*words, cwd=tmp_path, close=close).returncode == 0
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert len(list(file.decode(video=0))) == 3
    assert phosphene(*words, cwd=tmp_path, close=close).returncode == 2


def says(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one sentence a command ends with."""
    assert main(list(words)) == 2
    [line] = [one for one in capsys.readouterr().err.splitlines() if one.startswith("phosphene: ")]
    return line


def test_names_that_are_too_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_song(tmp_path / "a.wav", 8000, 1, 0.3)
    song, clip = str(tmp_path / "a.wav"), str(write_clip(tmp_path / "a.mp4", even_times(3)))
    long = str(tmp_path / ("n" * 300))
    for words in (
        ("render", song, "-o", long + ".mp4"), ("render", long + ".mp3", "-o", "b.mp4"),
        ("transform", clip, "-o", long + ".mp4"), ("transform", long + ".mp4", "-o", "b.mp4"),
        ("analyze", long + ".mp3"), ("analyze", song, "--json", long), ("config", "-o", long),
        ("analyze", song, "--config", long), ("render", song, "--chroma-prompts", long),
    ):  # fmt: skip
        assert "too long" in says(capsys, *words), words


def test_prompts_that_are_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_song(tmp_path / "a.wav", 8000, 1, 0.3)
    song, clip = str(tmp_path / "a.wav"), str(write_clip(tmp_path / "a.mp4", even_times(3)))
    out = str(tmp_path / "b.mp4")
    for words in (
        ("render", song, "-o", out, "--prompt", NOT_UTF8),
        ("dream", "--seconds", "1", "-o", out, "--prompt", NOT_UTF8),
        ("transform", clip, "-o", out, "--prompt", NOT_UTF8),
        ("transform", clip, "-o", out, "--negative", NOT_UTF8),
    ):
        assert "is not UTF-8 text" in says(capsys, *words)


@pytest.mark.parametrize("ending", ["m3u8", "mp3", "ffconcat", "pls"])
def test_lists_of_files_are_no_songs(
    tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_song(tmp_path / "secret.mp3", 44100, 2, 1.0)
    text = {
        "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp3\n#EXT-X-ENDLIST\n",
        "mp3": "ffconcat version 1.0\nfile secret.mp3\n",
        "ffconcat": "ffconcat version 1.0\nfile secret.mp3\n",
        "pls": "[playlist]\nFile1=secret.mp3\n",
    }[ending]
    path = tmp_path / f"list.{ending}"
    path.write_text(text)
    out = str(tmp_path / "b.mp4")
    for words in (
        ("render", str(path), "-o", out),
        ("analyze", str(path)),
        ("transform", str(path), "-o", out),
        ("dream", "--seconds", "1", "--song", str(path), "-o", out),
    ):
        assert "a list of other files" in says(capsys, *words)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_devices_and_links_that_lead_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(write_clip(tmp_path / "a.mp4", even_times(3)))
    pipe, dangling, loop = (tmp_path / f"{name}.mp4" for name in ("pipe", "dangling", "loop"))
    os.mkfifo(pipe)
    dangling.symlink_to(tmp_path / "nowhere.mp4")
    loop.symlink_to(loop)
    for source in (str(pipe), "/dev/null"):
        for words in (("transform", source, "-o", "b.mp4"), ("analyze", source)):
            assert "not an ordinary file" in says(capsys, *words)
    for out in (dangling, loop, pipe):
        assert "exists" in says(capsys, "transform", clip, "-o", str(out))
    assert "not an ordinary file" in says(capsys, "transform", clip, "-o", str(pipe), "--overwrite")
    assert not (tmp_path / "nowhere.mp4").exists()


def test_to_resume_what_is_finished_is_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "a.mp4", even_times(3))
    out = write_clip(tmp_path / "b.mp4", even_times(2))
    before = out.read_bytes()
    make_song(tmp_path / "a.wav", 8000, 1, 0.3)
    for words in (
        ("transform", str(clip), "-o", str(out), "--resume"),
        ("render", str(tmp_path / "a.wav"), "-o", str(out), "--resume"),
        ("dream", "--seconds", "1", "-o", str(out), "--resume"),
    ):
        assert main(list(words)) == 0
        assert "finished already" in capsys.readouterr().out
    assert out.read_bytes() == before
    work_folder(out).mkdir()
    assert "exists" in says(capsys, "transform", str(clip), "-o", str(out), "--resume")


@pytest.mark.parametrize("days", [3, 10, 40])
def test_a_clock_that_leaps_is_refused_before_the_end(
    tmp_path: Path, days: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks = [0, 24, 48, days * 86400 * 600, days * 86400 * 600 + 24]
    clip = write_clip(tmp_path / "a.mkv", ticks)
    line = says(capsys, "transform", str(clip), "-o", str(tmp_path / "b.mp4"), "--preset", "fast")
    assert "cut" in line
    assert "days" in line or "hours" in line


def test_side_files_and_brackets(tmp_path: Path) -> None:
    album = tmp_path / "Album [2020]"
    for name in ("Album [2020]/Disc [1]", "Album [2020]/x"):
        (tmp_path / name).mkdir(parents=True)
    clip = write_clip(album / "a.mp4", even_times(2)).read_bytes()
    for name in ("._a.mp4", "b[1].mp4", "._Song.mp3", "Song.mp3", "Disc [1]/c.mp4"):
        (album / name).write_bytes(clip)
    found = [source.name for source, _ in pairs([str(album)], str(tmp_path / "out"))]
    assert found == ["a.mp4", "b[1].mp4"]
    for pattern, names in (
        ("Album [2020]/*.mp4", ["a.mp4", "b[1].mp4"]),
        ("Album [2020]/b[1].mp?", ["b[1].mp4"]),
        ("Album [2020]/[ab]*.mp4", ["a.mp4", "b[1].mp4"]),
        ("*/Disc [1]/*.mp4", ["c.mp4"]),
        ("Album [2020]/**/*.mp4", ["Disc [1]/c.mp4", "a.mp4", "b[1].mp4"]),
    ):
        here = [p.relative_to(album).as_posix() for p in matching(str(tmp_path / pattern))]
        assert [
            name.removeprefix("Disc [1]/") if names == ["c.mp4"] else name for name in here
        ] == names
    catalogue = Catalogue(tmp_path / "out", PipelineConfig())
    assert [item.source.name for item in catalogue.items([str(album)])] == [
        "Song.mp3", "a.mp4", "b[1].mp4",
    ]  # fmt: skip
    items = catalogue.items([str(album / "*.mp?"), str(album / "._*.mp3")][:1])
    assert all(not item.source.name.startswith("._") for item in items)


def prompts(*texts: str, seconds: float = 60.0) -> list[tuple[float, str]]:
    config = PipelineConfig()
    set_prompts(config, texts, seconds)
    first = (0.0, config.prompt.base_prompt)
    return [first, *((cue.at, cue.prompt) for cue in config.prompt.timeline)]


@pytest.mark.parametrize(
    "text",
    [
        "2001: a space odyssey",
        "7:30 sunrise",
        "7:sunrise",
        "10: ten",
        "24:00",
        "1:1 aspect",
        "a: b",
    ],
)
def test_a_prompt_is_a_prompt(text: str) -> None:
    assert prompts(text) == [(0.0, text)]
    assert prompts(text, "@5 sea") == [(0.0, text), (5.0, "sea")]


def test_times_have_a_form_that_no_title_has() -> None:
    usual = PromptConfig().base_prompt
    assert prompts("@10 sea") == [(0.0, usual), (10.0, "sea")]
    assert prompts("@0 sea", "@2.5s 2001: a") == [(0.0, "sea"), (2.5, "2001: a")]
    assert prompts("nebula", "12.5:crimson: bright", "3:sea") == [
        (0.0, "nebula"), (3.0, "sea"), (12.5, "crimson: bright"),
    ]  # fmt: skip
    for texts in (("a", "b"), ("7:30 sunrise", "8:15 breakfast"), ("2001: a", "2010: b")):
        with pytest.raises(InputError, match="has no time"):
            prompts(*texts)
    for texts in (("a", "@60 b"), ("a", "61:b"), ("@99 b",)):
        with pytest.raises(InputError, match="after the end"):
            prompts(*texts)
