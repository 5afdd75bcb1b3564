"""Training settings: plans, TOML there and back, and sentences for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from phosphene import cli
from phosphene.errors import ConfigError
from phosphene.training.config import PLANS, TrainConfig, plan


@pytest.mark.parametrize("name", PLANS)
def test_plans_are_whole_and_survive_toml(name: str, tmp_path: Path) -> None:
    cfg = plan(name)
    path = tmp_path / "train.toml"
    path.write_text(cfg.dumps_toml(), encoding="utf-8")
    assert TrainConfig.from_toml(path) == cfg


def test_the_gpu_plan_fits_three_pieces_of_nine_minutes() -> None:
    cfg = plan("gpu30")
    drawing = 3 * cfg.data.render_minutes
    assert cfg.flow.minutes + cfg.unroll.minutes + cfg.sharpen.minutes + drawing < 27


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[flow]\nminuts = 3", "minuts"),
        ("[flow]\nbatch = 0", "batch"),
        ("[data]\nsize = 100", "size"),
        ("seed = ", "not valid TOML"),
        ("device = 'tpu'", "device"),
    ],
)
def test_wrong_settings_are_one_sentence(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    assert cli.main(["train", "--out", str(tmp_path / "run"), "--config", str(path)]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--out", "{}", "--plan", "huge"], "choose one of gpu30, cpu, tiny"),
        (["train", "--plan", "tiny"], "--out DIR"),
        (["train", "--out", "{}", "--minutes", "0.1"], "at least 0.25"),
        (["train", "--out", "{}", "--export", "{}/w"], "holds no trained run"),
        (["train", "--out", "{}", "--unpack", "{}/none"], "holds no packed run"),
        (["train", "--out", "{}", "--config", "{}/none.toml"], "cannot read"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([a.format(tmp_path / "run") for a in arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_settings_are_printed_to_be_edited(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--print-config", "--plan", "cpu", "--seed", "7"]) == 0
    assert "seed = 7" in capsys.readouterr().out


def test_a_run_keeps_its_settings(tmp_path: Path) -> None:
    from phosphene.training.piece import _claim

    cfg = plan("tiny")
    _claim(tmp_path, cfg)
    cfg.device = "cpu"  # another machine may go on
    _claim(tmp_path, cfg)
    cfg.flow.batch += 1
    with pytest.raises(ConfigError, match="other settings"):
        _claim(tmp_path, cfg)
