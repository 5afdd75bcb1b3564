"""Reference pictures for a U-Net: an IP-Adapter (Ye 2023), cross attention with a second pair of eyes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from phosphene.config import DiffusionConfig
from phosphene.diffusion.base import Frames
from phosphene.diffusion.checkpoints.device import precision
from phosphene.diffusion.checkpoints.errors import explained
from phosphene.diffusion.checkpoints.families import Base, other_base
from phosphene.diffusion.checkpoints.ip_adapter import AdapterFile, Kind, find
from phosphene.diffusion.checkpoints.source import read_tensors
from phosphene.diffusion.sd.accelerate.fused import look
from phosphene.errors import ModelError
from phosphene.pictures import open_reference
from phosphene.stream.conditioning import Context

MEAN = (0.48145466, 0.4578275, 0.40821073)
SPREAD = (0.26862954, 0.26130258, 0.27577711)
"""CLIP's of red, green and blue in 0..1 (Radford 2021)"""
HEAD = 64
"""width of a head in the resampler, as published"""


class Reference:
    """A loaded IP-Adapter with the pictures that it always refers to.

    Args:
        config: which, what pictures, how strongly (``reference_scale``, which may change between calls).
        unet: whose cross attention is to see them; its processors are replaced.
        base: which networks it belongs to.
        text_rows: of an embedding that it attends to besides.
        device: where it runs.
        dtype: of its weights.

    Raises:
        ModelError: it cannot be loaded, is for another base, or a picture cannot be opened.
    """

    def __init__(
        self,
        config: DiffusionConfig,
        unet: Any,
        base: Base,
        text_rows: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        source = str(config.ip_adapter_id)
        self._config = config
        with explained(source, "IP-Adapter"), torch.inference_mode():
            file = find(source, base)
            weights = {
                name: torch.from_numpy(array).to(device, dtype)
                for name, array in read_tensors(file.path).items()
            }
            _give_eyes(unet, file, weights, text_rows)
            project = Projection(file.kind, weights)
            encoder = Encoder(file, device, dtype)
            pictures = [np.asarray(open_reference(each)) for each in config.reference_ids]
            self._fixed = project(encoder(pictures)).flatten(0, 1)[None] if pictures else None
            self._none = project(encoder.nothing())
        follows = config.reference == "input"
        # of the pictures' own the answers are enough; the encoder of an SD 1.5 adapter is 2.5 GB
        self._see = (lambda frames: project(encoder(list(frames)))) if follows else None

    def refer(self, frames: Frames) -> Tensor | None:
        """Input pictures, uint8 (b h w 3) -> tokens (b n width) float32; None where they are no reference."""
        if self._see is None:
            return None
        with torch.inference_mode():
            return self._see(frames).float()

    def rows(self, context: Context, batch: int) -> Tensor:
        """What goes below the rows of a prompt: (b 2n width), tokens for keys, then for values.

        Values are multiplied by the scale, so that one tensor says all. Rows of a negative prompt get what
        is to be seen of no picture.
        """
        pictures = [
            each.to(self._none.dtype).expand(batch, -1, -1)
            for each in (self._fixed, context.referred)
            if each is not None
        ]
        nothing = self._none.expand(batch, -1, -1)
        if not pictures:
            return torch.cat([nothing, torch.zeros_like(nothing)], dim=1)
        tokens = torch.cat(pictures, dim=1)
        if context.wanted is not None:
            wanted = context.wanted.view(-1, 1, 1) > 0.5
            times = tokens.shape[1] // nothing.shape[1]
            tokens = torch.where(wanted, tokens, nothing.repeat(1, times, 1))
        return torch.cat([tokens, self._config.reference_scale * tokens], dim=1)


class SeeingCross(nn.Module):
    """A diffusers attention processor: a prompt's keys and values, and in the same queries a picture's."""

    def __init__(self, to_k: Tensor, to_v: Tensor, text_rows: int) -> None:
        super().__init__()
        # parameters, so that they go with the network wherever it goes
        self.to_k = nn.Parameter(to_k, requires_grad=False)
        self.to_v = nn.Parameter(to_v, requires_grad=False)
        self._text_rows = text_rows

    def forward(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor, *_: Any, **__: Any
    ) -> Tensor:
        """(b tokens width) -> the same shape."""
        text = encoder_hidden_states[:, : self._text_rows]
        pictures = encoder_hidden_states[:, self._text_rows :]
        half = pictures.shape[1] // 2
        query = attn.to_q(hidden_states)
        read = look(attn.heads, query, attn.to_k(text), attn.to_v(text))
        keys = functional.linear(pictures[:, :half], self.to_k)
        values = functional.linear(pictures[:, half:], self.to_v)
        out: Tensor = attn.to_out[0](read + look(attn.heads, query, keys, values))
        return out


class Encoder:
    """The CLIP vision model that an adapter was trained with."""

    def __init__(self, file: AdapterFile, device: torch.device, dtype: torch.dtype) -> None:
        from transformers import CLIPVisionModelWithProjection

        net = CLIPVisionModelWithProjection.from_pretrained(
            str(file.encoder), use_safetensors=True, **precision(dtype)
        )
        self._net = torch.nn.Module.to(net, device, dtype).eval()
        self._side = int(net.config.image_size)
        self._patches = file.kind != "plain"
        self._place = device, dtype

    def __call__(self, pictures: list[Frames]) -> Tensor:
        """Pictures, uint8 (h w 3) of any size -> embeddings (b width), or of patches (b n width)."""
        cut = np.stack([_square(each, self._side) for each in pictures])
        pixels = torch.from_numpy(cut).permute(0, 3, 1, 2).to(*self._place)
        return self._embed(pixels)

    def nothing(self) -> Tensor:
        """What stands for no picture: zeros in place of an embedding; the patches of grey."""
        pixels = torch.zeros(1, 3, self._side, self._side).to(*self._place)
        seen = self._embed(pixels)
        return seen if self._patches else torch.zeros_like(seen)

    def _embed(self, pixels: Tensor) -> Tensor:
        if not self._patches:
            whole: Tensor = self._net(pixels).image_embeds
            return whole
        patches: Tensor = self._net(pixels, output_hidden_states=True).hidden_states[-2]
        return patches


class Projection:
    """Embeddings of a picture -> tokens (b n width) for cross attention."""

    def __init__(self, kind: Kind, weights: dict[str, Tensor]) -> None:
        begin = "image_proj."
        self._kind = kind
        self._weights = {
            name.removeprefix(begin): tensor
            for name, tensor in weights.items()
            if name.startswith(begin)
        }

    def __call__(self, seen: Tensor) -> Tensor:
        """(b width) or (b patches width) -> (b n width)."""
        if self._kind == "plain":
            width = len(self._weights["norm.weight"])
            return self._norm(self._linear(seen, "proj").view(len(seen), -1, width), "norm")
        if self._kind == "full":
            return self._norm(
                self._linear(functional.gelu(self._linear(seen, "proj.0")), "proj.2"), "proj.3"
            )
        return self._resample(seen)

    def _resample(self, seen: Tensor) -> Tensor:
        """Learned queries look at the patches, and at each other (Alayrac 2022's Perceiver resampler)."""
        x = self._linear(seen, "proj_in")
        latents = self._weights["latents"].expand(len(x), -1, -1)
        depth = sum(name.endswith(".0.to_q.weight") for name in self._weights)
        for at in (f"layers.{index}" for index in range(depth)):
            own = self._norm(latents, f"{at}.0.norm2")
            both = torch.cat([self._norm(x, f"{at}.0.norm1"), own], dim=1)
            query = self._linear(own, f"{at}.0.to_q")
            key, value = self._linear(both, f"{at}.0.to_kv").chunk(2, dim=-1)
            found = look(query.shape[-1] // HEAD, query, key, value)
            latents = latents + self._linear(found, f"{at}.0.to_out")
            wide = self._linear(self._norm(latents, f"{at}.1.0"), f"{at}.1.1")
            latents = latents + self._linear(functional.gelu(wide), f"{at}.1.3")
        return self._norm(self._linear(latents, "proj_out"), "norm_out")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(
            x, self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias")
        )

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight = self._weights[f"{name}.weight"]
        return functional.layer_norm(x, weight.shape, weight, self._weights[f"{name}.bias"])


def _give_eyes(unet: Any, file: AdapterFile, weights: dict[str, Tensor], text_rows: int) -> None:
    """Replace the cross attention of a U-Net in place. Raises ModelError where the adapter is for another."""
    own = unet.config.cross_attention_dim
    if file.text_width != own:
        raise other_base(f"IP-Adapter {file.name}", file.text_width, own)
    processors = dict(unet.attn_processors)
    wanted: dict[str, tuple[int, ...]] = {}
    for index, name in enumerate(processors):
        if name.endswith("attn2.processor"):
            shape = tuple(unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape)
            keys, values = (f"ip_adapter.{index}.to_{each}_ip.weight" for each in "kv")
            wanted |= {keys: shape, values: shape}
            if all(file.shapes.get(each) == shape for each in (keys, values)):
                processors[name] = SeeingCross(weights[keys], weights[values], text_rows)
    held = {name: shape for name, shape in file.shapes.items() if name.startswith("ip_adapter.")}
    if held != wanted:
        odd = min(
            name for name in held.keys() | wanted.keys() if held.get(name) != wanted.get(name)
        )
        raise ModelError(
            f"IP-Adapter {file.name} is for another model: its '{odd}' is {held.get(odd, 'missing')}, this"
            f" model wants {wanted.get(odd, 'none')}; use one made for this model."
        )
    unet.set_attn_processor(processors)


def _square(picture: Frames, side: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The middle of a picture, uint8 (h w 3), as CLIP is shown it: (side side 3), normalised."""
    height, width = picture.shape[:2]
    small = min(height, width)
    size = int(width * side / small), int(height * side / small)
    shown = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    levels = np.asarray(shown.crop((left, top, left + side, top + side)), np.float32) / 255.0
    return ((levels - MEAN) / SPREAD).astype(np.float32)
