"""The judge is trained on its own seeds, and `bench quality` asks it about real streams."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene import cli  # noqa: E402
from phosphene.diffusion.lsd.judge import SIDE, Judge, shrink  # noqa: E402
from phosphene.diffusion.lsd.nets import WEIGHTS  # noqa: E402
from phosphene.training.config import plan  # noqa: E402
from phosphene.training.publish import redraw_seeds  # noqa: E402
from phosphene.training.train_judge import PALETTES, draw_examples, train_judge  # noqa: E402

CPU = torch.device("cpu")


def test_a_judge_is_made_and_asked(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg = plan("tiny")
    told = train_judge(tmp_path, cfg, 0.04)
    assert "held-out pictures" in told
    judge = Judge(tmp_path)
    assert judge.facts.patterns == ("spiral", "hexagons", "nebula")
    assert judge.facts.palettes == tuple(PALETTES)
    assert judge.facts.sharpness > 0
    pictures = np.random.default_rng(0).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
    verdict = judge(pictures)
    assert len(verdict.patterns) == len(verdict.palettes) == 3
    assert set(verdict.patterns) <= set(judge.facts.patterns)
    sure = np.stack([judge.clarity(name, pictures) for name in judge.facts.patterns])
    np.testing.assert_allclose(np.exp(sure).sum(axis=0), 1, rtol=1e-5)
    assert verdict.patterns == tuple(judge.facts.patterns[i] for i in sure.argmax(axis=0))

    weights = tmp_path / "weights"
    weights.mkdir()
    for file in (*WEIGHTS.glob("*.onnx"), WEIGHTS / "text.npz", WEIGHTS / "manifest.json"):
        shutil.copy(file, weights)
    assert "2 families" in redraw_seeds(weights, ("spiral", "nebula"), 64, judge=tmp_path)

    out = tmp_path / "quality.json"
    arguments = ["bench", "quality", "--judge", str(tmp_path), "--seeds", "1", "--json", str(out)]
    assert cli.main([*arguments, "--plot", str(tmp_path / "q.png")]) == 0
    figures = json.loads(out.read_text())
    assert [one["steps"] for one in figures["steps"]] == [1, 2, 4]
    assert all(0 <= one["pattern"] <= 1 and one["pictures"] == 3 for one in figures["steps"])
    for one in figures["steps"]:
        assert np.sum(one["pattern_said"]) == np.sum(one["palette_said"]) == 3
        assert np.trace(one["pattern_said"]) == round(3 * one["pattern"])
    assert (tmp_path / "q.png").exists()
    assert "goal" in capsys.readouterr().out


def test_examples_are_every_palette_of_every_pattern() -> None:
    frames, patterns, palettes = draw_examples(plan("tiny"), 1, "judge", 64, 60.0, CPU)
    assert frames.shape == (30, 64, 64, 3)
    assert sorted(set(patterns.tolist())) == [0, 1, 2]
    assert palettes[:10].tolist() == list(range(10))
    again, other = (draw_examples(plan("tiny"), 1, s, 64, 60.0, CPU)[0] for s in ("judge", "x"))
    assert torch.equal(frames, again)
    assert not torch.equal(frames, other)


def test_pictures_are_shrunk_by_averaging() -> None:
    frames = np.zeros((1, 2 * SIDE, 2 * SIDE, 3), np.uint8)
    frames[:, ::2] = 255
    assert np.allclose(shrink(frames), 0.5)
