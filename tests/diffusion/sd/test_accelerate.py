"""Every way to run faster: the same picture where it promises that, one line where it is off."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phosphene.config import InferenceConfig
from phosphene.diffusion.sd.accelerate import exported
from phosphene.diffusion.sd.pipeline import StableDiffusion
from phosphene.stream.conditioning import Context
from tests.diffusion.sd.loras import make_lora
from tests.diffusion.sd.tools import load, load_xl, noise, pictures, predict, warnings

pytestmark = pytest.mark.usefixtures("offline")


def go_on(
    model: StableDiffusion,
    latents: torch.Tensor,
    prompt: str = "red",
    previous: torch.Tensor | None = None,
) -> torch.Tensor:
    """One call of a stream that has a past."""
    context = Context(previous=latents if previous is None else previous)
    return model.denoise(latents, torch.tensor([700.0]), model.encode_prompt(prompt), context)


def begin(model: StableDiffusion, latents: torch.Tensor) -> torch.Tensor:
    return model.denoise(latents, torch.tensor([700.0]), model.encode_prompt("red"), Context())


def close(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_own_attention_without_a_past_is_diffusers(trees: dict[str, Path]) -> None:
    close(predict(load(trees["eps"], cross_frame=2)), predict(load(trees["eps"])))
    close(predict(load_xl(trees["xl"], cross_frame=2)), predict(load_xl(trees["xl"])))


def test_cross_frame_attention_looks_at_frames_of_its_own_stream_only(
    trees: dict[str, Path],
) -> None:
    model = load(trees["eps"], cross_frame=1, cross_frame_interval=2)
    first, second, third = noise(seed=1), noise(seed=2), noise(seed=3)
    alone = {name: begin(model, x) for name, x in (("second", second), ("first", first))}
    seen = go_on(model, second)
    assert (seen - alone["second"]).abs().max() > 1e-4
    # kept: call 0, not call 1
    close(go_on(model, third), _with_bank(trees, [first], third))
    # another stream on the same networks knows nothing of it
    view = model.view(InferenceConfig(height=64, width=64))
    close(go_on(view, second), alone["second"])
    close(go_on(model, first), _with_bank(trees, [first, third], first, frames=1))
    close(begin(model, second), alone["second"])


def _with_bank(
    trees: dict[str, Path], past: list[torch.Tensor], now: torch.Tensor, frames: int = 1
) -> torch.Tensor:
    """A fresh stream that kept every frame of ``past``."""
    model = load(trees["eps"], cross_frame=frames, cross_frame_interval=1)
    begin(model, past[0])
    for latents in past[1:]:
        go_on(model, latents)
    return go_on(model, now)


def test_the_bank_is_extended_attention(trees: dict[str, Path]) -> None:
    """softmax(q [k, k'] / sqrt d) [v, v'], written out for one layer."""
    model = load(trees["eps"], cross_frame=1, cross_frame_interval=1)
    layer = model._nets.unet.down_blocks[0].attentions[0].transformer_blocks[0].attn1
    x, before = torch.randn(2, 1, 64, 16, generator=torch.Generator().manual_seed(3))
    processor = layer.processor
    with torch.no_grad():
        model._nets.memory = type(model._nets.memory)((1, 4, 8, 8))
        processor(layer, before)
        got = processor(layer, x)

        def heads(projected: torch.Tensor) -> torch.Tensor:
            return projected.view(-1, layer.heads, 16 // layer.heads).transpose(0, 1)

        query = heads(layer.to_q(x[0]))
        key = torch.cat([heads(layer.to_k(each[0])) for each in (x, before)], dim=1)
        value = torch.cat([heads(layer.to_v(each[0])) for each in (x, before)], dim=1)
        weights = (query @ key.transpose(1, 2) / (16 // layer.heads) ** 0.5).softmax(dim=-1)
        expected = layer.to_out[0]((weights @ value).transpose(0, 1).reshape(64, 16))
    close(got[0], expected)


def test_token_merging_keeps_most_of_the_prediction(trees: dict[str, Path]) -> None:
    plain = predict(load(trees["eps"]))
    little, much = (predict(load(trees["eps"], token_merge=share)) for share in (0.1, 0.7))
    assert 0 < (little - plain).abs().mean() < (much - plain).abs().mean() < plain.abs().mean()


def test_keys_and_values_of_means(trees: dict[str, Path]) -> None:
    """ToDo, written out for one layer; where all of a cell are alike nothing changes."""
    model = load(trees["eps"], token_mean=True)
    layer = model._nets.unet.down_blocks[0].attentions[0].transformer_blocks[0].attn1
    x = torch.randn(1, 64, 16, generator=torch.Generator().manual_seed(3))
    cells = x.view(1, 4, 2, 4, 2, 16).mean(dim=(2, 4)).view(1, 16, 16)
    with torch.no_grad():
        model._nets.memory = type(model._nets.memory)((1, 4, 8, 8))
        got = layer.processor(layer, x)

        def heads(projected: torch.Tensor) -> torch.Tensor:
            return projected.view(-1, layer.heads, 16 // layer.heads).transpose(0, 1)

        query, key = heads(layer.to_q(x[0])), heads(layer.to_k(cells[0]))
        weights = (query @ key.transpose(1, 2) / (16 // layer.heads) ** 0.5).softmax(dim=-1)
        seen = (weights @ heads(layer.to_v(cells[0]))).transpose(0, 1).reshape(64, 16)
        close(got[0], layer.to_out[0](seen))
        flat = cells.view(1, 4, 1, 4, 1, 16).expand(1, 4, 2, 4, 2, 16).reshape(1, 64, 16)
        plain = (
            load(trees["eps"])._nets.unet.down_blocks[0].attentions[0].transformer_blocks[0].attn1
        )
        close(layer.processor(layer, flat), plain(flat))


def test_deepcache_runs_the_deep_layers_in_every_second_call(trees: dict[str, Path]) -> None:
    model, plain = load(trees["eps"], deepcache=2), load(trees["eps"])
    runs = []
    model._nets.unet.mid_block.resnets[0].register_forward_hook(lambda *_: runs.append(1))
    first, second, third = noise(seed=1), noise(seed=2), noise(seed=3)
    close(begin(model, first), begin(plain, first))
    go_on(model, first, previous=first)
    runs.clear()
    cached = go_on(model, second, previous=first)
    assert not runs
    assert (cached - begin(plain, second)).abs().max() > 1e-4
    close(go_on(model, third, previous=first), begin(plain, third))
    # nothing changed since: what is cached is what would be computed
    close(go_on(model, third, previous=first), begin(plain, third))
    assert len(runs) == 1
    close(begin(model, second), begin(plain, second))
    # a call of another batch is another set of frames
    both = torch.cat([first, second])
    got = model.denoise(
        both, torch.tensor([700.0]), model.encode_prompt(["red", "red"]), Context(previous=both)
    )
    close(got[1:], begin(plain, second))


def test_deepcache_draws_in_full_where_much_changed(trees: dict[str, Path]) -> None:
    model, plain = load(trees["eps"], deepcache=8), load(trees["eps"])
    still = 0.2 * torch.nn.functional.interpolate(noise(), scale_factor=4, mode="bilinear")
    x = torch.nn.functional.interpolate(noise(seed=1), scale_factor=4)

    def full(previous: torch.Tensor, prompt: str = "red") -> bool:
        got = go_on(model, x + 0.1 * len(seen), prompt, previous)
        seen.append(1)
        fresh = plain.denoise(
            x + 0.1 * (len(seen) - 1), torch.tensor([700.0]), plain.encode_prompt(prompt), Context()
        )
        return bool((got - fresh).abs().max() < 1e-5)

    seen: list[int] = []
    begin(model, x)
    assert full(still)
    assert not full(still)
    assert not full(still + 0.05)
    assert full(still + 0.5)
    assert full(still)
    assert not full(still.roll(2, 3))
    assert full(still.roll(5, 2))
    assert full(still)
    assert full(still, "cat")
    # an input picture counts as well
    assert not full(still, "cat")
    model.encode_image(pictures(1))
    assert full(still, "cat")


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_CACHE", str(tmp_path))
    return tmp_path / "onnx"


@pytest.mark.parametrize("tree", ["lcm", "xl"])
def test_onnx_runtime_draws_the_same(trees: dict[str, Path], tree: str, exports: Path) -> None:
    make = load_xl if tree == "xl" else load
    plain, fast = make(trees[tree]), make(trees[tree], runtime="onnx")
    assert len(list(exports.iterdir())) == 3
    close(predict(fast), predict(plain))
    # other batches and sizes than it was exported with
    wide = torch.cat([noise(2), noise(2, seed=1)], dim=3)
    embeds, t = plain.encode_prompt(["red", "cat"]), torch.tensor([700.0, 100.0])
    close(
        fast.denoise(wide, t, embeds, Context()),
        plain.denoise(wide, t, embeds, Context()),
    )
    close(fast.encode_image(pictures()), plain.encode_image(pictures()))
    assert np.abs(fast.decode(wide).astype(int) - plain.decode(wide)).max() <= 1


def test_exports_are_kept_by_their_weights(
    trees: dict[str, Path], exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(trees["eps"], runtime="onnx")
    make_lora(tmp_path / "lora.safetensors", "peft")
    lora = str(tmp_path / "lora.safetensors")
    changed = load(trees["eps"], runtime="onnx", lora_id=lora)
    close(predict(changed), predict(load(trees["eps"], lora_id=lora)))
    # the autoencoder is the same
    assert len(list(exports.iterdir())) == 4

    def refuse(*_: Any) -> None:
        raise AssertionError("exported again")

    monkeypatch.setattr(exported, "_export", refuse)
    again = load(trees["eps"], runtime="onnx")
    close(predict(again), predict(load(trees["eps"])))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"cuda_graph": True}, "cuda_graph is off: it needs an NVIDIA GPU."),
        ({"attention": "xformers"}, "attention xformers is off, torch's own is used"),
        ({"attention": "xformers", "token_merge": 0.5}, "have their own attention"),
        ({"runtime": "tensorrt"}, "runtime tensorrt is off, torch runs the networks"),
        ({"compile_unet": True, "deepcache": 2}, "cannot have deepcache"),
        ({"runtime": "onnx", "cross_frame": 1}, "cannot have cross_frame"),
        ({"quantize": "fp8"}, "quantize fp8 is off"),
        ({"quantize": "int8"}, "quantize int8 is off: it needs the package torchao"),
    ],
)
def test_what_cannot_be_on_says_why_once(
    trees: dict[str, Path],
    settings: dict[str, Any],
    expected: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in ("torchao", "torchao.quantization", "xformers"):
        monkeypatch.setitem(sys.modules, package, None)
    for _ in range(2):
        model = load(trees["eps"], **settings)
    (message,) = warnings(caplog)
    assert expected in message
    assert "\n" not in message
    if "token_merge" not in settings:
        close(predict(model), predict(load(trees["eps"])))


def test_a_live_lora_cannot_be_fixed(
    trees: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_lora(tmp_path / "lora.safetensors", "peft")
    loras = [{"id": str(tmp_path / "lora.safetensors"), "live": True}]
    load(trees["eps"], loras=loras, compile_unet=True, cuda_graph=True)
    assert warnings(caplog) == [
        "compile_unet and cuda_graph is off: a network that is fixed once cannot have live LoRA scales."
    ]
