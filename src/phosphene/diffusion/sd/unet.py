"""One call of a U-Net, as the ways to run it (plain, compiled, captured, exported) all see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PromptInputs:
    """What an encoded prompt tells a U-Net; see :class:`UnetInputs`."""

    embeds: torch.Tensor
    pooled: torch.Tensor | None = None
    time_ids: torch.Tensor | None = None


@dataclass(frozen=True)
class UnetInputs:
    """Everything a U-Net is told. All tensors have the same batch b, device and dtype."""

    latents: torch.Tensor
    """(b c h w)"""
    timesteps: torch.Tensor
    """(b,) float32, since bfloat16 cannot tell 999 from 1000"""
    embeds: torch.Tensor
    """(b seq hidden), as :attr:`Nets.prompt` gives them"""
    pooled: torch.Tensor | None = None
    """(b, width), SDXL"""
    time_ids: torch.Tensor | None = None
    """(b, 6) original size, crop, target size, SDXL"""
    guidance: torch.Tensor | None = None
    """(b, width) embedded guidance, LCM checkpoints"""
    pictures: torch.Tensor | None = None
    """(b 2n hidden) what an IP-Adapter is shown, below the rows of ``embeds``"""
    down: tuple[torch.Tensor, ...] = ()
    """ControlNet's residuals of the way down"""
    mid: torch.Tensor | None = None
    """ControlNet's residual of the middle"""

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors that there are, by name, in a fixed order."""
        found: dict[str, torch.Tensor] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, tuple):
                found |= {f"{each.name}_{i}": tensor for i, tensor in enumerate(value)}
            elif value is not None:
                found[each.name] = value
        return found

    @classmethod
    def of(cls, tensors: dict[str, torch.Tensor]) -> UnetInputs:
        """The inverse of :meth:`tensors`."""
        alone = {name: tensor for name, tensor in tensors.items() if not name.startswith("down_")}
        down = tuple(tensors[f"down_{i}"] for i in range(len(tensors) - len(alone)))
        return cls(**alone, down=down)


Place = tuple["torch.device", "torch.dtype"]

UnetCall = Callable[[UnetInputs], "torch.Tensor"]
PictureCall = Callable[["torch.Tensor"], "torch.Tensor"]


@dataclass
class Memory:
    """What the networks remember of one stream between two calls."""

    shape: tuple[int, ...] = ()
    """of the latents (b c h w) of its calls"""
    calls: int = 0
    kept: dict[str, Any] = field(default_factory=dict)


Before = Callable[["Memory", UnetInputs, tuple["torch.Tensor", ...]], None]


def as_is(embeds: torch.Tensor) -> torch.Tensor:
    """Cross attention makes its own keys and values in every call."""
    return embeds


@dataclass
class Nets:
    """The networks that draw; ways to run them faster replace what is here."""

    unet: Any
    vae: Any
    call: UnetCall
    """the U-Net, however it is run"""
    encode: PictureCall
    """pixels in -1..1 (b 3 h w) -> latents, not scaled"""
    decode: PictureCall
    """latents, not scaled -> pixels"""
    prompt: PictureCall = as_is
    """embeddings (b seq hidden) -> what cross attention is given of them"""
    before: Before | None = None
    """what looks at every call of a stream before it is made"""
    memory: Memory = field(default_factory=Memory)
    """of the stream that is being drawn"""
    _memories: WeakKeyDictionary[Any, Memory] = field(default_factory=WeakKeyDictionary)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def plain(cls, unet: Any, vae: Any) -> Nets:
        """A diffusers U-Net and autoencoder, run as they are."""
        return cls(unet, vae, call_of(unet), encoder_of(vae), decoder_of(vae))

    def rehearse(self, call: UnetCall, given: UnetInputs) -> torch.Tensor:
        """One call of what is to become :attr:`call`, for no stream."""
        import torch

        self.memory = Memory(tuple(given.latents.shape))
        with torch.inference_mode():
            return call(given)

    def run(
        self,
        given: UnetInputs,
        owner: object,
        fresh: bool,
        pictures: tuple[torch.Tensor, ...] = (),
    ) -> torch.Tensor:
        """One call for ``owner``, whose memory is in place meanwhile; ``fresh`` forgets it first.

        ``pictures``: clean latents that the frames come from, as far as they are known.

        Streams that share the networks take turns.
        """
        shape = tuple(given.latents.shape)
        with self._lock:
            memory = self._memories.get(owner)
            # rows of another batch are other steps or other frames
            if fresh or memory is None or memory.shape != shape:
                memory = self._memories[owner] = Memory(shape)
            self.memory = memory
            if self.before is not None:
                self.before(memory, given, pictures)
            predicted = self.call(given)
            memory.calls += 1
            return predicted


Example = Callable[[int], UnetInputs]
"""inputs of the configured size for a batch"""


def call_of(unet: Any) -> UnetCall:
    """A diffusers ``UNet2DConditionModel`` as a plain call."""
    import torch

    def call(given: UnetInputs) -> torch.Tensor:
        added = {"text_embeds": given.pooled, "time_ids": given.time_ids}
        told = given.embeds
        if given.pictures is not None:
            told = torch.cat([told, given.pictures], dim=1)
        predicted: torch.Tensor = unet(
            given.latents,
            given.timesteps,
            encoder_hidden_states=told,
            timestep_cond=given.guidance,
            added_cond_kwargs=None if given.pooled is None else added,
            down_block_additional_residuals=given.down or None,
            mid_block_additional_residual=given.mid,
            return_dict=False,
        )[0]
        return predicted

    return call


def encoder_of(vae: Any) -> PictureCall:
    """A diffusers autoencoder's encoder; the mode, so nothing is random."""

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        encoded = vae.encode(pixels)
        # the tiny autoencoder has latents, the full one a distribution of them
        latents: torch.Tensor = (
            encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        )
        return latents

    return encode


def decoder_of(vae: Any) -> PictureCall:
    """A diffusers autoencoder's decoder."""

    def decode(latents: torch.Tensor) -> torch.Tensor:
        pixels: torch.Tensor = vae.decode(latents, return_dict=False)[0]
        return pixels

    return decode


@lru_cache(maxsize=16)
def guidance_embedding(scale: float, width: int, like: Place) -> torch.Tensor:
    """(1, width) sinusoids of 1000 (scale - 1), as LCM was distilled with; kept on the device.

    VDM's embedding (Kingma 2021), as in diffusers' ``get_guidance_scale_embedding``.
    """
    import torch

    half = width // 2
    rates = torch.exp(torch.arange(half) * -(torch.log(torch.tensor(10000.0)) / (half - 1)))
    angles = 1000.0 * (scale - 1.0) * rates[None]
    embedding = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
    whole = torch.nn.functional.pad(embedding, (0, width - 2 * half))
    return whole.to(*like)
