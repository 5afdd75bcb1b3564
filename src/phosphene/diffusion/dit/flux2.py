"""FLUX.2 klein (Black Forest Labs 2025): flow matching, packed latents, reference pictures as tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import Frames, ModelFacts
from phosphene.diffusion.checkpoints.errors import drawing, explained
from phosphene.diffusion.dit.cells import CellCache, Given
from phosphene.diffusion.dit.pipeline import TransformerPipeline
from phosphene.diffusion.dit.taef2 import FILE, REPO, TinyAutoencoder
from phosphene.diffusion.notices import say_once
from phosphene.errors import ModelError, PhospheneError
from phosphene.pictures import open_reference
from phosphene.stream.conditioning import Context
from phosphene.stream.schedule import Schedule, ShiftedSchedule

if TYPE_CHECKING:
    import torch

PACK = 2
"""the autoencoder's pixels along one side of a token"""
REFERENCE_AREA = 1024 * 1024
"""pixels of a reference picture at most, as its authors have it"""
LINES = ((8.73809524e-05, 1.89833333), (0.00016927, 0.45666666))
"""(slope, offset) of the shift over tokens, fitted by its authors at 10 and at 200 steps"""
MANY_TOKENS = 4300


def shift(tokens: int, steps: int) -> float:
    """How far the times of a picture of so many tokens move towards noise, drawn in so many steps."""
    few, many = (slope * tokens + offset for slope, offset in LINES)
    if tokens > MANY_TOKENS:
        return exp(many)
    slope = (many - few) / 190.0
    return exp(slope * steps + many - 200.0 * slope)


@dataclass
class _Seen:
    """Reference pictures as tokens (1 n c), where they are, and their keys and values."""

    tokens: torch.Tensor
    ids: torch.Tensor
    cache: Any = None
    picture: torch.Tensor | None = None
    """(b c h w) the input picture among them, the last"""


class Flux2Pipeline(TransformerPipeline):
    """FLUX.2 klein 4B and 9B: text to image, image to image, and edits with reference pictures.

    Reference pictures are tokens beside the picture's own: ``reference_ids`` (files) always,
    the input picture with ``reference = "input"``.
    """

    name: ClassVar[str] = "flux2"
    kind: ClassVar[str] = "Flux2KleinPipeline"
    heeded: ClassVar[frozenset[str]] = frozenset(
        {"reference", "reference_ids", "reference_cache", "cell_cache"}
    )

    _past = False
    """whether the last frame had one before it"""

    @classmethod
    def suggest(cls, config: PipelineConfig) -> None:
        """The family's steps and size; one frame a call where a call is of the frame before."""
        super().suggest(config)
        if config.diffusion.cell_cache > 1:
            config.transform.suggest(batch=1)

    def _prepare(self, model_id: str) -> None:
        import torch

        net, vae = self._pipe.transformer, self._pipe.vae
        if net.config.in_channels != PACK * PACK * vae.config.latent_channels:
            raise ModelError(
                f"the autoencoder of {model_id} is for another model: it has {vae.config.latent_channels}"
                f" channels, the transformer wants {net.config.in_channels // PACK**2}; download it anew."
            )
        # running statistics of all latents stand in for a scaling factor
        shape = (1, -1, 1, 1)
        self._mean = vae.bn.running_mean.view(shape).float()
        self._std = torch.sqrt(vae.bn.running_var.view(shape).float() + vae.config.batch_norm_eps)
        config = self.diffusion_config
        self._tiny = self._find_tiny(model_id) if config.use_tiny_vae else None
        if config.reference_cache:
            from diffusers.models.transformers import transformer_flux2

            if not hasattr(transformer_flux2, "Flux2KVAttnProcessor"):
                raise ModelError(
                    "reference_cache needs diffusers 0.38 or newer: pip install -U diffusers."
                )
            for block in net.transformer_blocks:
                block.attn.set_processor(transformer_flux2.Flux2KVAttnProcessor())
            for block in net.single_transformer_blocks:
                block.attn.set_processor(transformer_flux2.Flux2KVParallelSelfAttnProcessor())
        self._cells = None
        if config.cell_cache > 1 and config.reference_cache:
            say_once("cell_cache is off: reference_cache looks at references in a way of its own.")
        elif config.cell_cache > 1:
            self._cells = CellCache(net, config.cell_cache)
        factor = PACK * 2 ** (len(vae.config.block_out_channels) - 1)
        self._facts = ModelFacts(
            name=model_id,
            latent_channels=net.config.in_channels,
            latent_factor=factor,
            size_multiple=factor,
            prediction="flow",
            schedule=Schedule.flow(),
            embed_shape=(self._pipe.tokenizer_max_length, net.config.joint_attention_dim),
            max_size=1536,
            min_size=256,
        )
        with torch.inference_mode():
            pictures = [self._open(file, factor) for file in config.reference_ids]
            latents = [self._clean(picture) for picture in pictures]
            self._styles = self._tokens(latents) if latents else None

    def _reweighed(self) -> None:
        super()._reweighed()
        self.__dict__.pop("_shown", None)
        if self._styles is not None:
            self._styles.cache = None
        if self._cells is not None:
            self._cells.forget()

    def _find_tiny(self, model_id: str) -> TinyAutoencoder | None:
        """TAEF2 beside the model or of the hub; without it the full one stays, which is said."""
        folder = Path(model_id).expanduser()
        beside = [place / "taef2" / FILE for place in (folder, folder.parent)]
        try:
            with explained(REPO, "autoencoder"):
                file = next((each for each in beside if each.is_file()), None)
                if file is None:
                    import huggingface_hub

                    file = Path(huggingface_hub.hf_hub_download(REPO, FILE))
                channels = self._pipe.vae.config.latent_channels
                return TinyAutoencoder(file, channels, self._device, self._net_dtype)
        except PhospheneError as reason:
            say_once(f"use_tiny_vae is off, the full autoencoder decodes: {reason}")
            return None

    @property
    def facts(self) -> ModelFacts:
        """Facts of the loaded parts; the times hang on the size of the picture."""
        _, _, height, width = self._shape()
        return replace(self._facts, schedule=_schedule(height * width))

    def _shape(self) -> tuple[int, int, int, int]:
        facts, size = self._facts, self.inference_config
        return (
            1,
            facts.latent_channels,
            *(side // facts.latent_factor for side in (size.height, size.width)),
        )  # type: ignore[return-value]

    def _embed(self, prompt: str) -> torch.Tensor:
        embeds: torch.Tensor = self._pipe.encode_prompt(prompt, device=self._device)[0][0]
        return embeds

    def _clean(self, pixels: torch.Tensor) -> torch.Tensor:
        if self._tiny is not None:
            small: torch.Tensor = self._pipe._patchify_latents(self._tiny.encode(pixels))
            return small
        latents = self._pipe.vae.encode(pixels).latent_dist.mode()
        packed = self._pipe._patchify_latents(latents)
        clean: torch.Tensor = (packed - self._mean.to(packed.dtype)) / self._std.to(packed.dtype)
        return clean

    def _pixels(self, latents: torch.Tensor) -> torch.Tensor:
        if self._tiny is not None:
            return self._tiny.decode(self._pipe._unpatchify_latents(latents))
        spread = latents * self._std.to(latents.dtype) + self._mean.to(latents.dtype)
        pixels: torch.Tensor = self._pipe.vae.decode(
            self._pipe._unpatchify_latents(spread), return_dict=False
        )[0]
        return pixels

    def refer(self, frames: Frames) -> torch.Tensor | None:
        """Latents of the input picture, where it is a reference."""
        if self.diffusion_config.reference != "input":
            return None
        import torch

        with drawing((frames.shape[2], frames.shape[1])), torch.inference_mode():
            return self._clean(self.as_pixels(frames)).float()

    def _predict(
        self, x: torch.Tensor, t: torch.Tensor, embeds: torch.Tensor, context: Context
    ) -> torch.Tensor:
        import torch

        batch, _, height, width = x.shape
        tokens, ids = _pack(x), _ids(height, width, 0, x.device)
        seen = self._references(context)
        if seen is not None and self.diffusion_config.reference_cache:
            flow = self._beside(seen, tokens, ids, embeds, t)
        else:
            if seen is not None:
                tokens = torch.cat([tokens, seen.tokens.expand(batch, -1, -1)], dim=1)
                ids = torch.cat([ids, seen.ids])
            picture = None if seen is None else seen.picture
            follows = picture is not None and picture.shape[2:] == x.shape[2:]
            given = Given(tokens, ids, embeds, t, (height, width), follows)
            flow = self._net(given) if self._cells is None else self._some(given, context, picture)
        flow = flow[:, : height * width]
        predicted: torch.Tensor = flow.transpose(1, 2).reshape(x.shape)
        return predicted

    def _net(self, given: Given, **settings: Any) -> Any:
        """The transformer as it is: its answer, and what else the settings ask for."""
        out = self._pipe.transformer(
            hidden_states=given.tokens,
            img_ids=given.ids,
            encoder_hidden_states=given.embeds,
            txt_ids=_text_ids(given.embeds.shape[1], given.tokens.device),
            timestep=given.times,
            guidance=None,
            return_dict=False,
            **settings,
        )
        return out if len(out) > 1 else out[0]

    def _some(self, given: Given, context: Context, picture: torch.Tensor | None) -> torch.Tensor:
        """The transformer's answer where cells that did not change keep theirs."""
        assert self._cells is not None
        known = (context.previous, self._seen, picture)
        # a stream that hangs on no past has none to be cut from
        past, self._past = self._past, context.previous is not None
        return self._cells(
            self, given, self._net, tuple(each for each in known if each is not None),
            cut=past and context.previous is None,
        )  # fmt: skip

    def _beside(
        self,
        seen: _Seen,
        tokens: torch.Tensor,
        ids: torch.Tensor,
        embeds: torch.Tensor,
        t: torch.Tensor,
    ) -> torch.Tensor:
        """The transformer's answer where references' keys and values are kept."""
        import torch

        batch, grid = len(tokens), (0, 0)
        if seen.cache is None or seen.tokens.shape[0] > 1:
            # what is kept of a reference hangs on nothing but itself
            both = torch.cat([seen.tokens.expand(batch, -1, -1), tokens], dim=1)
            flow, seen.cache = self._net(
                Given(both, torch.cat([seen.ids, ids]), embeds, t, grid),
                kv_cache_mode="extract",
                num_ref_tokens=seen.tokens.shape[1],
            )
            _keep_one(seen.cache)
        else:
            flow = self._net(
                Given(tokens, ids, embeds, t, grid),
                kv_cache=_for_batch(seen.cache, batch),
                kv_cache_mode="cached",
            )
        answer: torch.Tensor = flow
        return answer

    def _references(self, context: Context) -> _Seen | None:
        """The style pictures and the input picture."""
        import torch

        shown = context.referred
        if shown is None:
            return self._styles
        last = self.__dict__.get("_shown")
        # the steps of a frame are shown the same picture, and so are the frames of a still camera
        if last is None or not (last[0] is shown or torch.equal(last[0], shown)):
            picture = shown.to(self._net_dtype)
            seen = self._tokens([picture], 0 if self._styles is None else self._style_count)
            if self._styles is not None:
                styles = self._styles.tokens.expand(len(seen.tokens), -1, -1)
                seen = _Seen(
                    torch.cat([styles, seen.tokens], dim=1), torch.cat([self._styles.ids, seen.ids])
                )
            seen.picture = picture
            self._shown = last = shown, seen
        return last[1]

    @property
    def _style_count(self) -> int:
        return len(self.diffusion_config.reference_ids)

    def _tokens(self, latents: list[torch.Tensor], before: int = 0) -> _Seen:
        """Pictures (b c h w) side by side; each has a time of its own, ten after the one before."""
        import torch

        ids = [
            _ids(*each.shape[2:], 10 * (1 + before + index), each.device)
            for index, each in enumerate(latents)
        ]
        return _Seen(torch.cat([_pack(each) for each in latents], dim=1), torch.cat(ids))

    def _open(self, file: str, multiple: int) -> torch.Tensor:
        import numpy as np

        picture = open_reference(file)
        area = picture.width * picture.height
        if area > REFERENCE_AREA:
            picture = self._pipe.image_processor._resize_to_target_area(picture, REFERENCE_AREA)
        wide, high = (side // multiple * multiple for side in picture.size)
        if not wide or not high:
            raise ModelError(f"{file} is smaller than {multiple} pixels: give a larger picture.")
        left, top = (picture.width - wide) // 2, (picture.height - high) // 2
        cut = picture.crop((left, top, left + wide, top + high))
        return self.as_pixels(np.array(cut)[None])


@lru_cache(maxsize=8)
def _schedule(tokens: int) -> Schedule:
    return ShiftedSchedule(shift_of=lambda steps: shift(tokens, steps))


def _pack(latents: torch.Tensor) -> torch.Tensor:
    """(b c h w) -> tokens (b h*w c)."""
    return latents.flatten(2).transpose(1, 2)


@lru_cache(maxsize=16)
def _ids(height: int, width: int, time: int, device: torch.device) -> torch.Tensor:
    """(h*w, 4): time, row, column, place in a text."""
    import torch

    places = (torch.tensor([time]), torch.arange(height), torch.arange(width), torch.arange(1))
    return torch.cartesian_prod(*places).to(device)


@lru_cache(maxsize=4)
def _text_ids(count: int, device: torch.device) -> torch.Tensor:
    import torch

    one = torch.arange(1)
    return torch.cartesian_prod(one, one, one, torch.arange(count)).to(device)


def _layers(cache: Any) -> list[Any]:
    return [*cache.double_block_caches, *cache.single_block_caches]


def _keep_one(cache: Any) -> None:
    """All rows of a batch have the same reference."""
    for layer in _layers(cache):
        layer.k_ref, layer.v_ref = layer.k_ref[:1].clone(), layer.v_ref[:1].clone()


def _for_batch(cache: Any, batch: int) -> Any:
    for layer in _layers(cache):
        layer.k_ref = layer.k_ref[:1].expand(batch, *layer.k_ref.shape[1:])
        layer.v_ref = layer.v_ref[:1].expand(batch, *layer.v_ref.shape[1:])
    return cache
