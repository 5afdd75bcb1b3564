"""TAESD at half its cost: what it does at the full size of a picture, done at half of it by two stems.

Two stages of AutoencoderTiny see every pixel, the encoder's first and the decoder's last, and take half of
its operations. A stem does their work on 2 x 2 pixels folded into channels (pixel shuffle, Shi 2016). It is
learned from the very autoencoder it goes into (`phosphene train --stems`), and found by a digest of that
one's weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from phosphene.diffusion.notices import say_once
from phosphene.diffusion.runtimes import cache_folder

FOLD = 2
"""pixels along a side of what is folded into channels"""
SAMPLES = 64
"""numbers of each tensor that make a digest"""
STAGES = 4
"""of an autoencoder that stems fit: 8 pixels a latent"""


class EncoderStem(nn.Sequential):
    """Pixels 0..1 (b 3 h w) -> features at half the size (b width h/2 w/2)."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.PixelUnshuffle(FOLD), _conv(3 * FOLD**2, width), nn.ReLU(),
            _conv(width, width), nn.ReLU(), _conv(width, width),
        )  # fmt: skip


class DecoderStem(nn.Sequential):
    """Features at half the size (b width h/2 w/2) -> pixels 0..1 (b 3 h w)."""

    def __init__(self, width: int) -> None:
        super().__init__(
            _conv(width, width), nn.ReLU(), _conv(width, width), nn.ReLU(),
            _conv(width, 3 * FOLD**2), nn.PixelShuffle(FOLD),
        )  # fmt: skip


class Stems(nn.Module):
    """Both of them."""

    def __init__(self, encoder_width: int, decoder_width: int) -> None:
        super().__init__()
        self.encoder = EncoderStem(encoder_width)
        self.decoder = DecoderStem(decoder_width)

    @classmethod
    def of(cls, vae: Any) -> Stems:
        """Untrained ones for a diffusers ``AutoencoderTiny``."""
        config = vae.config
        return cls(config.encoder_block_out_channels[1], config.decoder_block_out_channels[-2])


def fit(vae: Any) -> bool:
    """Whether an autoencoder is built as TAESD is."""
    config = vae.config
    plain = config.act_fn, config.upsampling_scaling_factor, config.upsample_fn
    counts = len(config.num_encoder_blocks), len(config.num_decoder_blocks)
    return plain == ("relu", 2, "nearest") and counts == (STAGES, STAGES)


def split(vae: Any) -> tuple[nn.Sequential, nn.Sequential, nn.Sequential, nn.Sequential]:
    """Its encoder at full size, the rest of that; its decoder up to half size, the rest of that."""
    down, up = vae.encoder.layers, vae.decoder.layers
    # a convolution, its blocks, and the convolution that halves
    first = 2 + vae.config.num_encoder_blocks[0]
    # enlarging, a convolution, the last blocks, the way out
    last = len(up) - (3 + vae.config.num_decoder_blocks[-1])
    return down[:first], down[first:], up[:last], up[last:]


def put_in(vae: Any, stems: Stems) -> None:
    """Let stems do an autoencoder's work at full size, in place."""
    _, deep, shallow, _ = split(vae)
    vae.encoder.layers = nn.Sequential(stems.encoder, *deep)
    vae.decoder.layers = nn.Sequential(*shallow, stems.decoder)


def digest(vae: Any) -> str:
    """Of an autoencoder's weights, some of every tensor; the same in float32 and in float16."""
    told = hashlib.sha256()
    for name, weight in vae.state_dict().items():
        flat = weight.detach().reshape(-1)
        some = flat[:: max(1, len(flat) // SAMPLES)].cpu().half().numpy()
        told.update(f"{name} {tuple(weight.shape)}".encode() + some.tobytes())
    return told.hexdigest()[:20]


def place_of(vae: Any) -> Path:
    """Where the stems of an autoencoder are kept once they are trained."""
    return cache_folder() / "stems" / f"{digest(vae)}.safetensors"


def save(stems: Stems, vae: Any, about: Mapping[str, str]) -> Path:
    """Keep trained stems, with what is known of them, for the autoencoder that they were learned from."""
    from safetensors.torch import save_file

    place = place_of(vae)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part")
    weights = {name: each.detach().cpu().contiguous() for name, each in stems.state_dict().items()}
    # as one word: several are written in any order, and the same stems would be another file
    save_file(weights, part, metadata={"about": json.dumps(dict(about), sort_keys=True)})
    part.replace(place)
    return place


def use_trained(vae: Any) -> bool:
    """Put in the stems that were trained for an autoencoder, if there are any; whether they are in."""
    from safetensors.torch import load_file

    if not fit(vae):
        return False
    place = place_of(vae)
    if not place.is_file():
        return False
    stems = Stems.of(vae)
    try:
        stems.load_state_dict(load_file(place))
    except Exception as error:
        say_once(
            f"tiny_vae_stems is off: {place} is broken ({type(error).__name__}); train it anew."
        )
        return False
    like = next(vae.parameters())
    put_in(vae, stems.to(like.device, like.dtype))
    return True


def _conv(inner: int, outer: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 3, padding=1)
