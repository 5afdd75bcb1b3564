"""Shards on disk, their twins, and batches for the denoiser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene.diffusion.lsd.text import TextEncoder  # noqa: E402
from phosphene.training import dataset, latents, runtime  # noqa: E402
from phosphene.training.autoencoder import Autoencoder, AutoencoderConfig  # noqa: E402
from phosphene.training.train_denoiser import DenoiserTraining, draw  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> latents.Clips:
    folder: Path = tmp_path_factory.mktemp("data")
    cfg = dataset.DataConfig(shards=2, recoloured=1, per_family=1, size=32)
    model = Autoencoder(AutoencoderConfig(encoder_fine=8, encoder_coarse=8)).eval()
    for index, variant in cfg.jobs():
        shard = dataset.Shard(folder, index, variant)
        dataset.render_shard(cfg, shard, CPU)
        latents.encode_shard(model, shard, CPU)
    return latents.load_clips(folder, TextEncoder())


def test_families_come_up_evenly(clips: latents.Clips) -> None:
    counts = {f: clips.families.count(f) for f in set(clips.families)}
    assert set(counts.values()) == {3}
    assert len(counts) == len(dataset.FAMILIES)


def test_twins_share_family_and_differ_in_caption(clips: latents.Clips) -> None:
    twins = [(i, int(j)) for i, j in enumerate(clips.twin) if i != int(j)]
    assert len(twins) == 2 * len(dataset.FAMILIES)
    assert all(clips.families[i] == clips.families[j] for i, j in twins)
    assert np.mean([clips.captions[i] != clips.captions[j] for i, j in twins]) > 0.9
    assert all(torch.equal(clips.audio[i], clips.audio[j]) for i, j in twins)


def test_batches_have_three_frames(clips: latents.Clips) -> None:
    torch.manual_seed(0)
    batch = draw(clips, DenoiserTraining(), 6, CPU)
    assert batch.before.shape == batch.last.shape == batch.target.shape == (6, 8, 4, 4)
    assert batch.text.shape == (6, 1, 128)
    assert batch.audio.shape == (6, 5)


def test_clock_and_learning_rate() -> None:
    clock = runtime.Clock(10.0, spent_s=5.0)
    assert 0.5 <= clock.progress < 0.6
    assert runtime.learning_rate(1.0, 0, 0.0) < 0.01
    assert runtime.learning_rate(1.0, 1000, 0.0) == 1.0
    assert runtime.learning_rate(1.0, 1000, 1.0) == pytest.approx(0.0)


def test_average_follows_and_checkpoint_round_trips(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 2)
    average = runtime.Average(module, 0.9)
    module.weight.data.add_(1.0)
    for _ in range(200):
        average.update(module)
    assert torch.allclose(average.module.weight, module.weight, atol=1e-3)
    runtime.save(tmp_path / "a.pt", {"model": module.state_dict(), "step": 3})
    assert runtime.load(tmp_path / "a.pt", CPU)["step"] == 3
