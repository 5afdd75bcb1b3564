"""Every format of LoRA adds what its formula says, by every name of a layer; others are refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from phosphene.diffusion.checkpoints.lora_file import read_changes
from phosphene.diffusion.checkpoints.lora_names import Places, original_names
from phosphene.errors import ModelError
from tests.diffusion.sd.loras import ALPHA, LAYER, RANK
from tests.diffusion.sd.tools import assert_same, load, predict, warnings
from tests.diffusion.sd.trees import HIDDEN

pytestmark = pytest.mark.usefixtures("offline")

KOHYA = "lora_unet_" + LAYER.replace(".", "_")
KERNEL = "down_blocks.0.resnets.0.conv1"
TEXT = "encoder.layers.0.self_attn.q_proj"
Tensors = dict[str, torch.Tensor]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def weights_of(model: Any, part: str = "unet") -> dict[str, torch.Tensor]:
    if part == "unet":
        return dict(model._nets.unet.named_parameters())
    return dict(model._prompts.nets[0].encoder.named_parameters())


def changed(tree: Path, file: Path, plain: Any, layer: str, leaf: str = "weight") -> torch.Tensor:
    """What a LoRA added to one weight; nothing else may have changed."""
    got, was = weights_of(load(tree, lora_id=str(file))), weights_of(plain)
    others = [name for name in was if not torch.equal(got[name], was[name])]
    assert others == [f"{layer}.{leaf}"]
    return (got[f"{layer}.{leaf}"] - was[f"{layer}.{leaf}"]).detach()


LORA = {"lora_down.weight": random(RANK, 16), "lora_up.weight": random(16, RANK, seed=1)}
HADA = {
    "hada_w1_a": random(16, RANK),
    "hada_w1_b": random(RANK, 16, seed=1),
    "hada_w2_a": random(16, RANK, seed=2),
    "hada_w2_b": random(RANK, 16, seed=3),
}
AB = "b a, a i -> b i"


def dora(weight: torch.Tensor, added: torch.Tensor, magnitude: torch.Tensor) -> torch.Tensor:
    """Liu 2024, eq. 5, as peft has it."""
    whole = weight + added
    return magnitude[:, None] * whole / whole.norm(dim=1, keepdim=True) - weight


HALF = ALPHA / RANK
LINEAR: dict[str, tuple[Tensors, Callable[[torch.Tensor], torch.Tensor]]] = {
    "lora": (LORA, lambda w: HALF * LORA["lora_up.weight"] @ LORA["lora_down.weight"]),
    "dora": (
        LORA | {"dora_scale": random(16, 1, seed=5).abs() + 1},
        lambda w: dora(
            w,
            HALF * LORA["lora_up.weight"] @ LORA["lora_down.weight"],
            random(16, 1, seed=5).abs()[:, 0] + 1,
        ),
    ),
    "dora of columns": (
        LORA | {"dora_scale": random(1, 16, seed=5).abs() + 1},
        lambda w: (
            dora(
                w.T,
                (HALF * LORA["lora_up.weight"] @ LORA["lora_down.weight"]).T,
                random(1, 16, seed=5).abs()[0] + 1,
            ).T
        ),
    ),
    "loha": (
        HADA,
        lambda w: (
            HALF * (HADA["hada_w1_a"] @ HADA["hada_w1_b"]) * (HADA["hada_w2_a"] @ HADA["hada_w2_b"])
        ),
    ),
    "lokr": (
        {"lokr_w1": random(4, 2), "lokr_w2_a": random(4, RANK), "lokr_w2_b": random(RANK, 8)},
        lambda w: HALF * torch.kron(random(4, 2), random(4, RANK) @ random(RANK, 8)),
    ),
    "lokr of whole ones": (
        {"lokr_w1": random(4, 2), "lokr_w2": random(4, 8)},
        lambda w: torch.kron(random(4, 2), random(4, 8)),
    ),
    "full": ({"diff": random(16, 16)}, lambda w: random(16, 16)),
}


@pytest.mark.parametrize("format", LINEAR)
def test_matrices(trees: dict[str, Path], pipeline: Any, tmp_path: Path, format: str) -> None:
    tensors, formula = LINEAR[format]
    file = tmp_path / "it.safetensors"
    held = {f"{KOHYA}.{name}": tensor for name, tensor in tensors.items()}
    save_file(held | {f"{KOHYA}.alpha": torch.tensor(ALPHA)}, file)
    added = changed(trees["eps"], file, pipeline, LAYER)
    weight = weights_of(pipeline)[f"{LAYER}.weight"].detach()
    torch.testing.assert_close(added, formula(weight), rtol=1e-4, atol=1e-5)
    # a scale that may change gives the same, there and back
    model = load(trees["eps"], loras=[{"id": str(file), "scale": 0.5, "live": True}])
    fixed = load(trees["eps"], loras=[{"id": str(file), "scale": 0.5}])
    torch.testing.assert_close(predict(model), predict(fixed), rtol=1e-4, atol=1e-4)
    model.diffusion_config.loras[0].scale = 0.0
    assert_same(predict(model), predict(pipeline))


def einsum(text: str, *tensors: torch.Tensor) -> torch.Tensor:
    return torch.einsum(text, *tensors).contiguous()


TUCKER = "a b k l, o a, b i -> o i k l"
KERNELS: dict[str, tuple[Tensors, torch.Tensor]] = {
    "lora": (
        {"lora_down.weight": random(RANK, 16, 3, 3), "lora_up.weight": random(16, RANK, 1, 1)},
        einsum(
            "o r, r i k l -> o i k l", random(16, RANK, 1, 1)[:, :, 0, 0], random(RANK, 16, 3, 3)
        ),
    ),
    "lora in tucker form": (
        {
            "lora_down.weight": random(RANK, 16, 1, 1),
            "lora_mid.weight": random(RANK, RANK, 3, 3),
            "lora_up.weight": random(16, RANK, 1, 1),
        },
        einsum(
            TUCKER,
            random(RANK, RANK, 3, 3),
            random(16, RANK, 1, 1)[:, :, 0, 0],
            random(RANK, 16, 1, 1)[:, :, 0, 0],
        ),
    ),
    "loha": (
        {name: random(*(RANK, 16 * 9) if name.endswith("b") else (16, RANK)) for name in HADA},
        ((random(16, RANK) @ random(RANK, 16 * 9)) ** 2).reshape(16, 16, 3, 3),
    ),
    "loha in tucker form": (
        {name: random(RANK, 16) for name in HADA}
        | {"hada_t1": random(RANK, RANK, 3, 3), "hada_t2": random(RANK, RANK, 3, 3)},
        einsum(TUCKER, random(RANK, RANK, 3, 3), random(RANK, 16).T, random(RANK, 16)) ** 2,
    ),
    "lokr in tucker form": (
        {
            "lokr_w1": random(4, 2),
            "lokr_w2_a": random(RANK, 4),
            "lokr_w2_b": random(RANK, 8),
            "lokr_t2": random(RANK, RANK, 3, 3),
        },
        torch.kron(
            random(4, 2)[..., None, None],
            einsum(TUCKER, random(RANK, RANK, 3, 3), random(RANK, 4).T, random(RANK, 8)),
        ),
    ),
}


@pytest.mark.parametrize("format", KERNELS)
def test_kernels(trees: dict[str, Path], pipeline: Any, tmp_path: Path, format: str) -> None:
    tensors, expected = KERNELS[format]
    file, name = tmp_path / "it.safetensors", "lora_unet_" + KERNEL.replace(".", "_")
    held = {f"{name}.{role}": tensor for role, tensor in tensors.items()}
    save_file(held | {f"{name}.alpha": torch.tensor(ALPHA)}, file)
    added = changed(trees["eps"], file, pipeline, KERNEL)
    torch.testing.assert_close(added, HALF * expected, rtol=1e-4, atol=1e-4)


def test_biases_and_norms(trees: dict[str, Path], pipeline: Any, tmp_path: Path) -> None:
    file, norm = tmp_path / "it.safetensors", "down_blocks.0.resnets.0.norm1"
    save_file({"lora_unet_" + norm.replace(".", "_") + ".b_norm": random(16)}, file)
    assert torch.allclose(changed(trees["eps"], file, pipeline, norm, "bias"), random(16))
    save_file({"unet.conv_in.diff_b": random(16)}, file)
    assert torch.allclose(changed(trees["eps"], file, pipeline, "conv_in", "bias"), random(16))
    save_file({f"unet.{LAYER}.diff_b": random(16)}, file)
    with pytest.raises(ModelError, match="a bias, which that layer has not"):
        load(trees["eps"], lora_id=str(file))


ORIGINAL = "input_blocks.1.1.transformer_blocks.0.attn1.to_q"
NAMES = {
    f"unet.{LAYER}": "lora_A.weight",
    LAYER: "lora_A.weight",
    f"base_model.model.{LAYER}": "lora_A.default.weight",
    f"unet.{LAYER.removesuffix('to_q')}processor.to_q_lora": "down.weight",
    f"unet.{LAYER} ": "lora.down.weight",
    "lycoris_" + LAYER.replace(".", "_"): "lora_down.weight",
    "lora_unet_" + ORIGINAL.replace(".", "_"): "lora_down.weight",
    f"diffusion_model.{ORIGINAL}": "lora_A.weight",
    f"model.diffusion_model.{ORIGINAL}": "lora_down.weight",
}


@pytest.mark.parametrize("name", NAMES)
def test_names(trees: dict[str, Path], pipeline: Any, tmp_path: Path, name: str) -> None:
    down, file = NAMES[name], tmp_path / "it.safetensors"
    up = down.replace("down", "up").replace("_A", "_B")
    layer = name.strip()
    halves = {f"{layer}.{down}": random(RANK, 16), f"{layer}.{up}": random(16, RANK)}
    save_file(halves, file)
    added = changed(trees["eps"], file, pipeline, LAYER)
    torch.testing.assert_close(added, random(16, RANK) @ random(RANK, 16), rtol=1e-4, atol=1e-5)


def test_every_layer_has_its_original_name() -> None:
    """diffusers' own converter of whole checkpoints is the reference."""
    from diffusers import UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    unet = UNet2DConditionModel(
        block_out_channels=(32, 32, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=8,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=56,
    )
    paths = [name for name, layer in unet.named_modules() if hasattr(layer, "weight")]
    places = Places({"unet": paths})
    original = {name: path for path, name in original_names(paths)}
    assert sorted(original.values()) == sorted(paths)
    checkpoint = {
        f"model.diffusion_model.{name}.{leaf}": torch.tensor([float(index)])
        for index, name in enumerate(original)
        for leaf in ("weight", "bias")
    }
    for path, value in convert_ldm_unet_checkpoint(checkpoint, dict(unet.config)).items():
        if path.endswith(".weight"):
            name = list(original)[int(value)]
            assert places.find(f"lora_unet_{name.replace('.', '_')}") == (
                "unet",
                path.removesuffix(".weight"),
            )


@pytest.mark.parametrize(
    "name",
    [
        f"text_encoder.text_model.{TEXT}",
        f"base_model.model.text_model.{TEXT}",
        f"text_encoder.{TEXT}",
    ],
)
def test_text_encoder_alone(
    trees: dict[str, Path], pipeline: Any, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "it.safetensors"
    save_file(
        {f"{name}.lora_A.weight": random(4, HIDDEN), f"{name}.lora_B.weight": random(HIDDEN, 4)},
        file,
    )
    got, was = (
        weights_of(each, "text") for each in (load(trees["eps"], lora_id=str(file)), pipeline)
    )
    (only,) = [key for key in was if not torch.equal(got[key], was[key])]
    assert only.endswith(f"{TEXT}.weight")
    added = random(HIDDEN, 4) @ random(4, HIDDEN)
    torch.testing.assert_close(got[only] - was[only], added, rtol=1e-4, atol=1e-5)


def test_settings_of_peft(tmp_path: Path) -> None:
    places = Places({"unet": [LAYER]})
    halves = {
        f"unet.{LAYER}.lora_A.weight": random(4, 16),
        f"unet.{LAYER}.lora_B.weight": random(16, 4),
    }

    def factor(file: Path, **metadata: str) -> float:
        save_file(halves, file, metadata or None)
        (change,) = read_changes(file, places, "it")
        return float(change.halves()[1][0, 0] / random(16, 4)[0, 0])

    told = {"unet.r": 4, "unet.lora_alpha": 8, "unet.use_rslora": False}
    inside = {"lora_adapter_metadata": json.dumps(told)}
    assert factor(tmp_path / "a.safetensors", **inside) == pytest.approx(2.0)
    told |= {"unet.alpha_pattern": {"attn1.to_q": 16}, "unet.use_rslora": True}
    inside = {"lora_adapter_metadata": json.dumps(told)}
    assert factor(tmp_path / "b.safetensors", **inside) == pytest.approx(8.0)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "lora_alpha": 12}')
    assert factor(tmp_path / "adapter_model.safetensors") == pytest.approx(3.0)
    assert factor(tmp_path / "other.safetensors") == pytest.approx(1.0)


def test_half_precision(tmp_path: Path) -> None:
    file, places = tmp_path / "it.safetensors", Places({"unet": [LAYER]})
    for dtype in (torch.bfloat16, torch.float16):
        save_file({f"unet.{LAYER}.diff": random(16, 16).to(dtype)}, file)
        (change,) = read_changes(file, places, "it")
        expected = random(16, 16).to(dtype).float().numpy()
        np.testing.assert_array_equal(change.weight(np.zeros((16, 16), np.float32)), expected)


def test_what_fits_in_part_is_named(
    trees: dict[str, Path], pipeline: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, other = tmp_path / "it.safetensors", KOHYA.replace("blocks_0_att", "blocks_2_att")
    held = {f"{KOHYA}.{role}": half for role, half in LORA.items()}
    save_file(held | {f"{other}.{role}": half.clone() for role, half in LORA.items()}, file)
    changed(trees["eps"], file, pipeline, LAYER)
    (told,) = [line for line in warnings(caplog) if "fits in part" in line]
    assert "1 of its 2 layers" in told and other in told
    caplog.clear()
    save_file(held | {"bundle_emb.sparkle.clip_l": random(2, 16)}, file)
    changed(trees["eps"], file, pipeline, LAYER)
    assert any("sparkle" in line for line in warnings(caplog))


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("oft_blocks", "is OFT"),
        ("a1.weight", "is GLoRA"),
        ("on_input", "is IA3"),
        ("vera_lambda_b", "is VeRA"),
        ("hada_w1_a", "cut short"),
        ("lora_down.weight", "cut short"),
        ("dora_scale", "cut short"),
        ("something", r"'lora_unet_\w+\.something', of a format that is not known"),
    ],
)
def test_others_are_refused_by_name(
    trees: dict[str, Path], tmp_path: Path, end: str, message: str
) -> None:
    file = tmp_path / "it.safetensors"
    save_file({f"{KOHYA}.{end}": random(4, 4)}, file)
    with pytest.raises(ModelError, match=message):
        load(trees["eps"], lora_id=str(file))
