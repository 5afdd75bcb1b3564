"""The command line as a stranger would meet it: help, typos, bad input; real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from phosphene import cli


def run(*args, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "phosphene", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
    )


def refused(result, *words) -> None:
    """One clear sentence on stderr, exit code 2, no traceback."""
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("phosphene: ")]
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0]


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    result = run("--help")
    assert result.returncode == 0
    for command in ("render", "demo", "analyze", "bench", "doctor", "config"):
        assert command in result.stdout
        assert "examples:" in run(command, "--help").stdout
    heavy = "numpy, onnxruntime, av, torch, pydantic, matplotlib"
    code = (
        "import sys, phosphene.cli as c; c.build_parser();"
        f"print([m for m in '{heavy}'.split(', ') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_config_round_trip(tmp_path) -> None:
    text = run("config", "--preset", "quality").stdout
    path = tmp_path / "my.toml"
    path.write_text(text)
    from phosphene.config import PipelineConfig
    from phosphene.diffusion import LSDPipeline

    expected = PipelineConfig.quality_preset()
    LSDPipeline.suggest(expected)
    assert PipelineConfig.from_toml(path) == expected
    assert "StreamConfig" in json.loads(run("config", "--schema").stdout)["$defs"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--preset", "best"], ["fast, balanced, quality"]),
        (["--size", "0x0"], ["0x0"]),
        (["--size", "huge"], ["1280x720"]),
        (["--fps", "0"], ["fps"]),
        (["--fps", "1000"], ["fps"]),
        (["--seed", "-1"], ["seed"]),
        (["--model", "sd51"], ["did you mean 'sd15'"]),
        (["--config", "none.toml"], ["none.toml"]),
        (["--chroma-prompts", "none.txt"], ["none.txt"]),
        (["--start", "-5"], ["start"]),
        (["--duration", "0"], ["duration"]),
        (["-o", "out.exe"], [".mp4"]),
        (["-o", "no/such/folder/out.mp4"], ["no/such/folder"]),
    ],
)
def test_bad_settings(args, words, tmp_path, wav, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    code = cli.main(["render", str(wav), *args])
    refused(SimpleNamespace(returncode=code, stderr=capfd.readouterr().err), *words)
    assert [path.name for path in tmp_path.iterdir()] == []


def test_bad_songs(tmp_path) -> None:
    refused(run("render", "none.mp3", cwd=tmp_path), "none.mp3")
    (tmp_path / "folder.mp3").mkdir()
    refused(run("render", "folder.mp3", cwd=tmp_path), "folder.mp3")
    (tmp_path / "empty.mp3").write_bytes(b"")
    refused(run("render", "empty.mp3", cwd=tmp_path), "empty.mp3")
    (tmp_path / "text.mp3").write_text("these are words, not sound\n" * 50)
    refused(run("render", "text.mp3", cwd=tmp_path), "text.mp3")


def test_never_overwrites(tmp_path, wav) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    refused(run("render", wav, "-o", out), "--overwrite")
    refused(run("analyze", wav, "--json", out), "--overwrite")
    refused(run("demo", "-o", out), "--overwrite")
    assert out.read_bytes() == b"precious"


def test_analyze(tmp_path, wav) -> None:
    out, png = tmp_path / "song.json", tmp_path / "song.png"
    result = run("analyze", wav, "--json", out, "--plot", png)
    assert result.returncode == 0, result.stderr
    data = json.loads(out.read_text())
    assert {"tempo", "beat_frames", "chroma_cq", "energy", "num_frames"} <= data.keys()
    assert len(data["chroma_cq"]) == 12
    assert len(data["chroma_cq"][0]) == data["num_frames"] == 48
    assert png.read_bytes().startswith(b"\x89PNG")


def test_doctor() -> None:
    result = run("doctor")
    assert result.returncode == 0, result.stdout
    assert "built-in model" in result.stdout
    assert "ready" in result.stdout


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m phosphene config --schema | head -1"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert result.stdout.strip() == "{"
    assert result.stderr == ""
