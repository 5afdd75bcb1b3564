"""Whether what was kept of a stream's last full call still stands: not past a new prompt or a large shift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

DIFFERENCE = 0.06
"""mean difference of thumbnails, of a picture's range, from which nothing is reused"""
RANGE = 4.0
"""of a latent of unit variance, roughly: what a picture's black and white lie apart"""
THUMBNAIL = 16
"""pixels of a side"""
MOTION = 3
"""latent pixels that a picture as a whole may move"""
SURE = 0.15
"""height of the peak from which a motion counts as found; of unlike pictures it is lower"""
PROMPT = 0.05
"""change of an embedding, of its length"""


@dataclass
class Told:
    """What a stream was told when it was last drawn in full. To compare, a GPU is waited for."""

    embeds: torch.Tensor
    pictures: tuple[torch.Tensor, ...]
    """(b c h w) each: clean latents that its frames come from, as far as they are known"""
    calls: int = 0
    """since then"""

    def holds(self, embeds: torch.Tensor, pictures: tuple[torch.Tensor, ...]) -> bool:
        """Whether what is told now is much the same."""
        if prompt_changed(self.embeds, embeds) or len(self.pictures) != len(pictures):
            return False
        return not any(changed(*pair) for pair in zip(self.pictures, pictures, strict=True))


def prompt_changed(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Whether two embeddings differ by more than may be passed over."""
    if one is two:
        return False
    return one.shape != two.shape or bool((one - two).norm() > PROMPT * one.norm())


def changed(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Whether two latents (b c h w) differ, or lie apart, by more than may be passed over."""
    from torch.nn.functional import adaptive_avg_pool2d

    if one is two:
        return False
    if one.shape != two.shape:
        return True
    side = (min(THUMBNAIL, one.shape[2]), min(THUMBNAIL, one.shape[3]))
    small = [adaptive_avg_pool2d(each.float(), side) for each in (one, two)]
    if bool((small[0] - small[1]).abs().mean() > DIFFERENCE * RANGE):
        return True
    return max(abs(way) for way in motion(one[-1].float(), two[-1].float())) > MOTION


def motion(one: torch.Tensor, two: torch.Tensor) -> tuple[int, int]:
    """(down, right) in pixels that a picture (c h w) moved as a whole: phase correlation (Kuglin 1975)."""
    import torch

    height, width = one.shape[1:]
    cross = (torch.fft.rfft2(two) * torch.fft.rfft2(one).conj()).sum(0)
    peaks = torch.fft.irfft2(cross / cross.abs().clamp(min=1e-9), s=(height, width))
    place = int(peaks.argmax())
    if float(peaks.flatten()[place]) < SURE:
        return 0, 0
    down, right = divmod(place, width)
    return (down + height // 2) % height - height // 2, (right + width // 2) % width - width // 2
