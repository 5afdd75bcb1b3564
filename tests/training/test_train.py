"""`phosphene train`, all of it in miniature, and what it made used as a model."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from phosphene import cli  # noqa: E402
from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig  # noqa: E402
from phosphene.diffusion import StreamDiffusionPipeline, load_pipeline  # noqa: E402
from phosphene.diffusion.lsd.manifest import Inference, inference, verify  # noqa: E402
from phosphene.diffusion.lsd.modules.read import parameters  # noqa: E402
from phosphene.errors import ModelError  # noqa: E402
from phosphene.evaluation.ablation import row_of  # noqa: E402
from phosphene.stream.conditioning import Context  # noqa: E402
from phosphene.stream.memory import ContextMemory, read, remember  # noqa: E402
from phosphene.training.config import TrainConfig  # noqa: E402
from tests.training.conftest import Trained  # noqa: E402


def test_every_stage_leaves_checkpoint_figures_curves_and_sheets(trained: Trained) -> None:
    for name in ("flow", "unroll", "sharpen"):
        told = json.loads((trained.out / f"{name}.json").read_text())
        assert told["progress"] == 1
        assert told["step"] > 0
        assert (trained.out / f"{name}.pt").exists()
        sheets = trained.out / "sheets"
        assert (sheets / f"{name}-curves.png").exists()
        (sheet,) = sheets.glob(f"{name}-[0-9]*.png")
        with Image.open(sheet) as picture:
            assert picture.width > picture.height / 4
            assert np.asarray(picture).std() > 5
    assert "difference from torch" in trained.told


def test_networks_are_whole_and_parity_is_written_down(trained: Trained) -> None:
    weights = trained.out / "weights"
    assert "checksums right" in verify(weights)
    manifest = json.loads((weights / "manifest.json").read_text())
    assert manifest["format"] == 4
    assert manifest["parity_with_torch"]["denoiser"] < 0.02
    assert manifest["parity_with_torch"]["sharpener"] < 0.02
    assert manifest["training"]["data"]["families"] == ["spiral", "hexagons", "fire"]
    assert inference(weights) == Inference(history_noise=0.05, share=1.0)
    card = (weights / "MODEL_CARD.md").read_text()
    for words in ("Data", "Training", "Measured", "Limits", "minutes"):
        assert words in card


def test_a_finished_run_trains_no_more_and_exports_again(trained: Trained, tmp_path) -> None:
    before = (trained.out / "unroll.pt").read_bytes()
    assert cli.main(["train", "--out", str(trained.out), "--export", str(tmp_path / "w")]) == 0
    assert (trained.out / "unroll.pt").read_bytes() == before
    for name in ("denoiser.onnx", "sharpener.onnx", "text.npz"):
        assert (tmp_path / "w" / name).exists()


def test_a_new_run_goes_on_from_exported_networks(trained: Trained, tmp_path, capsys) -> None:
    """No step is taken by stages without time: what comes out is what went in."""
    cfg = TrainConfig.from_toml(trained.out / "train.toml")
    cfg.flow.minutes = 0.001
    cfg.flow.rate = cfg.flow.matrix_rate = 1e-9
    cfg.flow.guidance = cfg.unroll.minutes = cfg.sharpen.minutes = 0.0
    (tmp_path / "more.toml").write_text(cfg.dumps_toml(), encoding="utf-8")
    weights = trained.out / "weights"
    run = ["train", "--out", str(tmp_path / "more"), "--config", str(tmp_path / "more.toml")]
    assert cli.main([*run, "--resume", str(weights)]) == 0
    for name in ("denoiser.onnx", "sharpener.onnx"):
        before, after = (parameters(f / name) for f in (weights, tmp_path / "more" / "weights"))
        for key, value in before.items():
            assert torch.allclose(after[key], value, rtol=1e-2, atol=1e-3), key
    cfg.net.condition = 48
    (tmp_path / "more.toml").write_text(cfg.dumps_toml(), encoding="utf-8")
    run[2] = str(tmp_path / "other")
    assert cli.main([*run, "--resume", str(weights)]) == 2
    assert "are of other sizes" in capsys.readouterr().err


def test_the_trained_model_streams(trained: Trained) -> None:
    config = PipelineConfig(
        diffusion=DiffusionConfig(model_id=str(trained.out / "weights"), threads=1),
        inference=InferenceConfig(height=128, width=192),
    )
    base = load_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    stream = StreamDiffusionPipeline(base, config.stream)
    embeds = stream.encode_prompt("crimson spiral")
    rng = np.random.default_rng(0)
    for _ in range(4):
        latent = rng.standard_normal(stream.get_latent_shape()).astype(np.float32)
        frame = stream.generate_frame_with_coherence(latent, embeds, 0.5)
        assert frame.shape == (128, 192, 3)
        assert frame.dtype == np.uint8


def test_the_trained_model_looks_at_its_memory(trained: Trained) -> None:
    diffusion = DiffusionConfig(model_id=str(trained.out / "weights"), threads=1)
    base = load_pipeline(diffusion, InferenceConfig(height=128, width=128))
    rng = np.random.default_rng(0)
    pictures = rng.standard_normal((30, *base.get_latent_shape())).astype(np.float32)
    memory = ContextMemory()
    for frame, picture in enumerate(pictures):
        memory = remember(memory, picture, frame)
    seen = read(memory, len(pictures))
    assert seen is not None
    embeds, t = base.encode_prompt("nebula"), np.array([0.7], np.float32)

    def draw(latents: np.ndarray, ages: np.ndarray) -> np.ndarray:
        context = Context(pictures[-1], None, pictures[-2], memory=latents, memory_age=ages)
        return base.denoise(pictures[0], t, embeds, context)

    with_memory = draw(*seen)
    assert np.isfinite(with_memory).all()
    assert not np.array_equal(with_memory, draw(seen[0], np.zeros_like(seen[1])))


def test_the_ablation_table_looks_at_its_streams(trained: Trained) -> None:
    row = row_of("whole", trained.out / "weights", 16, size=16)
    assert row.horizons == (16,)
    assert all(0 < value < 100 for value in (*row.contrast, *row.detail, *row.motion))
    assert row.describe().startswith("whole")


def test_a_folder_without_networks_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="no folder of networks"):
        load_pipeline(DiffusionConfig(model_id=str(tmp_path)), InferenceConfig())
