"""Stable Diffusion 1, 2 and XL on MLX, behind the contract."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import mlx.core as mx
import numpy as np
import numpy.typing as npt

from phosphene.config import DiffusionConfig, LoraConfig, PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline, Frames, ModelFacts
from phosphene.diffusion.checkpoints import families, lora, source
from phosphene.diffusion.checkpoints.errors import drawing, explained
from phosphene.diffusion.mlx import quantize, tree
from phosphene.diffusion.mlx.clip import MlxTextNet
from phosphene.diffusion.mlx.layers import sinusoids
from phosphene.diffusion.mlx.lora import fuse
from phosphene.diffusion.mlx.scheduler import prediction_of, schedule_of
from phosphene.diffusion.mlx.taesd import TinyAutoencoder
from phosphene.diffusion.mlx.tree import Tree
from phosphene.diffusion.mlx.unet import UNet, UNetInputs
from phosphene.diffusion.mlx.unet_config import UNetConfig
from phosphene.diffusion.mlx.weights import read
from phosphene.diffusion.notices import say_once, say_unheeded
from phosphene.diffusion.sd.pipeline import StableDiffusion, pick_family, say_if_blind
from phosphene.diffusion.sd.sd15 import SD15Pipeline
from phosphene.diffusion.sd.sdxl import SDXLPipeline
from phosphene.diffusion.sd.text import PromptEncoder, Tower, split_pooled
from phosphene.errors import InputError, MissingExtraError, ModelError
from phosphene.stream.conditioning import Context

HEEDED = {
    "model", "model_id", "family", "prompt_windows", "lcm_guidance", "use_tiny_vae", "device", "dtype",
    "quantize", "lora_id", "loras",
}  # fmt: skip
"""settings that are followed, refused, or spoken of by themselves"""
FORMATS = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}


@dataclass(frozen=True)
class Nets:
    """What draws."""

    unet: UNet
    tiny: TinyAutoencoder
    texts: tuple[MlxTextNet, ...]
    """one, or SDXL's two"""


def load_nets(files: Tree, dtype: mx.Dtype, large: bool, loras: list[LoraConfig]) -> Nets:
    """Read all of them, LoRAs added; ``large`` is SDXL. Raises ModelError."""
    texts = ("text_encoder", "text_encoder_2") if large else ("text_encoder",)
    config = UNetConfig.read(files.config("unet"))
    weights = {part: read(files.weights(part), dtype) for part in ("unet", *texts)}
    if loras:
        weights = fuse(weights, loras, config.text_width)
    return Nets(
        unet=UNet(config, weights["unet"]),
        tiny=TinyAutoencoder(files.config("tiny"), read(files.weights("tiny"), dtype)),
        texts=tuple(
            MlxTextNet(files.config(part), weights[part], penultimate=large) for part in texts
        ),
    )


def tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder. Raises ModelError where there is none."""
    # without torch it would warn that there are no models, of which none are wanted
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    from transformers import CLIPTokenizer

    if not folder.is_dir():
        raise ModelError(f"{folder} is missing: give a whole diffusers folder.")
    return CLIPTokenizer.from_pretrained(folder)


class MlxStableDiffusion(BaseDiffusionPipeline):
    """A Stable Diffusion model on MLX, of a folder in diffusers' layout or a hub id.

    The tiny autoencoder draws; latents and embeddings come out as float32. Nothing is computed before
    somebody asks: :meth:`decode`, :meth:`encode_image` and :meth:`encode_prompt` do, :meth:`denoise` does
    not.
    """

    twin: ClassVar[type[StableDiffusion]]
    """the same models on torch"""

    @classmethod
    def suggest(cls, config: PipelineConfig) -> None:
        """What the torch pipeline suggests."""
        cls.twin.suggest(config)

    def load_model(self) -> None:
        """Read the weights. Raises ModelError, or MissingExtraError without transformers."""
        config = self.diffusion_config
        model_id = source.named_in(config, self.twin.default_model)
        self._say_unheeded()
        with explained(model_id, "model"):
            try:
                self._load(model_id)
            except ModuleNotFoundError as error:
                raise MissingExtraError("device mlx", "mlx") from error

    def _say_unheeded(self) -> None:
        config = self.diffusion_config
        others = DiffusionConfig.model_fields.keys() - HEEDED
        say_unheeded(config, others, "MLX has nothing like it")
        if not config.use_tiny_vae:
            say_once("use_tiny_vae stays on: MLX draws with the tiny autoencoder only.")
        if any(each.live for each in config.loras):
            say_once("live is off: MLX adds LoRAs to the weights when it loads them.")

    def _load(self, model_id: str) -> None:
        config = self.diffusion_config
        found = source.inspect(model_id)
        base = families.base_of(found.configs, model_id)
        if base not in self.twin.bases:
            other = families.pipeline_of(base)
            raise ModelError(
                f"{model_id} is a model for --model {other}, not for {self.name}: choose that one."
            )
        self.family = pick_family(config, found)
        self._dtype_of_nets = _pick_dtype(config)
        files = quantize.quantized(tree.find(found, base), config.quantize)
        self._nets: Nets = load_nets(
            files, self._dtype_of_nets, base == "sdxl", lora.wanted(config)
        )
        self._prompts = _prompt_encoder(files, self._nets, config.prompt_windows)
        self._pooled = files.config("text_encoder_2")["projection_dim"] if base == "sdxl" else 0
        factor, side = self._nets.tiny.factor, files.config("unet").get("sample_size", 64)
        scheduler = files.config("scheduler")
        self._facts = ModelFacts(
            name=model_id,
            latent_channels=self._nets.unet.config.channels,
            latent_factor=factor,
            size_multiple=factor,
            prediction=prediction_of(scheduler, model_id),
            schedule=schedule_of(scheduler, self.family),
            embed_shape=self._prompts.shape,
            max_size=side * factor,
            min_size=side * factor // 2,
        )

    @property
    def facts(self) -> ModelFacts:
        """Facts read from the configs."""
        return self._facts

    def supports_pooled_embeds(self) -> bool:
        """Whether the last row of an embedding is the pooled one (SDXL)."""
        return bool(self._pooled)

    def asarray(self, array: npt.NDArray[np.float32]) -> mx.array:
        """The array as MLX's, in the dtype of the networks."""
        return mx.array(array, self._dtype_of_nets)

    def encode_prompt(self, prompt: str | Sequence[str]) -> mx.array:
        """Encode prompts with ``(word:1.3)`` weights -> (n, seq, hidden) float32, cached per text."""
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        if not prompts:
            raise InputError("there is no prompt to encode: give at least one.")
        embeds = mx.stack([self._prompts.encode(text) for text in prompts])
        mx.eval(embeds)
        return embeds

    def encode_image(self, frames: Frames) -> mx.array:
        """Encode uint8 (b, height, width, 3) -> (b c h w) float32."""
        say_if_blind(self.family, control=False)
        with drawing((frames.shape[2], frames.shape[1])):
            pixels = mx.array(frames).astype(mx.float32) / 127.5 - 1.0
            found = self._nets.tiny.encode(pixels.astype(self._dtype_of_nets))
            latents = found.transpose(0, 3, 1, 2).astype(mx.float32) * self._nets.tiny.scaling
            mx.eval(latents)
        return latents

    def denoise(
        self, latents: mx.array, timesteps: mx.array, embeds: mx.array, context: Context
    ) -> mx.array:
        """One U-Net call -> (b c h w), in the dtype of ``latents``; timesteps may be fractions."""
        dtype, batch, factor = self._dtype_of_nets, len(latents), self.facts.latent_factor
        told, pooled = embeds.astype(dtype), None
        sizes: tuple[int, ...] = ()
        if self._pooled:
            told, pooled = split_pooled(told, self._pooled)
            side = latents.shape[2] * factor, latents.shape[3] * factor
            sizes = (*side, 0, 0, *side)
        guidance = self._nets.unet.config.guidance_width
        predicted = self._nets.unet(
            UNetInputs(
                latents=latents.transpose(0, 2, 3, 1).astype(dtype),
                timesteps=mx.broadcast_to(timesteps.astype(mx.float32), (batch,)),
                embeds=mx.broadcast_to(told, (batch, *told.shape[1:])),
                pooled=None if pooled is None else mx.broadcast_to(pooled, (batch, self._pooled)),
                sizes=sizes,
                guidance=None
                if guidance is None
                else embedded_guidance(self.diffusion_config.lcm_guidance, guidance).astype(dtype),
            )
        )
        return predicted.transpose(0, 3, 1, 2).astype(latents.dtype)

    def decode(self, latents: mx.array, palettes: mx.array | None = None) -> Frames:
        """Decode clean latents (b c h w) -> uint8 (b, height, width, 3)."""
        factor = self.facts.latent_factor
        with drawing((latents.shape[3] * factor, latents.shape[2] * factor)):
            clean = latents.transpose(0, 2, 3, 1).astype(mx.float32) / self._nets.tiny.scaling
            pixels = self._nets.tiny.decode(clean.astype(self._dtype_of_nets)).astype(mx.float32)
            levels = mx.clip(mx.round((pixels * 0.5 + 0.5) * 255.0), 0, 255).astype(mx.uint8)
            frames: Frames = np.array(levels)
        return frames


class MlxSD15Pipeline(MlxStableDiffusion):
    """Stable Diffusion 1.x, 2.x, SD-Turbo and LCM on MLX."""

    name: ClassVar[str] = SD15Pipeline.name
    twin = SD15Pipeline


class MlxSDXLPipeline(MlxStableDiffusion):
    """SDXL, SDXL-Turbo, SDXL-Lightning and LCM-SDXL on MLX."""

    name: ClassVar[str] = SDXLPipeline.name
    twin = SDXLPipeline


PIPELINES: dict[str, type[MlxStableDiffusion]] = {
    kind.name: kind for kind in (MlxSD15Pipeline, MlxSDXLPipeline)
}
"""by the names of the torch pipelines"""


def _prompt_encoder(files: tree.Tree, nets: Nets, windows: int) -> PromptEncoder:
    towers = [
        Tower(tokenizer(files.folder / folder), net)
        for folder, net in zip(("tokenizer", "tokenizer_2"), nets.texts, strict=False)
    ]
    large = len(towers) > 1
    zero = large and bool(files.index.get("force_zeros_for_empty_prompt", True))
    return PromptEncoder(towers, windows, pooled=large, empty_is_zero=zero)


def _pick_dtype(config: DiffusionConfig) -> mx.Dtype:
    """The format asked for; auto is float16 on a GPU, float32 on a CPU."""
    if config.dtype != "auto":
        return FORMATS[config.dtype]
    return mx.float16 if mx.default_device() == mx.gpu else mx.float32


@lru_cache(maxsize=16)
def embedded_guidance(scale: float, width: int) -> mx.array:
    """(1, width) sinusoids of 1000 (scale - 1), as LCM was distilled with (Kingma 2021)."""
    embedding = sinusoids(mx.array([1000.0 * (scale - 1.0)]), width, cos_first=False, shift=1.0)
    mx.eval(embedding)
    return embedding
