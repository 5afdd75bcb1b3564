"""What all families of transformers share: loading, prompts, pictures there and back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from phosphene.config import DiffusionConfig, PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline, Frames
from phosphene.diffusion.checkpoints import lora, source
from phosphene.diffusion.checkpoints.device import precision
from phosphene.diffusion.checkpoints.errors import drawing, explained
from phosphene.diffusion.checkpoints.transformers import FAMILIES, Row
from phosphene.diffusion.notices import say_once, say_unheeded
from phosphene.errors import InputError, ModelError
from phosphene.prompt.weights import parse_weights
from phosphene.stream.conditioning import Context
from phosphene.transfer import download, upload

if TYPE_CHECKING:
    import torch

HEEDED = {
    "model", "model_id", "lora_id", "loras", "device", "dtype", "threads", "use_tiny_vae",
}  # fmt: skip
"""settings that every family follows"""
CACHED_PROMPTS = 16
"""embeddings kept, 8 MB each for FLUX.2"""


class TransformerPipeline(BaseDiffusionPipeline):
    """A family of diffusers' transformers behind the contract; a family is a subclass and a row.

    The networks run in the configured dtype; latents and embeddings come out as float32.
    """

    kind: ClassVar[str]
    """diffusers' class of its pipeline"""
    heeded: ClassVar[frozenset[str]] = frozenset()
    """settings that it follows besides the usual ones"""
    _seen: torch.Tensor | None = None
    """(b c h w) the last input picture"""

    @classmethod
    def suggest(cls, config: PipelineConfig) -> None:
        """The family's steps; the size is left to the user, for these are slow at their own."""
        row = FAMILIES[cls.kind]
        row.family.suggest(config)
        config.inference.suggest(height=row.side // 2, width=row.side // 2)

    @property
    def row(self) -> Row:
        """What is known of the family."""
        return FAMILIES[self.kind]

    def load_model(self) -> None:
        """Load everything onto the device. Raises ModelError, or MissingExtraError without torch."""
        model_id = source.named_in(self.diffusion_config, self.row.repo)
        with explained(model_id, "model"):
            try:
                self._load(model_id)
            except Exception:
                # who keeps the error keeps this object, and must not keep half-loaded networks with it
                for part in ("_pipe", "_loras", "encode"):
                    self.__dict__.pop(part, None)
                raise

    def _load(self, model_id: str) -> None:
        import diffusers
        import torch

        from phosphene.diffusion.checkpoints.device import pick_device, pick_dtype, use_threads

        config = self.diffusion_config
        named = source.pipeline_class_at(model_id)
        if named != self.kind:
            raise ModelError(
                f"{model_id} is a {named or 'single file'}, which --model {self.name} does not draw: give"
                " its place as --model, without a name."
            )
        maker = getattr(diffusers, self.kind, None)
        if maker is None:
            raise ModelError(
                f"{model_id} needs diffusers {self.row.since} or newer, here is {diffusers.__version__}:"
                " pip install -U diffusers."
            )
        self._device = pick_device(config)
        self._net_dtype = pick_dtype(config, self._device, large=True)
        use_threads(config, self._device)
        loras = lora.wanted(config)
        # a LoRA is added to float32 weights without rounding
        first = torch.float32 if loras else self._net_dtype
        place = str(source.folder_of(model_id))
        self._pipe = maker.from_pretrained(place, use_safetensors=True, **precision(first))
        missing = [part for part in ("transformer", "vae", "text_encoder", "tokenizer")
                   if getattr(self._pipe, part, None) is None]  # fmt: skip
        if missing:
            raise ModelError(f"{model_id} has no {' and no '.join(missing)}: download all of it.")
        self._loras = lora.Loras(self._pipe, loras)
        for part in (self._pipe.transformer, self._pipe.vae, self._pipe.text_encoder):
            torch.nn.Module.to(part, self._device, self._net_dtype).eval()
        self._prepare(model_id)
        unheeded = DiffusionConfig.model_fields.keys() - HEEDED - self.heeded
        say_unheeded(config, unheeded, f"{self.name} has nothing like it")
        self.encode = lru_cache(maxsize=CACHED_PROMPTS)(self._encode)
        wide, wanted = self.encode("").shape[-1], self.facts.embed_shape[1]
        if wide != wanted:
            raise ModelError(
                f"the text encoder of {model_id} is for another model: it gives {wide} numbers a token, and"
                f" the transformer wants {wanted}; download the model anew."
            )

    @abstractmethod
    def _prepare(self, model_id: str) -> None:
        """Set what the family needs besides, once its parts are loaded."""

    @abstractmethod
    def _embed(self, prompt: str) -> torch.Tensor:
        """One prompt, plain text -> (seq, hidden)."""

    @abstractmethod
    def _clean(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels -1..1 (b 3 h w) -> clean latents, about unit variance."""

    @abstractmethod
    def _pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """Clean latents -> pixels -1..1 (b 3 h w)."""

    @abstractmethod
    def _predict(
        self, x: torch.Tensor, t: torch.Tensor, embeds: torch.Tensor, context: Context
    ) -> torch.Tensor:
        """One call of the transformer -> the flow (b c h w)."""

    def asarray(self, array: npt.NDArray[np.float32]) -> torch.Tensor:
        """Copy a NumPy array to the device, in the dtype of the networks."""
        return upload(array, self._device).to(self._net_dtype)

    def encode_prompt(self, prompt: str | Sequence[str]) -> torch.Tensor:
        """Encode prompts -> (n, seq, hidden) float32, cached per text; weights of words are left out."""
        import torch

        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        if not prompts:
            raise InputError("there is no prompt to encode: give at least one.")
        return torch.stack([self.encode(text) for text in prompts])

    def _encode(self, prompt: str) -> torch.Tensor:
        import torch

        pieces = parse_weights(prompt)
        if any(weight != 1.0 for _, weight in pieces):
            say_once(
                f"weights of words are off: the text encoder of {self.name} reads sentences; say it in words."
            )
        with torch.inference_mode():
            return self._embed("".join(piece for piece, _ in pieces)).float()

    def encode_image(self, frames: Frames) -> torch.Tensor:
        """Encode uint8 (b, height, width, 3) -> (b c h w) float32; the mode, so nothing is random."""
        import torch

        with drawing((frames.shape[2], frames.shape[1])), torch.inference_mode():
            self._seen = self._clean(self.as_pixels(frames)).float()
            return self._seen

    def _reweighed(self) -> None:
        """A LoRA's scale was changed: what was made with the other weights is nothing any more."""
        self.encode.cache_clear()

    def as_pixels(self, frames: Frames) -> torch.Tensor:
        """uint8 (b h w 3) -> (b 3 h w) in -1..1, in the dtype of the networks."""
        pixels = upload(frames, self._device).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        return pixels.to(self._net_dtype)

    def denoise(
        self, latents: torch.Tensor, timesteps: torch.Tensor, embeds: torch.Tensor, context: Context
    ) -> torch.Tensor:
        """One call of the transformer -> (b c h w), in the dtype of ``latents``."""
        import torch

        factor = self.facts.latent_factor
        size = (latents.shape[3] * factor, latents.shape[2] * factor)
        with drawing(size), torch.inference_mode():
            if self._loras.follow(self.diffusion_config.loras):
                self._reweighed()
            x, told = latents.to(self._net_dtype), embeds.to(self._net_dtype)
            told = told.expand(len(x), *told.shape[1:])
            return self._predict(x, timesteps.float().expand(len(x)), told, context).to(
                latents.dtype
            )

    def decode(self, latents: torch.Tensor, palettes: torch.Tensor | None = None) -> Frames:
        """Decode clean latents (b c h w) -> uint8 (b, height, width, 3)."""
        import torch

        factor = self.facts.latent_factor
        size = (latents.shape[3] * factor, latents.shape[2] * factor)
        with drawing(size), torch.inference_mode():
            pixels = self._pixels(latents.to(self._net_dtype)).float()
            levels = ((pixels * 0.5 + 0.5) * 255.0).round().clamp(0.0, 255.0)
            return download(levels.to(torch.uint8).permute(0, 2, 3, 1)).result()
