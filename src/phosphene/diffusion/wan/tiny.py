"""The architecture of TAEHV (Boer Bohan, MIT), the tiny autoencoder of videos: `taew2_1` is for Wan 2.1.

Of the past every block remembers one picture's features. Its weights are not part of phosphene.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from phosphene.diffusion.wan.autoencoder import PICTURES, Memory

Tensor = torch.Tensor
WIDTHS = (256, 128, 64, 64)
"""channels of the decoder, from latents to pictures; the encoder has the last all through"""


def _conv(inside: int, out: int, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(inside, out, 3, padding=1, **options)


class Softened(nn.Module):
    """Latents held within 3 of 0."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


class Remembering(nn.Module):
    """Three convolutions over a picture's features and those of the picture before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv(2 * width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, width)
        )

    def forward(self, x: Tensor, past: Tensor) -> Tensor:
        return functional.relu(self.conv(torch.cat([x, past], 1)) + x)


class Gather(nn.Module):
    """``stride`` pictures become one."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(stride * width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        return self.conv(x.reshape(-1, self.stride * x.shape[1], height, width))  # type: ignore[no-any-return]


class Grow(nn.Module):
    """One picture becomes ``stride``."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, stride * width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).reshape(-1, *x.shape[1:])  # type: ignore[no-any-return]


class Taehv(nn.Module):
    """Encoder and decoder, their modules numbered as in the published files."""

    def __init__(self, channels: int = 16, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        last = widths[-1]
        down: list[nn.Module] = [_conv(3, last), nn.ReLU()]
        for stride in (2, 2, 1):
            down += [Gather(last, stride), _conv(last, last, stride=2, bias=False)]
            down += [Remembering(last) for _ in range(3)]
        self.encoder = nn.Sequential(*down, _conv(last, channels))
        up: list[nn.Module] = [Softened(), _conv(channels, widths[0]), nn.ReLU()]
        for width, following, stride in zip(widths, widths[1:], (1, 2, 2), strict=False):
            up += [Remembering(width) for _ in range(3)]
            up += [nn.Upsample(scale_factor=2), Grow(width, stride)]
            up += [_conv(width, following, bias=False)]
        self.decoder = nn.Sequential(*up, nn.ReLU(), _conv(last, 3))

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> Taehv:
        """The network of published weights. Raises KeyError, RuntimeError for others, or a part of them."""
        widths = [weights[f"decoder.{place}.weight"].shape[0] for place in (1, 8, 14, 20)]
        net = cls(weights["decoder.1.weight"].shape[1], widths)
        net.take(weights)
        return net

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Load published weights; layers that could grow more keep the last. Raises RuntimeError."""
        weights = dict(weights)
        for name, own in self.state_dict().items():
            given = weights.get(name)
            if given is not None and given.shape[0] > own.shape[0] and ".conv.weight" in name:
                weights[name] = given[-own.shape[0] :]
        self.load_state_dict(weights)


class TinyAutoencoder:
    """TAEHV as a stream; its latents are Wan's after normalisation."""

    name = "tiny"

    def __init__(self, net: Taehv) -> None:
        self._net = net

    @torch.no_grad()
    def decode(self, latents: Tensor, memory: Memory) -> Tensor:
        """See :class:`~phosphene.diffusion.wan.autoencoder.StreamingAutoencoder`."""
        first = not memory
        pictures = []
        for i in range(latents.shape[2]):
            out = _run(self._net.decoder, self._own(latents[:, :, i]), memory)
            # of a stream's first latent only the last picture is one
            pictures.append(out[PICTURES - 1 :] if first and i == 0 else out)
        return torch.cat(pictures).clamp(0.0, 1.0)

    @torch.no_grad()
    def encode(self, pictures: Tensor, memory: Memory) -> Tensor:
        """See :class:`~phosphene.diffusion.wan.autoencoder.StreamingAutoencoder`."""
        if not memory:
            # as the decoder drops three, the encoder is shown the first picture four times
            pictures = torch.cat([pictures[:1]] * (PICTURES - 1) + [pictures])
        groups = self._own(pictures).split(PICTURES)
        out = torch.cat([_run(self._net.encoder, group, memory) for group in groups])
        return out.transpose(0, 1)[None]

    def _own(self, x: Tensor) -> Tensor:
        """In the network's number format."""
        weight = self._net.encoder[0].weight
        return x.to(weight.dtype)  # type: ignore[arg-type]


def _run(layers: Sequence[nn.Module] | nn.Sequential, x: Tensor, memory: Memory) -> Tensor:
    """Successive pictures (t c h w) through all layers; ``memory`` has the last of each that remembers."""
    fresh = not memory
    turn = 0
    for layer in layers:
        if not isinstance(layer, Remembering):
            x = layer(x)
            continue
        if fresh:
            memory.append(torch.zeros_like(x[:1]))
        past = torch.cat([memory[turn], x[:-1]])
        memory[turn] = x[-1:].clone()
        turn += 1
        x = layer(x, past)
    return x
