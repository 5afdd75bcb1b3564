"""The judge is trained on its own seeds, and `bench quality` asks it about the model's fields."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene import cli  # noqa: E402
from phosphene.diffusion.lsd.judge import Judge, mixtures  # noqa: E402
from phosphene.diffusion.lsd.render import FAMILIES, Motif  # noqa: E402
from phosphene.errors import ModelError  # noqa: E402
from phosphene.evaluation.quality import both_seen  # noqa: E402
from phosphene.training.config import plan  # noqa: E402
from phosphene.training.train_judge import draw_examples, train_judge, unroll  # noqa: E402
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
    assert judge.facts.folds == ("", "spiral", "hexagons")
    every = judge.patterns(fields, 3)
    assert [set(row) for row in every] == 3 * [set(judge.facts.patterns)]
    assert judge.patterns(fields) == tuple(row[:1] for row in every)
    assert set(judge.folds(fields)) <= set(judge.facts.folds)

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
    fields, patterns, folds = draw_examples(plan("tiny"), 2, "judge", 60.0)
    assert fields.shape == (18, 2, 16, 16)
    assert patterns.bincount().tolist() == [6, 6, 6]
    # what folds others is a fold by itself too, and fire folds nothing
    assert (folds == torch.tensor([1, 2, 0])[patterns]).all()
    mixed, fill, folded = draw_examples(plan("tiny"), 40, "judge", 60.0, mixed=0.5)
    assert len(mixed) == len(fill) == len(folded)
    alone = folded == torch.tensor([1, 2, 0])[fill]
    assert 0.25 < alone.float().mean() < 0.75
    again, other = (draw_examples(plan("tiny"), 2, s, 60.0)[0] for s in ("judge", "x"))
    assert torch.equal(fields, again)
    assert not torch.equal(fields, other)


def test_unrolled_rings_are_rows_and_rays_are_columns() -> None:
    y, x = np.mgrid[-1:1:64j, -1:1:64j].astype(np.float32)
    rings, rays = np.hypot(x, y), np.cos(3 * np.arctan2(y, x))
    rows, columns = unroll(torch.from_numpy(np.stack((rings, rays))[:, None]))[:, 0, 8:]
    assert rows.std(dim=1).max() < 0.02 < 0.2 < rows.mean(dim=1).std()
    assert columns.std(dim=0).max() < 0.05 < 0.5 < columns.mean(dim=0).std()


class _Says:
    """A judge who sees all but the fold of the first and the filling of the second."""

    def __init__(self, motifs: tuple[Motif, ...]) -> None:
        self._motifs = motifs

    def folds(self, _: np.ndarray) -> tuple[str, ...]:
        return ("", *(str(m.fold) for m in self._motifs[1:]))

    def patterns(self, _: np.ndarray, most: int = 1) -> tuple[tuple[str, ...], ...]:
        rows = [("x", m.family, "y")[:most] for m in self._motifs]
        return (rows[0], ("x", "y", "z")[:most], *rows[2:])


def test_both_parts_of_a_mixture_must_be_seen() -> None:
    motifs = mixtures(("mandala", "fire", "hexagons", "smoke"))[1]
    fields = np.zeros((len(motifs), 2, 64, 64), np.float32)
    assert both_seen(_Says(motifs), motifs, fields) == pytest.approx(1 - 2 / len(motifs))


def test_an_earlier_judge_is_refused(tmp_path) -> None:
    (tmp_path / "judge.json").write_text('{"patterns": ["a"], "words": ["b"]}')
    with pytest.raises(ModelError, match="of an earlier version"):
        Judge(tmp_path)
