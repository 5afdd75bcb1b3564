"""Palettes: colours of words turned into continuous gradients in OKLab (Ottosson 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

LUT_SIZE = 512

_RGB_TO_LMS = torch.tensor(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = torch.tensor(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def srgb_to_oklab(rgb: Tensor) -> Tensor:
    """(..., 3) sRGB in [0, 1] to OKLab."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055).clamp(min=0) ** 2.4)
    lms = linear @ _RGB_TO_LMS.T
    return lms.clamp(min=0) ** (1 / 3) @ _LMS_TO_LAB.T


def oklab_to_srgb(lab: Tensor) -> Tensor:
    """(..., 3) OKLab to sRGB, clipped to [0, 1]."""
    lms = (lab @ torch.linalg.inv(_LMS_TO_LAB).T) ** 3
    linear = (lms @ torch.linalg.inv(_RGB_TO_LMS).T).clamp(0, 1)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _shade(lab: Tensor, lightness: float, chroma: float) -> Tensor:
    """The same hue at another lightness, with its chroma scaled."""
    out = lab.clone()
    out[..., 0] = lightness
    out[..., 1:] *= chroma
    return out


def gradient(
    colours: Tensor, *, dark: float = 1.0, light: float = 1.0, cycle: float = 0.0
) -> Tensor:
    """A palette from one to three named colours: dark end, the colours, highlight.

    Args:
        colours: (k, 3) sRGB in [0, 1], k in 1..3, in the order of the caption.
        dark: 1 starts near black, 0 starts at the first colour's own lightness.
        light: 1 ends in a tinted highlight, 0 ends in the last colour.
        cycle: 0 leaves the order as it is, 1 sorts the colours by lightness.

    Returns:
        (LUT_SIZE, 3) sRGB.
    """
    lab = srgb_to_oklab(colours)
    if cycle > 0.5:
        lab = lab[lab[:, 0].argsort()]
    first, last = lab[:1], lab[-1:]
    low = _shade(first, float(first[0, 0]) * (1 - 0.78 * dark), 1 - 0.35 * dark)
    high = _shade(
        last, float(last[0, 0]) + (0.97 - float(last[0, 0])) * 0.8 * light, 1 - 0.55 * light
    )
    body = lab if len(lab) > 1 else torch.cat((_shade(lab, float(lab[0, 0]) * 0.62, 0.95), lab))
    stops = torch.cat((low, body, high))
    # the named colours own the middle of the ramp, the ends are short
    inner = torch.linspace(0.3, 0.8, len(body))
    at = torch.cat((torch.zeros(1), inner, torch.ones(1)))
    u = torch.linspace(0, 1, LUT_SIZE)
    right = torch.searchsorted(at, u, right=True).clamp(1, len(at) - 1)
    w = ((u - at[right - 1]) / (at[right] - at[right - 1])).clamp(0, 1)[:, None]
    w = w * w * (3 - 2 * w)
    return oklab_to_srgb(stops[right - 1] * (1 - w) + stops[right] * w)


def apply_palette(value: Tensor, luts: Tensor) -> Tensor:
    """Colour a field.

    Args:
        value: (n, h, w), used modulo nothing, clipped to [0, 1].
        luts: (n, LUT_SIZE, 3).

    Returns:
        (n, h, w, 3) sRGB.
    """
    n, h, w = value.shape
    index = (value.clamp(0, 1) * (LUT_SIZE - 1)).round().long()
    index = index + torch.arange(n, device=value.device)[:, None, None] * LUT_SIZE
    return luts.reshape(-1, 3)[index.reshape(-1)].reshape(n, h, w, 3)
