"""From uint8 pictures to latents and back, on the device from end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phosphene.diffusion.sd.unet import Nets, PictureCall
from phosphene.kernels.choose import Operations

if TYPE_CHECKING:
    import torch

    from phosphene.diffusion.sd.upscale import Upscaler


class Pictures:
    """The autoencoder with what comes before and after it; ways to run it faster replace its two calls."""

    def __init__(
        self,
        nets: Nets,
        dtype: torch.dtype,
        operations: Operations,
        upscaler: Upscaler | None = None,
    ) -> None:
        self._nets = nets
        self._dtype = dtype
        self._operations = operations
        self._upscaler = upscaler
        self.encode: PictureCall = self._encode
        """uint8 (b h w 3) -> latents (b c h/8 w/8) float32"""
        self.decode: PictureCall = self._decode
        """latents (b c h w) -> uint8 (b 8h 8w 3), larger with an upscaler"""

    def _encode(self, frames: torch.Tensor) -> torch.Tensor:
        pixels = frames.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        latents = self._nets.encode(pixels.to(self._dtype)).float()
        scaled: torch.Tensor = latents * self._nets.vae.config.scaling_factor
        return scaled

    def _decode(self, latents: torch.Tensor) -> torch.Tensor:
        import torch

        clean = latents.float() / self._nets.vae.config.scaling_factor
        if clean.device.type == "cpu":
            # a tiny autoencoder draws in a sixth less time so
            clean = clean.contiguous(memory_format=torch.channels_last)
        pixels = self._nets.decode(clean.to(self._dtype))
        if self._upscaler is not None:
            small = (pixels.float() * 0.5 + 0.5).clamp(0.0, 1.0)
            pixels = self._upscaler(small) * 2.0 - 1.0
        packed: torch.Tensor = self._operations.blend_pack(pixels)
        return packed
