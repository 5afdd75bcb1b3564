"""What all Stable Diffusion pipelines share: loading, pictures there and back, one U-Net call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from phosphene.config import DiffusionConfig, PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline, Frames, ModelFacts
from phosphene.diffusion.checkpoints import families, source
from phosphene.diffusion.checkpoints.errors import drawing, explained
from phosphene.diffusion.checkpoints.families import FAMILIES, Base, Family
from phosphene.diffusion.checkpoints.source import is_quantized
from phosphene.diffusion.devices import choose, require_mlx
from phosphene.diffusion.notices import say_once, say_unheeded
from phosphene.diffusion.sd.pictures import Pictures
from phosphene.diffusion.sd.schedule import SpacedSchedule
from phosphene.diffusion.sd.unet import Nets, PromptInputs, UnetInputs, guidance_embedding
from phosphene.errors import ConfigError, InputError, ModelError, PhospheneError
from phosphene.stream.conditioning import UNTOLD, Context
from phosphene.stream.schedule import Prediction
from phosphene.transfer import download, upload

if TYPE_CHECKING:
    import torch

    from phosphene.diffusion.sd.reference import Reference
    from phosphene.diffusion.sd.text import PromptEncoder

PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
"""diffusers' names and ours"""
SMALLEST_ALPHA = 2.0**-24
"""stands in for a terminal signal of exactly 0, as in diffusers' EulerDiscreteScheduler"""


class StableDiffusion(BaseDiffusionPipeline):
    """A Stable Diffusion model behind the contract.

    ``model_id``: a hub id, a diffusers folder, or one .safetensors file; ``lora_id`` and ``loras`` on top.

    The networks run in the configured dtype; latents and embeddings come out as float32, since the
    norm of a whole prompt, which blending needs, can overflow float16. Only :meth:`decode` waits for
    the device.
    """

    bases: ClassVar[tuple[Base, ...]]
    """networks that this pipeline can drive"""
    default_model: ClassVar[str]

    @classmethod
    def suggest(cls, config: PipelineConfig) -> None:
        """The family's steps, timesteps, guidance, and the size that the model was trained at.

        Nothing, while the checkpoint is not on this machine.
        """
        model_id = source.named_in(config.diffusion, cls.default_model)
        try:
            found = source.inspect(model_id, config.diffusion.allow_pickle, fetch=False)
        except PhospheneError:
            # loading will say what is wrong with it
            return
        if not found.configs:
            return
        pick_family(config.diffusion, found).suggest(config)
        if config.diffusion.cross_frame or config.diffusion.deepcache > 1:
            # what they keep of a call is of the frame before only while calls hold one frame
            config.transform.suggest(batch=1)
        side = found.configs["unet"].get("sample_size")
        if isinstance(side, int):
            config.inference.suggest(height=8 * side, width=8 * side)

    @classmethod
    def device_for(cls, config: DiffusionConfig) -> str | None:
        """mlx for that device and for weights quantised for it. Raises ConfigError."""
        model_id = source.named_in(config, cls.default_model)
        quantized = is_quantized(Path(model_id).expanduser())
        if quantized and config.device not in ("auto", "mlx"):
            raise ConfigError(
                f"{model_id} holds weights for MLX: choose device mlx, not {config.device}, or the model they"
                " were made from."
            )
        if not quantized and choose(config.device).device != "mlx":
            return None
        require_mlx()
        return "mlx"

    def load_model(self) -> None:
        """Load everything onto the device. Raises ModelError, or MissingExtraError without torch."""
        model_id = source.named_in(self.diffusion_config, self.default_model)
        with explained(model_id, "model"):
            try:
                self._load(model_id)
            except Exception:
                # who keeps the error keeps this object, and must not keep half-loaded networks with it
                for part in ("_nets", "_loras", "_prompts", "_control", "_reference"):
                    self.__dict__.pop(part, None)
                raise

    def _load(self, model_id: str) -> None:
        import diffusers  # noqa: F401 (a missing library is said before anything is looked for)
        import torch

        from phosphene.diffusion.checkpoints import lora
        from phosphene.diffusion.checkpoints.device import pick_device, pick_dtype, use_threads
        from phosphene.diffusion.operations import chosen
        from phosphene.diffusion.sd.accelerate import speed_up
        from phosphene.diffusion.sd.control.net import Control
        from phosphene.diffusion.sd.load import load_parts
        from phosphene.diffusion.sd.upscale import Upscaler

        config = self.diffusion_config
        self._device = pick_device(config)
        self._net_dtype = pick_dtype(config, self._device)
        use_threads(config, self._device)
        found = source.inspect(model_id, config.allow_pickle)
        base = families.base_of(found.configs, model_id)
        if base not in self.bases:
            other = families.pipeline_of(base)
            raise ModelError(
                f"{model_id} is a model for --model {other}, not for {self.name}: choose that one."
            )
        self.family = pick_family(config, found)
        loras = lora.wanted(config)
        # a LoRA is added to float32 weights without rounding
        pipe = load_parts(config, found, base, torch.float32 if loras else self._net_dtype)
        self._loras = lora.Loras(pipe, loras)
        self._prompts = self._prompt_encoder(pipe)
        self._reference = self._load_reference(pipe.unet, base)
        # SDXL's own autoencoder overflows in float16
        overflows = self._net_dtype == torch.float16 and pipe.vae.config.get("force_upcast", False)
        self._vae_dtype = torch.float32 if overflows else self._net_dtype
        for part in self._parts(pipe):
            dtype = self._vae_dtype if part is pipe.vae else self._net_dtype
            # diffusers' own .to() warns of float32 layers, of which these have none
            torch.nn.Module.to(part, self._device, dtype)
        self._nets = Nets.plain(pipe.unet, pipe.vae)
        self._facts = _facts(pipe, self._prompts.shape, model_id, self.family)
        self._control = (
            Control(config, pipe.unet, self._device, self._net_dtype)
            if config.controlnet_id is not None
            else None
        )
        upscaler = (
            Upscaler(config.upscaler_id, self._device, self._net_dtype)
            if config.upscaler_id is not None
            else None
        )
        _say_unheeded(config, pipe.unet.config.time_cond_proj_dim is not None)
        operations = chosen(config.kernels, self._device)
        self._pictures = Pictures(self._nets, self._vae_dtype, operations, upscaler)
        self._seen: torch.Tensor | None = None
        """latents of the input picture that was encoded last"""
        self._prompted: tuple[torch.Tensor, torch.Tensor] | None = None
        speed_up(
            self._nets,
            self._pictures,
            config,
            self._example,
            operations,
            self._loras.live,
            # a live LoRA changes them
            () if self._loras.live else self._prompts.nets,
        )

    def _load_reference(self, unet: Any, base: Base) -> Reference | None:
        config = self.diffusion_config
        if config.ip_adapter_id is None:
            return None
        if not config.reference_ids and config.reference == "off":
            say_once(
                "ip_adapter_id is off: there is no reference; name pictures (reference_ids), or refer to the"
                " input picture (reference input)."
            )
            return None
        from phosphene.diffusion.sd.reference import Reference

        rows = self._prompts.shape[0] - int(self.supports_pooled_embeds())
        return Reference(config, unet, base, rows, self._device, self._net_dtype)

    @abstractmethod
    def _parts(self, pipe: Any) -> list[Any]:
        """The networks to put on the device."""

    @abstractmethod
    def _prompt_encoder(self, pipe: Any) -> PromptEncoder:
        """The text encoders of a diffusers pipeline."""

    @abstractmethod
    def _told(self, latents: torch.Tensor, embeds: torch.Tensor) -> PromptInputs:
        """What an embedding tells the U-Net."""

    @property
    def facts(self) -> ModelFacts:
        """Facts read from the configs of the loaded parts."""
        return self._facts

    def asarray(self, array: npt.NDArray[np.float32]) -> torch.Tensor:
        """Copy a NumPy array to the device, in the dtype of the networks."""
        return upload(array, self._device).to(self._net_dtype)

    def encode_prompt(self, prompt: str | Sequence[str]) -> torch.Tensor:
        """Encode prompts with ``(word:1.3)`` weights -> (n, seq, hidden) float32, cached per text.

        What does not fit into ``prompt_windows`` times 75 tokens is dropped and said once. Raises
        InputError for an empty list.
        """
        import torch

        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        if not prompts:
            raise InputError("there is no prompt to encode: give at least one.")
        return torch.stack([self._prompts.encode(text) for text in prompts])

    def encode_image(self, frames: Frames) -> torch.Tensor:
        """Encode uint8 (b, height, width, 3) -> (b c h w) float32; the mode, so nothing is random."""
        import torch

        say_if_blind(self.family, self._control is not None)
        with drawing(frames.shape[2:0:-1]), torch.inference_mode():
            self._seen = self._pictures.encode(upload(frames, self._device))
            return self._seen

    def control_image(self, frames: Frames) -> torch.Tensor | None:
        """What the ControlNet is shown of uint8 pictures -> (b, 3, height, width); None without one."""
        return None if self._control is None else self._control.image(frames)

    def refer(self, frames: Frames) -> torch.Tensor | None:
        """Input pictures as tokens (b n width), where an IP-Adapter refers to them."""
        return None if self._reference is None else self._reference.refer(frames)

    def denoise(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        embeds: torch.Tensor,
        context: Context,
    ) -> torch.Tensor:
        """One U-Net call -> (b c h w), in the dtype of ``latents``.

        Timesteps may be fractions; give them as float32, since bfloat16 cannot tell 999 from 1000.
        """
        import torch

        factor = self.facts.latent_factor
        size = (latents.shape[3] * factor, latents.shape[2] * factor)
        with drawing(size), torch.inference_mode():
            if self._loras.follow(self.diffusion_config.loras):
                self._prompts.encode.cache_clear()
            given = self._inputs(latents, timesteps, embeds, context)
            if self._control is not None:
                given = self._control.steer(given, context, factor)
            fresh = context.previous is None
            known = tuple(each for each in (context.previous, self._seen) if each is not None)
            return self._nets.run(given, self, fresh, known).to(latents.dtype)

    def decode(self, latents: torch.Tensor, palettes: torch.Tensor | None = None) -> Frames:
        """Decode clean latents (b c h w) -> uint8 (b, height, width, 3), larger with an upscaler."""
        import torch

        factor = self.facts.latent_factor
        size = (latents.shape[3] * factor, latents.shape[2] * factor)
        with drawing(size), torch.inference_mode():
            return download(self._pictures.decode(latents)).result()

    def _inputs(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        embeds: torch.Tensor,
        context: Context = UNTOLD,
    ) -> UnetInputs:
        x = latents.to(self._net_dtype)
        told = self._told(x, embeds.to(self._net_dtype))
        # the same prompt, frame after frame, is projected once
        prompted = self._prompted
        if prompted is None or prompted[0] is not embeds:
            prompted = self._prompted = embeds, self._nets.prompt(told.embeds)
        return UnetInputs(
            latents=x,
            timesteps=timesteps.float().expand(len(x)),
            embeds=prompted[1],
            pooled=told.pooled,
            time_ids=told.time_ids,
            guidance=self._embedded_guidance(len(x)),
            pictures=None if self._reference is None else self._reference.rows(context, len(x)),
        )

    def _example(self, batch: int) -> UnetInputs:
        """Inputs of the configured size, to warm up, capture or export with."""
        import torch

        device = self._device
        return self._inputs(
            torch.zeros(self.get_latent_shape(batch), device=device),
            torch.full((batch,), 999.0, device=device),
            torch.zeros((batch, *self._facts.embed_shape), device=device),
        )

    def _embedded_guidance(self, batch: int) -> torch.Tensor | None:
        """What an LCM checkpoint is told of guidance; other checkpoints have none built in."""
        width = self._nets.unet.config.time_cond_proj_dim
        if width is None:
            return None
        place = self._device, self._net_dtype
        embedding = guidance_embedding(self.diffusion_config.lcm_guidance, width, place)
        return embedding.expand(batch, width)


def pick_family(config: Any, found: source.Checkpoint) -> Family:
    """The family that was asked for, or a few-step LoRA's, or the checkpoint's own."""
    from phosphene.diffusion.checkpoints.lora import wanted

    if config.family != "auto":
        return FAMILIES[config.family]
    own = families.family_of(found.configs)
    told = [families.family_of_lora(lora.id) for lora in wanted(config)]
    by_lora = next((family for family in told if family is not None), None)
    if by_lora is not None and own.name == "base":
        return by_lora
    if not found.configs["scheduler"]:
        say_once(
            f"{found.name} is one file without configs and says not how it was distilled: it is taken as"
            " undistilled; set diffusion.family if it is Turbo, Lightning or LCM."
        )
    return own


def say_if_blind(family: Family, control: bool) -> None:
    """Say of a model that starts from pure noise alone that it cannot draw over a picture."""
    if family.spacing == "last" and not control:
        say_once(
            f"strength is off: {family.name} knows pure noise alone (timestep 999), so pictures going in"
            " change almost nothing; to follow them name a ControlNet (controlnet_id), as its authors do."
        )


def _facts(pipe: Any, embed_shape: tuple[int, int], model_id: str, family: Family) -> ModelFacts:
    scheduler = pipe.scheduler
    kind = scheduler.config.prediction_type
    if kind not in PREDICTIONS:
        raise ModelError(
            f"{model_id} predicts '{kind}': only {', '.join(PREDICTIONS)} can be used."
        )
    factor = 2 ** (len(pipe.vae.config.block_out_channels) - 1)
    alphas = scheduler.alphas_cumprod.cpu().numpy().astype(np.float64)
    return ModelFacts(
        name=model_id,
        latent_channels=pipe.unet.config.in_channels,
        latent_factor=factor,
        size_multiple=factor,
        prediction=PREDICTIONS[kind],
        schedule=SpacedSchedule(
            np.maximum(alphas, SMALLEST_ALPHA), spacing=family.spacing, first=family.first
        ),
        embed_shape=embed_shape,
        max_size=pipe.unet.config.sample_size * factor,
        min_size=pipe.unet.config.sample_size * factor // 2,
    )


def _say_unheeded(config: DiffusionConfig, guidance_built_in: bool) -> None:
    """Say what this model has no use for; ``guidance_built_in``: an LCM checkpoint's U-Net."""
    if config.controlnet_id is None:
        say_unheeded(config, ("control", "control_scale", "depth_id"), "there is no controlnet_id")
    elif config.control != "depth":
        say_unheeded(config, ("depth_id",), "control is not depth")
    if config.ip_adapter_id is None:
        told = ("reference", "reference_ids", "reference_scale")
        say_unheeded(config, told, "there is no ip_adapter_id")
    say_unheeded(config, ("reference_cache",), "FLUX.2 alone has that")
    if not config.cross_frame:
        say_unheeded(config, ("cross_frame_interval",), "cross_frame is 0")
    if not guidance_built_in:
        say_unheeded(config, ("lcm_guidance",), "this checkpoint has no guidance built in")
