"""The judge is trained on its own seeds, and `bench quality` asks it about the model's fields."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene import cli  # noqa: E402
from phosphene.diffusion.lsd.judge import Judge, mixtures  # noqa: E402
from phosphene.diffusion.lsd.render import FAMILIES  # noqa: E402
from phosphene.errors import ModelError  # noqa: E402
from phosphene.evaluation.quality import both_seen  # noqa: E402
from phosphene.training.config import plan  # noqa: E402
from phosphene.training.train_judge import draw_examples, train_judge  # noqa: E402
from tests.training.conftest import Trained  # noqa: E402


def test_a_judge_is_made_and_asked(
    trained: Trained, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = plan("tiny")
    cfg.data.size = 64
    assert "held-out fields" in train_judge(tmp_path, cfg, 0.05)
    judge = Judge(tmp_path)
    assert judge.facts.patterns == ("spiral", "hexagons", "fire")
    assert judge.facts.words == tuple(FAMILIES[name].words[0] for name in judge.facts.patterns)
    fields = (2 * np.random.default_rng(0).random((3, 2, 64, 64)) - 1).astype(np.float32)
    sure = np.stack([judge.clarity(name, fields) for name in judge.facts.patterns])
    np.testing.assert_allclose(np.exp(sure).sum(axis=0), 1, rtol=1e-4)
    best = tuple((judge.facts.patterns[i],) for i in sure.argmax(axis=0))
    assert judge(fields) == best
    assert {len(row) for row in judge(fields, 2)} == {2}

    out = tmp_path / "quality.json"
    ask = ["bench", "quality", "--judge", str(tmp_path), "--seeds", "1", "--json", str(out)]
    own = tmp_path / "own.toml"
    own.write_text(f"[diffusion]\nmodel_id = '{trained.out / 'weights'}'\nthreads = 1\n")
    ask += ["--config", str(own), "--plot", str(tmp_path / "q.png")]
    assert cli.main(ask) == 0
    figures = json.loads(out.read_text())
    assert len(figures["cases"]) == 3
    for one in figures["cases"]:
        assert one["pictures"] == 3
        assert np.sum(one["pattern_said"]) == 3
        assert np.trace(one["pattern_said"]) == round(3 * one["pattern"])
        assert 0 <= one["mixed"] <= 1
    assert (tmp_path / "q.png").exists()
    assert "reached" in capsys.readouterr().out


def test_examples_are_every_pattern_and_splits_differ() -> None:
    fields, shares = draw_examples(plan("tiny"), 2, "judge", 60.0)
    assert fields.shape == (12, 2, 16, 16)
    assert shares.sum(0).tolist() == [4, 4, 4]
    assert (shares.amax(1) == 1).all()
    # of a mixture either part is half of what is seen
    mixed, parts = draw_examples(plan("tiny"), 40, "judge", 60.0, mixed=0.5)
    assert len(mixed) == len(parts) and torch.allclose(parts.sum(1), torch.ones(len(parts)))
    assert 0.25 < (parts.amax(1) == 0.5).float().mean() < 0.75
    again, other = (draw_examples(plan("tiny"), 2, s, 60.0)[0] for s in ("judge", "x"))
    assert torch.equal(fields, again)
    assert not torch.equal(fields, other)


def test_both_parts_of_a_mixture_must_be_among_the_likeliest() -> None:
    motifs = mixtures(("mandala", "fire", "hexagons", "smoke"))[1]
    fields = np.zeros((len(motifs), 2, 64, 64), np.float32)

    def judge(_: np.ndarray, most: int) -> tuple[tuple[str, ...], ...]:
        rows = [(str(m.fold), m.family, "x")[:most] for m in motifs]
        return (("x", "y", "z")[:most], *rows[1:])

    assert both_seen(judge, motifs, fields) == pytest.approx(1 - 1 / len(motifs))


def test_a_judge_of_pictures_is_refused(tmp_path) -> None:
    (tmp_path / "judge.json").write_text('{"patterns": ["a"], "palettes": ["b"]}')
    with pytest.raises(ModelError, match="from before fields"):
        Judge(tmp_path)
