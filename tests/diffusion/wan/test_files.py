"""Wan streams on disk: every published layout, what is found, and what is wrong with bad ones."""

from __future__ import annotations

import gc
import json
import logging
import shutil
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import UMT5EncoderModel

from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.registry import load_pipeline, pipeline_class
from phosphene.diffusion.wan import load, weights
from phosphene.diffusion.wan.layout import find
from phosphene.diffusion.wan.network import Prompt
from phosphene.diffusion.wan.pipeline import WanPipeline, describe
from phosphene.diffusion.wan.plan import GB, Plan
from phosphene.errors import ConfigError, InputError, ModelError
from tests.diffusion.wan import trees


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path / "cache"))


def loaded(place: Path, **options: Any) -> WanPipeline:
    config = DiffusionConfig(model=str(place), device="cpu", **options)
    model = load_pipeline(config, InferenceConfig(height=64, width=64))
    assert isinstance(model, WanPipeline)
    return model


def same_net(model: WanPipeline, fused: bool = False) -> None:
    """The loaded network is the random one, or that with the LoRA's change in every matrix."""
    expected = {name: each.clone() for name, each in trees.transformer().state_dict().items()}
    if fused:
        lora = trees.lora()
        for name in list(lora):
            if name.endswith("lora_A.weight"):
                module = name.removesuffix(".lora_A.weight")
                change = lora[f"{module}.lora_B.weight"] @ lora[name]
                own = module.removeprefix("base_model.model.") + ".weight"
                expected[weights.to_diffusers(own)] += change
    found = model._rollout.network.transformer.state_dict()
    assert set(expected) == set(found)
    for name, each in expected.items():
        assert torch.allclose(each, found[name], atol=1e-5), name


def test_names_go_to_diffusers_and_back_for_every_tensor_and_layout() -> None:
    theirs = list(trees.transformer().state_dict())
    own = [weights.to_original(name) for name in theirs]
    assert len(set(own)) == len(theirs)
    assert "blocks.0.self_attn.q.weight" in own and "blocks.1.norm3.bias" in own
    assert "head.modulation" in own and "blocks.0.modulation" in own
    for prefix in ("", "model.", "model._fsdp_wrapped_module.", "base_model.model.", "_orig_mod."):
        assert [weights.to_diffusers(prefix + name) for name in own] == theirs
    assert [weights.to_diffusers(name) for name in theirs] == theirs
    # the converter of diffusers itself, for the plain layout
    from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

    tensors = trees.original()
    expected = convert_wan_transformer_to_diffusers(dict(tensors))
    got = weights.converted(tensors)
    assert set(got) == set(expected)
    assert all(torch.equal(got[name], expected[name]) for name in got)


PUBLISHED = (
    ("self_forcing_dmd.pt", "generator_ema", "model.", "self-forcing", 3, 4),
    ("longlive_base.pt", "generator", "model._fsdp_wrapped_module.", "longlive", 3, 4),
    ("framewise-2step.pt", "generator_ema", "model.", "causal-forcing++", 1, 2),
    ("framewise-1step.pt", "generator", "model.", "causal-forcing++", 1, 1),
    ("chunkwise_causal_forcing.pt", "generator_ema", "model.", "causal-forcing", 3, 4),
)


@pytest.mark.parametrize(("file", "key", "prefix", "name", "frames", "steps"), PUBLISHED)
def test_published_students_are_found_from_their_file(
    tmp_path: Path, file: str, key: str, prefix: str, name: str, frames: int, steps: int
) -> None:
    place = trees.student(tmp_path / "weights", file, key, prefix)
    assert pipeline_class(str(place)) is WanPipeline
    found = find(str(place))
    assert found is not None and found == find(str(place))
    assert (found.recipe.name, found.recipe.frames, len(found.recipe.levels)) == (
        name,
        frames,
        steps,
    )
    assert found.licence == "Apache-2.0"
    # the folder that it lies in is as good a place
    within = find(str(place.parent))
    assert within is not None and within.transformer == place
    said = describe(str(place)) or ""
    assert "licence    Apache-2.0\n" in said and "needs " in said and "text encoder" in said
    if steps != 1:
        same_net(loaded(place))


def test_longlive_is_its_base_with_its_lora(tmp_path: Path) -> None:
    place = trees.student(tmp_path / "models", "longlive_base.pt", "generator")
    torch.save({"generator_lora": trees.lora(), "step": 1}, place.parent / "lora.pt")
    model = loaded(place.parent)
    assert [file.name for file in model.layout.loras] == ["lora.pt"]
    same_net(model, fused=True)
    torch.save(
        {"generator_lora": {k: v[:, :4] for k, v in trees.lora().items()}}, place.parent / "lora.pt"
    )
    with pytest.raises(ModelError, match="the LoRA does not fit"):
        loaded(place)


def test_diffusers_own_layout_with_text_from_the_encoder_then_from_disk(tmp_path: Path) -> None:
    folder = trees.diffusers_tree(tmp_path / "Self-Forcing-diffusers")
    model = loaded(folder)
    same_net(model)
    assert model.layout.recipe.name == "self-forcing"
    told = model.encode_prompt(["a red (cat:1.3)", "a red  cat", "rain"])
    assert told.shape == (3, 512, trees.TEXT)
    assert np.array_equal(told[0], told[1]) and not np.array_equal(told[0], told[2])
    # rows after the prompt's end are nothing, as in training
    assert np.abs(told[0, :6]).sum() > 0 and np.abs(told[0, 20:]).sum() == 0
    assert model._prompts._encoder is None
    shutil.rmtree(folder / "text_encoder")
    shutil.rmtree(folder / "tokenizer")
    again = loaded(folder)
    assert np.array_equal(again.encode_prompt("a red cat")[0], told[1])
    assert again._prompts.encoded == 0
    with pytest.raises(ModelError, match="never encoded on this machine"):
        again.encode_prompt("a blue cat")


def test_eight_bits_of_text_are_near_sixteen(tmp_path: Path) -> None:
    folder = trees.diffusers_tree(tmp_path / "tree")
    exact = loaded(folder, text_encoder_bits=16, text_encoder_after="keep").encode_prompt(
        "slow rain"
    )
    model = loaded(folder, text_encoder_after="offload")
    short = model.encode_prompt("slow rain")
    assert model._prompts._encoder is not None
    error = np.linalg.norm(short - exact) / np.linalg.norm(exact)
    assert 0 < error < 0.02


def test_a_freed_text_encoder_is_gone_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[Any]] = []
    whole = UMT5EncoderModel.__init__

    def noted(self: Any, *args: Any, **told: Any) -> None:
        whole(self, *args, **told)
        made.append(weakref.ref(self))

    folder = trees.diffusers_tree(tmp_path / "tree")
    monkeypatch.setattr(UMT5EncoderModel, "__init__", noted)
    model = loaded(folder)
    gc.disable()
    try:
        model.encode_prompt("slow rain")
        assert [each() for each in made] == [None]
    finally:
        gc.enable()


def test_umt5_in_wans_own_layout_has_transformers_names() -> None:
    tensors = {
        "token_embedding.weight": 1, "norm.weight": 2, "blocks.3.norm1.weight": 3,
        "blocks.3.attn.q.weight": 4, "blocks.3.ffn.gate.0.weight": 5, "blocks.3.ffn.fc2.weight": 6,
        "blocks.3.pos_embedding.embedding.weight": 7, "blocks.3.norm2.weight": 8,
    }  # fmt: skip
    block = "encoder.block.3.layer"
    assert weights.encoder_names(tensors) == {
        "shared.weight": 1, "encoder.embed_tokens.weight": 1, "encoder.final_layer_norm.weight": 2,
        f"{block}.0.layer_norm.weight": 3, f"{block}.0.SelfAttention.q.weight": 4,
        f"{block}.1.DenseReluDense.wi_0.weight": 5, f"{block}.1.DenseReluDense.wo.weight": 6,
        f"{block}.0.SelfAttention.relative_attention_bias.weight": 7, f"{block}.1.layer_norm.weight": 8,
    }  # fmt: skip


def test_licences_are_named_and_non_commercial_ones_as_such(tmp_path: Path) -> None:
    for name, words in (
        ("krea-realtime-video", "non-commercial"),
        ("CausVid", "non-commercial"),
        ("RollingForcing", "academic use only"),
        ("my-own", "unknown"),
    ):
        folder = tmp_path / name
        trees.student(folder, "model.pt", "generator_ema")
        said = describe(str(folder)) or ""
        assert words in said
        assert ("no paid shows" in said) == (words not in ("unknown",)), said
    card = "---\nlicense: cc-by-nc-4.0\nlibrary_name: x\n---\n# A model\n"
    (tmp_path / "my-own/README.md").write_text(card)
    assert "licence    cc-by-nc-4.0: non-commercial" in (describe(str(tmp_path / "my-own")) or "")


def test_half_a_checkpoint_is_said(tmp_path: Path) -> None:
    place = trees.student(tmp_path / "a", "self_forcing_dmd.pt", "generator_ema")
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"broken or cut .*download it again"):
        loaded(place)
    held = {n: t for n, t in trees.original().items() if not n.startswith("blocks.1")}
    torch.save({"generator_ema": held}, place)
    with pytest.raises(ModelError, match=r"half a checkpoint: \d+ of \d+ tensors are missing"):
        loaded(place)
    folder = trees.diffusers_tree(tmp_path / "tree", text=False)
    index = {"weight_map": {"a": "one-of-two.safetensors", "b": "two-of-two.safetensors"}}
    (folder / "transformer/model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"one-of-two\.safetensors is missing"):
        loaded(folder)


def test_another_autoencoder_is_refused(tmp_path: Path) -> None:
    from diffusers import AutoencoderKLWan

    folder = trees.diffusers_tree(tmp_path / "tree", text=False, tiny=False)
    other = AutoencoderKLWan(
        **trees.VAE | {"z_dim": 6, "latents_mean": [0.0] * 6, "latents_std": [1.0] * 6}
    )
    other.save_pretrained(str(folder / "vae"))
    with pytest.raises(ModelError, match="latents of 6 channels, and the model draws 4"):
        loaded(folder)
    shutil.rmtree(folder / "vae")
    with pytest.raises(ModelError, match="no autoencoder lies beside"):
        loaded(folder)
    torch.save({"decoder.1.weight": torch.zeros(8, 48, 3, 3)}, folder / "taew2_1.pth")
    with pytest.raises(ModelError, match="latents of 48 channels"):
        loaded(folder)


def test_a_tiny_autoencoder_that_is_not_there_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    say_once.cache_clear()
    folder = trees.diffusers_tree(tmp_path / "tree", text=False, tiny=False)
    with caplog.at_level(logging.WARNING):
        model = loaded(folder)
    assert model.facts.chunk is not None and model.facts.chunk.decoders == ("wan",)
    assert "use_tiny_vae is off, Wan's own autoencoder decodes" in caplog.text
    trees.add_tiny(folder)
    assert (loaded(folder).facts.chunk or model.facts.chunk).decoders == ("tiny",)
    assert (loaded(folder, use_tiny_vae=False).facts.chunk or model.facts.chunk).decoders == (
        "wan",
        "tiny",
    )


def test_memory_is_planned_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Wan 2.1 1.3B: section 3 of Self-Forcing's sums, 184 kB a token and 2.8 GB at 21 frames of 320x576
    real = Plan(1_420_000_000 + 127_000_000, 30, 1536, 320, 576, 3, 18)
    assert real.tokens == 720 and real.cache / GB == pytest.approx(2.79, abs=0.02)
    with pytest.raises(ModelError) as error:
        Plan(1_550_000_000, 30, 1536, 320, 576, 3, 9).check(6.0 * GB)
    said = "needs 6.4 GB at 320x576 with a window of 9; 6.0 free: use --window 6."
    assert str(error.value) == said
    Plan(1_550_000_000, 30, 1536, 320, 576, 3, 6).check(6.0 * GB)
    with pytest.raises(ModelError, match=r"use --size \d+x\d+ --window 3"):
        Plan(1_000_000, 30, 1536, 480, 832, 3, 9).check(1.5 * GB)
    with pytest.raises(ModelError, match="free some"):
        Plan(9_000_000_000, 30, 1536, 480, 832, 3, 9).check(1.5 * GB)
    folder = trees.diffusers_tree(tmp_path / "tree", text=False)
    monkeypatch.setattr("phosphene.diffusion.wan.plan.free_bytes", lambda device: 1e8)
    for part in ("load_transformer", "load_autoencoder"):
        monkeypatch.setattr(load, part, lambda *_: pytest.fail("read before there is room"))
    with pytest.raises(ModelError, match=r"needs 0.6 GB at 64x64 with a window of 9; 0.1 free"):
        loaded(folder)


def test_what_is_no_stream_is_said(tmp_path: Path) -> None:
    assert find(str(tmp_path)) is None and find("stabilityai/sd-turbo") is None
    (tmp_path / "notes.txt").write_text("x")
    assert find(str(tmp_path / "notes.txt")) is None
    with pytest.raises(ModelError, match="holds no Wan stream"):
        load_pipeline(DiffusionConfig(model="wan", model_id=str(tmp_path)), InferenceConfig())
    with pytest.raises(ConfigError, match="needs its weights"):
        load_pipeline(DiffusionConfig(model="wan"), InferenceConfig())
    for name in ("self_forcing_dmd.pt", "self_forcing_sid.pt"):
        trees.student(tmp_path / "two", name, "generator_ema")
    with pytest.raises(
        ModelError, match=r"several models \(self_forcing_dmd.pt, self_forcing_sid.pt\)"
    ):
        find(str(tmp_path / "two"))


def test_the_contract_end_to_end(tmp_path: Path) -> None:
    folder = trees.diffusers_tree(tmp_path / "Self-Forcing-diffusers")
    model = loaded(folder, use_tiny_vae=False)
    config = PipelineConfig()
    config.diffusion = model.diffusion_config
    WanPipeline.suggest(config)
    assert config.stream.denoising_steps == 4 and config.live.fps == config.audio.fps == 16
    cat, rain = model.encode_prompt(["cat", "rain"])
    state = model.open(cat, seed=5)
    assert [model.pictures(state), len(model.generate(state))] == [9, 9]
    assert [model.pictures(state), len(model.generate(state))] == [12, 12]
    kept = model.dump(state)
    ways: dict[str, Any] = {}
    for how in ("keep", "recache", "morph", "cut"):
        other = model.restore(kept)
        if how != "keep":
            model.change(other, rain, how, chunks=2)  # type: ignore[arg-type]
        ways[how] = model.generate(other)
        assert len(ways[how]) == (9 if how == "cut" else 12)
        if how == "morph":
            assert other.morph is not None
            model.generate(other)
            assert other.morph is None and np.array_equal(other.prompt.embeds[0].numpy(), rain)
    assert np.array_equal(ways["keep"], model.generate(state))
    for how in ("recache", "morph"):
        assert not np.array_equal(ways["keep"], ways[how])
    # the same prompt again is no change, and a lighter chunk is another decoder's and shorter
    before = model.dump(state)
    model.change(state, cat, "recache")
    assert model.dump(state) == before
    from phosphene.diffusion.chunk import ChunkOptions

    light = ChunkOptions(steps=1, frames=1, decoder="tiny")
    assert len(model.generate(state, options=light)) == model.pictures(state, light) == 4
    begun = model.open(cat, 5, first=ways["keep"][:1])
    assert begun.frame == 1 and len(model.generate(begun)) == 12
    with pytest.raises(InputError, match="drawn over 12 pictures"):
        model.generate(begun, ways["keep"][:3], 0.5)
    with pytest.raises(InputError, match="not the state of a Wan stream"):
        model.restore(b"nonsense")
    model.close(state)
    assert not state.cache.keys
    net = model._rollout.network
    prompt = Prompt(torch.from_numpy(cat[None]))
    net(torch.zeros(1, 4, 1, 8, 8), [0.0], prompt, net.cache(8, 8, 1, 2), [0])
    assert len(prompt.keys) == net.layers
