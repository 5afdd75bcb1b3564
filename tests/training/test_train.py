"""`phosphene train`, all of it in miniature, and what it made used as a model."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402

from phosphene import cli  # noqa: E402
from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig  # noqa: E402
from phosphene.diffusion import StreamDiffusionPipeline, load_pipeline  # noqa: E402
from phosphene.diffusion.lsd.manifest import history_noise, verify  # noqa: E402
from phosphene.diffusion.lsd.seeds import SeedBank  # noqa: E402
from phosphene.diffusion.lsd.text import TextEncoder  # noqa: E402
from phosphene.errors import ModelError  # noqa: E402
from phosphene.stream.conditioning import Context  # noqa: E402
from phosphene.stream.memory import ContextMemory, read, remember  # noqa: E402
from phosphene.training.publish import redraw_seeds  # noqa: E402
from tests.training.conftest import Trained  # noqa: E402


def test_every_stage_leaves_checkpoint_figures_curves_and_sheets(trained: Trained) -> None:
    for name in ("codec", "flow", "unroll", "large", "small"):
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
    assert manifest["parity_with_torch"]["denoiser"] < 0.02
    assert manifest["parity_with_torch"]["decoder"] <= 2
    assert manifest["eight_bits"]["decoder_psnr_db"] > 30
    assert manifest["eight_bits"]["denoiser_relative_error"] < 0.2
    assert manifest["training"]["data"]["families"] == ["spiral", "hexagons", "nebula"]
    assert history_noise(weights) == 0.05
    card = (weights / "MODEL_CARD.md").read_text()
    for words in ("Data", "Training", "Measured", "Limits", "minutes"):
        assert words in card


def test_a_finished_run_trains_no_more_and_exports_again(trained: Trained, tmp_path) -> None:
    before = (trained.out / "unroll.pt").read_bytes()
    assert cli.main(["train", "--out", str(trained.out), "--export", str(tmp_path / "w")]) == 0
    assert (trained.out / "unroll.pt").read_bytes() == before
    for name in ("encoder.onnx", "denoiser.onnx", "decoder.onnx", "seeds.npz"):
        assert (tmp_path / "w" / name).exists()


def test_the_trained_model_streams(trained: Trained) -> None:
    config = PipelineConfig(
        diffusion=DiffusionConfig(model_id=str(trained.out / "weights"), threads=1),
        inference=InferenceConfig(height=64, width=96),
    )
    base = load_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    stream = StreamDiffusionPipeline(base, config.stream)
    embeds = stream.encode_prompt("crimson spiral")
    rng = np.random.default_rng(0)
    for _ in range(4):
        latent = rng.standard_normal(stream.get_latent_shape()).astype(np.float32)
        frame = stream.generate_frame_with_coherence(latent, embeds, 0.5)
        assert frame.shape == (64, 96, 3)
        assert frame.dtype == np.uint8


def test_the_trained_model_looks_at_its_memory(trained: Trained) -> None:
    diffusion = DiffusionConfig(model_id=str(trained.out / "weights"), threads=1)
    base = load_pipeline(diffusion, InferenceConfig(height=64, width=64))
    rng = np.random.default_rng(0)
    pictures = rng.standard_normal((30, 1, 8, 8, 8)).astype(np.float32)
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


def test_starting_pictures_can_be_drawn_anew(trained: Trained, tmp_path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(trained.out / "weights", weights)
    assert SeedBank(weights / "seeds.npz").families == ("spiral", "hexagons", "nebula")
    assert "2 families" in redraw_seeds(weights, ("fire", "waves"), size=64)
    bank, text = SeedBank(weights / "seeds.npz"), TextEncoder(weights / "text.npz")
    assert bank.families == ("fire", "waves")
    assert bank.family(text.encode("a purple shore")) == "waves"
    assert bank.palette(text.encode("a purple shore")) == "purple"
    assert "checksums right" in verify(weights)


def test_a_folder_without_networks_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="no folder of networks"):
        load_pipeline(DiffusionConfig(model_id=str(tmp_path)), InferenceConfig())
