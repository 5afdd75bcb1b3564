"""FLUX.2 klein and SANA-Sprint draw what diffusers draws, and say what is wrong with a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig, StreamConfig
from phosphene.diffusion.checkpoints import catalogue, source
from phosphene.diffusion.dit.flux2 import Flux2Pipeline, shift
from phosphene.diffusion.dit.pipeline import TransformerPipeline
from phosphene.diffusion.dit.sana import NOISIEST, SECOND_OF_TWO, SanaSprintPipeline
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import ModelError
from phosphene.stream.batch import InFlightFrame, Plan, complete
from phosphene.stream.coherence import noisy_start
from phosphene.stream.conditioning import Context
from phosphene.stream.schedule import Schedule
from tests.diffusion.dit_trees import flux2_tree, sana_tree

pytestmark = pytest.mark.usefixtures("offline")
diffusers = pytest.importorskip("diffusers", minversion="0.37")

SIZE = 64
PROMPT = "red cat"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("transformers")
    return {"flux2": flux2_tree(root / "flux2"), "sana": sana_tree(root / "sana")}


def load(place: Path | str, **settings: Any) -> TransformerPipeline:
    kind = Flux2Pipeline if source.pipeline_for(str(place)) == "flux2" else SanaSprintPipeline
    config = DiffusionConfig(model=str(place), device="cpu", **{"use_tiny_vae": False} | settings)
    return kind(config, InferenceConfig(height=SIZE, width=SIZE))


def theirs(place: Path) -> Any:
    pipe = diffusers.DiffusionPipeline.from_pretrained(place)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def noise(model: TransformerPipeline, seed: int = 0) -> torch.Tensor:
    return torch.randn(model.get_latent_shape(), generator=torch.Generator().manual_seed(seed))


class GeneratorNoise:
    """Noise between steps as diffusers draws it: one after the other from one generator."""

    def __init__(self) -> None:
        self._random = torch.Generator().manual_seed(7)

    def __call__(self, seed: int, step: int, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.randn(shape, generator=self._random)


def ours(
    model: TransformerPipeline, times: Any, x: torch.Tensor, context: Any = None, **settings: Any
) -> torch.Tensor:
    told = {} if context is None else {"context": context}
    plan = Plan(tuple(float(t) for t in times), **settings)
    in_flight = InFlightFrame(0, plan, x, model.encode_prompt(PROMPT), **told)
    return complete(in_flight, model.denoiser(), GeneratorNoise()).x


def close(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def picture(seed: int = 0, side: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def pixels(model: TransformerPipeline, latents: torch.Tensor, images: Any) -> None:
    """The same pictures as floats 0..1, but for rounding."""
    assert np.abs(model.decode(latents) / 255.0 - images).max() < 0.51 / 255 + 1e-3


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_flux2_text_to_image(places: dict[str, Path], steps: int) -> None:
    model, pipe = load(places["flux2"]), theirs(places["flux2"])
    x = noise(model)
    times = model.facts.schedule.steps(steps)
    got = ours(model, times, x, add_noise=False)
    shown = pipe(
        prompt=PROMPT, height=SIZE, width=SIZE, num_inference_steps=steps, latents=x, output_type="np"
    ).images  # fmt: skip
    np.testing.assert_allclose(pipe.scheduler.sigmas[:-1].numpy(), times, rtol=1e-5)
    pixels(model, got, shown)
    raw = pipe(
        prompt=PROMPT, height=SIZE, width=SIZE, num_inference_steps=steps, latents=x,
        output_type="latent",
    ).images  # fmt: skip
    spread = got * model._std + model._mean
    close(pipe._unpatchify_latents(spread), raw)


def test_flux2_image_to_image(places: dict[str, Path]) -> None:
    """diffusers' own loop over the last part of its steps, from the picture's latent."""
    from diffusers import Flux2KleinInpaintPipeline

    model = load(places["flux2"])
    pipe = Flux2KleinInpaintPipeline.from_pipe(theirs(places["flux2"]))
    frame, x = picture(), noise(model)
    clean = model.encode_image(frame[None])
    times = model.facts.schedule.steps(2, 0.5)
    start = float(times[0])
    seen: list[float] = []

    def keep(_: Any, step: int, t: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        seen.append(float(t) / 1000)
        return {}

    whole = Image.fromarray(np.full((SIZE, SIZE), 255, np.uint8))
    shown = pipe(
        prompt=PROMPT, image=Image.fromarray(frame), mask_image=whole, height=SIZE, width=SIZE,
        num_inference_steps=4, strength=0.5, output_type="np", callback_on_step_end=keep,
        generator=torch.Generator().manual_seed(7),
    ).images  # fmt: skip
    np.testing.assert_allclose(seen, times, rtol=1e-4)
    assert shown.shape == (1, SIZE, SIZE, 3)
    # the same, step by step
    z = (1 - start) * clean + start * x
    got = ours(model, times, z, add_noise=False)
    for t, after in zip(times, [*times[1:], 0.0], strict=True):
        flow = model.denoise(z, torch.tensor([t]), model.encode_prompt(PROMPT), Context())
        z = z + (after - t) * flow
    close(got, z)
    # and the autoencoder there is diffusers'
    latent = pipe._encode_vae_image(model.as_pixels(frame[None]), None)
    close(clean, latent)


@pytest.mark.parametrize("cache", [False, True])
def test_flux2_edits_with_references(places: dict[str, Path], tmp_path: Path, cache: bool) -> None:
    if cache and not hasattr(diffusers, "Flux2KleinKVPipeline"):
        pytest.skip("diffusers 0.38 has it")
    style = tmp_path / "style.png"
    Image.fromarray(picture(3)).save(style)
    model = load(
        places["flux2"], reference="input", reference_ids=[str(style)], reference_cache=cache
    )
    pipe = theirs(places["flux2"])
    if cache:
        pipe = diffusers.Flux2KleinKVPipeline(
            pipe.scheduler, pipe.vae, pipe.text_encoder, pipe.tokenizer, pipe.transformer
        )
        pipe.set_progress_bar_config(disable=True)
    frame, x = picture(1), noise(model)
    images = [Image.open(style), Image.fromarray(frame)]
    shown = pipe(
        image=images, prompt=PROMPT, height=SIZE, width=SIZE, num_inference_steps=2, latents=x,
        output_type="np",
    ).images  # fmt: skip
    context = model.told_of(frame[None])
    times = model.facts.schedule.steps(2)
    got = ours(model, times, x, context, add_noise=False)
    pixels(model, got, shown)
    # without any it is another picture
    assert (ours(load(places["flux2"]), times, x, add_noise=False) - got).abs().max() > 1e-3
    # calls of other sizes of batch have the same reference
    two = Context(referred=torch.cat([context.referred] * 2))
    embeds, t = model.encode_prompt(PROMPT), torch.tensor([0.7])
    alone = model.denoise(x, t, embeds, context)
    both = model.denoise(torch.cat([x, x]), t, embeds, two)
    close(both[1:], alone)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_sana_text_to_image(places: dict[str, Path], steps: int) -> None:
    model, pipe = load(places["sana"]), theirs(places["sana"])
    x = noise(model)
    got = ours(model, model.facts.schedule.steps(steps), x, add_noise=True)
    shown = pipe(
        PROMPT, height=SIZE, width=SIZE, num_inference_steps=steps, latents=x,
        intermediate_timesteps=1.3 if steps == 2 else None, use_resolution_binning=False,
        generator=torch.Generator().manual_seed(7), output_type="latent",
    ).images  # fmt: skip
    close(got, shown)


@pytest.mark.parametrize(("total", "strength"), [(2, 0.5), (4, 0.5), (4, 0.75)])
def test_sana_image_to_image(places: dict[str, Path], total: int, strength: float) -> None:
    """diffusers takes the last of so many steps, so its strength comes in as many sizes; ours in any."""
    if not hasattr(diffusers, "SanaSprintImg2ImgPipeline"):
        pytest.skip("newer diffusers have it")
    model = load(places["sana"])
    pipe = diffusers.SanaSprintImg2ImgPipeline.from_pipe(theirs(places["sana"]))
    pipe.set_progress_bar_config(disable=True)
    frame, random = picture(), GeneratorNoise()
    shown = pipe(
        PROMPT, image=Image.fromarray(frame), strength=strength, height=SIZE, width=SIZE,
        num_inference_steps=total, intermediate_timesteps=1.3 if total == 2 else None,
        use_resolution_binning=False, generator=torch.Generator().manual_seed(7),
        output_type="latent",
    ).images  # fmt: skip
    steps = round(total * strength)
    # of two steps the last begins at its authors' own angle
    part = SECOND_OF_TWO / NOISIEST if total == 2 else strength
    schedule, clean = model.facts.schedule, model.encode_image(frame[None])
    times = schedule.steps(steps, part)
    start = noisy_start(schedule, clean, random(0, 0, clean.shape), float(times[0]))
    plan = Plan(tuple(times.tolist()), add_noise=True)
    in_flight = InFlightFrame(0, plan, start, model.encode_prompt(PROMPT))
    close(complete(in_flight, model.denoiser(), random).x, shown)
    # a stream begins there too
    stream = StreamDiffusionPipeline(
        model, StreamConfig(denoising_steps=steps, strength=part, add_noise=False)
    )
    x = noise(model)
    begun = noisy_start(schedule, clean, x, float(times[0]))
    flight = InFlightFrame(0, Plan(tuple(times.tolist()), add_noise=False), begun, in_flight.embeds)
    drawn = stream.step_latent(x, in_flight.embeds, image=frame)
    close(drawn, complete(flight, model.denoiser(), random).x)


@pytest.mark.parametrize("family", ["flux2", "sana"])
def test_shows_are_drawn(places: dict[str, Path], family: str) -> None:
    config = PipelineConfig.from_dict({"diffusion": {"model": str(places[family])}})
    model = load(places[family])
    type(model).suggest(config)
    assert config.stream.denoising_steps == model.row.family.steps
    embeds = model.encode_prompt(["red", "cat", "a (red:1.4) cat"])
    assert embeds.shape[1:] == model.facts.embed_shape
    stream = StreamDiffusionPipeline(model, StreamConfig(denoising_steps=2))
    mixed = embeds[:1] * 0.3 + embeds[1:2] * 0.7
    frames = [stream.generate_frame_with_coherence(noise(model, i), mixed) for i in range(3)]
    frames += [stream.generate_frame(picture(i), embeds[2:]) for i in range(2)]
    assert all(frame.shape == (SIZE, SIZE, 3) for frame in frames)
    assert (frames[0] != frames[-1]).any()
    told = catalogue.describe(str(places[family]))
    assert told.parameters > 1000
    assert model.row.family.text in told.describe()


def test_taef2_is_a_tiny_autoencoder_with_a_branch_in_the_middle(
    places: dict[str, Path], tmp_path: Path
) -> None:
    """diffusers' AutoencoderTiny is the reference, but for the branch, which is written out."""
    from safetensors.torch import load_file, save_file

    from phosphene.diffusion.dit.taef2 import FILE, _block
    from tests.diffusion.sd.trees import tiny_autoencoder

    reference = tiny_autoencoder(4)
    reference.save_pretrained(tmp_path / "it")
    place = shutil.copytree(places["flux2"], tmp_path / "flux2")
    (place / "taef2").mkdir()
    weights = load_file(tmp_path / "it/diffusion_pytorch_model.safetensors")
    save_file(weights, place / "taef2" / FILE)
    model = load(place, use_tiny_vae=True)
    given = torch.rand(1, 3, SIZE, SIZE) * 2 - 1
    latents = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        close(model._tiny.encode(given), reference.encode(given).latents)
        close(model._tiny.decode(latents), reference.decode(latents).sample)
    x = torch.randn(1, 8, 4, 4)
    layer = {
        f"conv.{i}.{leaf}": torch.randn(8, 8, 3, 3)[
            (...,) if leaf == "weight" else (slice(None), 0, 0, 0)
        ]
        for i in (0, 2, 4)
        for leaf in ("weight", "bias")
    }
    pool = {
        "pool.0.weight": torch.randn(32, 8, 1, 1),
        "pool.1.weight": torch.ones(32),
        "pool.1.bias": torch.zeros(32),
        "pool.3.weight": torch.randn(8, 32, 1, 1),
    }
    wide = torch.einsum("oi,bihw->bohw", pool["pool.0.weight"][..., 0, 0], x).view(1, 4, -1)
    wide = (wide - wide.mean(-1, keepdim=True)) / (
        wide.var(-1, unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    more = torch.einsum(
        "oi,bihw->bohw", pool["pool.3.weight"][..., 0, 0], wide.view(1, 32, 4, 4).relu()
    )
    close(_block(layer | pool, x), _block(layer, x + more))
    assert model.decode(noise(model)).shape == (1, SIZE, SIZE, 3)
    save_file({"decoder.layers.0.weight": torch.zeros(2, 2, 3, 3)}, place / "taef2" / FILE)
    with torch.no_grad():
        assert load(place, use_tiny_vae=True)._tiny is None


def test_a_flow_can_be_shifted() -> None:
    flat, moved = Schedule.flow(), Schedule.flow(3.0)
    np.testing.assert_allclose(moved.steps(4), 3 * flat.steps(4) / (1 + 2 * flat.steps(4)))
    assert moved.steps(3)[0] == 1.0
    t = moved.from_blend_ratio(0.6)
    assert moved.steps(1, moved.strength_at(t))[0] == pytest.approx(t)
    assert shift(4096, 4) > shift(256, 4) > 1


def test_what_is_wrong_with_a_folder(places: dict[str, Path], tmp_path: Path) -> None:
    broken = shutil.copytree(places["flux2"], tmp_path / "broken")
    shutil.rmtree(broken / "text_encoder")
    with pytest.raises(ModelError) as error:
        load(broken)
    assert "\n" not in str(error.value)
    other = shutil.copytree(places["flux2"], tmp_path / "other")
    config = json.loads((other / "transformer/config.json").read_text())
    from diffusers import Flux2Transformer2DModel

    Flux2Transformer2DModel.from_config(config | {"joint_attention_dim": 30}).save_pretrained(
        other / "transformer"
    )
    with pytest.raises(ModelError, match=r"text encoder .* is for another model"):
        load(other)
    with pytest.raises(ModelError, match="no picture that can be a reference"):
        load(places["flux2"], reference_ids=[str(tmp_path / "none.png")])
