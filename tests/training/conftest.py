"""Tiny settings, clips and one whole tiny training, shared by the tests of the training code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from phosphene import cli  # noqa: E402
from phosphene.diffusion.lsd.motifs import Reader  # noqa: E402
from phosphene.diffusion.lsd.render import Motif  # noqa: E402
from phosphene.diffusion.lsd.text import TextEncoder  # noqa: E402
from phosphene.training.clips import draw_clips  # noqa: E402
from phosphene.training.config import TrainConfig, plan  # noqa: E402
from phosphene.training.pool import Clips, gather_clips  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks are slower on several threads, and the numbers then depend on how many."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny() -> TrainConfig:
    return plan("tiny")


@pytest.fixture(scope="session")
def clips() -> Clips:
    """Six clips: spirals, mandalas of fire, and hexagons that follow a source."""
    cfg = plan("tiny").data
    cfg.batch = 2
    plain = draw_clips(cfg.model_copy(update={"restyled": 0.0}), Motif("spiral"), 1)
    mixed = draw_clips(cfg.model_copy(update={"restyled": 0.0}), Motif("fire", "mandala"), 2)
    led = draw_clips(cfg.model_copy(update={"restyled": 1.0}), Motif("hexagons"), 3)
    return gather_clips(iter((plain, mixed, led)), Reader(TextEncoder()), CPU)


@dataclass(frozen=True)
class Trained:
    """A finished run and what the command said about it."""

    out: Path
    told: str


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """`phosphene train --plan tiny`, all of it, in this process."""
    import contextlib
    import io

    out = tmp_path_factory.mktemp("train") / "run"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert cli.main(["train", "--out", str(out), "--plan", "tiny", "--device", "cpu"]) == 0
    return Trained(out, said.getvalue())
