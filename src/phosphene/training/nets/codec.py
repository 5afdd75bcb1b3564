"""The picture codec: 256x256 RGB to 32x32x8 latents and back, fully convolutional.

Spatial work happens at 1/4 and 1/8 of the size only; pixel (un)shuffle does the rest, as full-size
convolutions would cost more than the whole denoiser on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class AutoencoderConfig:
    """Widths at 1/4 and 1/8 of the picture's size."""

    latent: int = 8
    encoder_fine: int = 48
    encoder_coarse: int = 96
    decoder_coarse: int = 112
    decoder_fine: int = 48
    coarse_blocks: int = 3
    fine_blocks: int = 2
    downscale: int = 8
    decoder_finest: int = 32
    """width at 1/4 of a large picture's size"""


COARSE = 2
"""layers of a decoder before its coarse blocks"""


class Residual(nn.Module):
    """Two convolutions and a skip; no norm, which costs memory traffic on a CPU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        for zeroed in self.second.parameters():
            nn.init.zeros_(zeroed)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class Encoder(nn.Module):
    """(b, 3, h, w) in [0, 1] to (b, latent, h/8, w/8), each channel about N(0, 1)."""

    def __init__(self, cfg: AutoencoderConfig) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, cfg.encoder_fine, 3, padding=1),
            nn.ReLU(),
            Residual(cfg.encoder_fine),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * cfg.encoder_fine, cfg.encoder_coarse, 1),
            nn.ReLU(),
            Residual(cfg.encoder_coarse),
            Residual(cfg.encoder_coarse),
            nn.Conv2d(cfg.encoder_coarse, cfg.latent, 3, padding=1),
        )
        # a norm without parameters: its running mean and deviation are the latent scale
        self.norm = nn.BatchNorm2d(cfg.latent, affine=False, momentum=0.02)

    def forward(self, rgb: Tensor) -> Tensor:
        latent: Tensor = self.norm(self.net(2 * rgb - 1))
        return latent


class Decoder(nn.Module):
    """(b, latent, h, w) to (b, 3, 8h, 8w), unclipped sRGB around [0, 1]."""

    def __init__(self, cfg: AutoencoderConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.net = nn.Sequential(*_trunk(cfg), *_head(cfg.decoder_fine))

    def start_from(self, decoder: Decoder) -> None:
        """Take over a trained decoder; coarse blocks that it has not begin as identities."""
        _take_over(self, decoder, len(decoder.net))

    def forward(self, latent: Tensor) -> Tensor:
        return _paint(self.net, latent)


class LargeDecoder(nn.Module):
    """(b, latent, h, w) to (b, 3, 16h, 16w): the decoder's trunk, and one level more before its head.

    Latents of small pictures, drawn at twice the size: edges are as sharp as the larger picture's, for
    hardly more work, since all but the last two convolutions stay where they are.
    """

    def __init__(self, cfg: AutoencoderConfig) -> None:
        super().__init__()
        self.cfg = cfg
        width = cfg.decoder_finest
        self.net = nn.Sequential(
            *_trunk(cfg),
            nn.Conv2d(cfg.decoder_fine, 4 * width, 1),
            nn.PixelShuffle(2),
            nn.ReLU(),
            Residual(width),
            *_head(width),
        )

    def start_from(self, decoder: Decoder) -> None:
        """Take over the trunk of a trained decoder; coarse blocks that it has not begin as identities."""
        _take_over(self, decoder, len(decoder.net) - 2)

    def forward(self, latent: Tensor) -> Tensor:
        return _paint(self.net, latent)


class Autoencoder(nn.Module):
    """Encoder and decoder together, for training."""

    def __init__(self, cfg: AutoencoderConfig | None = None) -> None:
        super().__init__()
        self.cfg = cfg or AutoencoderConfig()
        self.encoder = Encoder(self.cfg)
        self.decoder = Decoder(self.cfg)


def _take_over(net: Decoder | LargeDecoder, trained: Decoder, layers: int) -> None:
    """Copy the first ``layers`` of a decoder with as many coarse blocks or fewer."""
    old = trained.cfg.coarse_blocks
    more = net.cfg.coarse_blocks - old
    for index in range(layers):
        place = index if index < COARSE + old else index + more
        net.net[place].load_state_dict(trained.net[index].state_dict())


def _trunk(cfg: AutoencoderConfig) -> tuple[nn.Module, ...]:
    """Latents to features at twice their size."""
    return (
        nn.Conv2d(cfg.latent, cfg.decoder_coarse, 3, padding=1),
        nn.ReLU(),
        *(Residual(cfg.decoder_coarse) for _ in range(cfg.coarse_blocks)),
        nn.Conv2d(cfg.decoder_coarse, 4 * cfg.decoder_fine, 1),
        nn.PixelShuffle(2),
        nn.ReLU(),
        *(Residual(cfg.decoder_fine) for _ in range(cfg.fine_blocks)),
    )


def _head(width: int) -> tuple[nn.Module, ...]:
    """Features to a picture of four times their size."""
    head = nn.Conv2d(width, 48, 3, padding=1)
    _icnr(head, 4)
    return head, nn.PixelShuffle(4)


def _paint(net: nn.Module, latent: Tensor) -> Tensor:
    # a soft clamp, as in TAESD: wild latents of a half-finished denoising stay in range
    rgb: Tensor = net(torch.tanh(latent / 4) * 4)
    return rgb * 0.5 + 0.5


def _icnr(conv: nn.Conv2d, factor: int) -> None:
    """Start a pixel-shuffle head as nearest enlargement: no checkerboard (Aitken et al. 2017)."""
    out = conv.weight.shape[0] // factor**2
    seed = nn.init.kaiming_normal_(torch.empty(out, *conv.weight.shape[1:])) * 0.5
    conv.weight.data.copy_(seed.repeat_interleave(factor**2, dim=0))
    nn.init.zeros_(conv.bias) if conv.bias is not None else None


def psnr(output: Tensor, target: Tensor) -> float:
    """Peak signal to noise ratio in dB of pictures in [0, 1], mean over the batch."""
    mse = (output.clamp(0, 1) - target).square().flatten(1).mean(1)
    return float((-10 * torch.log10(mse + 1e-10)).mean())
