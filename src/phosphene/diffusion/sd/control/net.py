"""A ControlNet (Zhang 2023) beside the U-Net."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.config import DiffusionConfig
from phosphene.diffusion.base import Frames
from phosphene.diffusion.checkpoints.errors import check_source, explained
from phosphene.diffusion.checkpoints.families import other_base
from phosphene.diffusion.sd.control import canny, depth, figure
from phosphene.diffusion.sd.unet import UnetInputs
from phosphene.stream.conditioning import Context

if TYPE_CHECKING:
    import torch


class Control:
    """A loaded ControlNet and what it is shown.

    Args:
        config: which, how hard, and shown what.
        unet: the network it is to steer.
        device: where it runs.
        dtype: of its weights.

    Raises:
        ModelError: it cannot be loaded, or is for another family.
    """

    def __init__(
        self, config: DiffusionConfig, unet: Any, device: torch.device, dtype: torch.dtype
    ) -> None:
        source = str(config.controlnet_id)
        check_source(source, "ControlNet")
        self._config = config
        self._device = device
        with explained(source, "ControlNet"):
            import torch
            from diffusers import ControlNetModel

            path = Path(source).expanduser()
            net = (
                ControlNetModel.from_single_file(str(path))
                if path.is_file()
                else ControlNetModel.from_pretrained(source, use_safetensors=True)
            )
            _check_fit(net.config, unet.config, source)
            self._net = torch.nn.Module.to(net, device, dtype).eval()
        self._dtype = dtype
        self._depth = (
            depth.DepthEstimator(config.depth_id, device, dtype)
            if config.control == "depth"
            else None
        )

    def image(self, frames: Frames) -> torch.Tensor | None:
        """What is made of input pictures, uint8 (b h w 3) -> (b 3 h w) in 0..1."""
        import torch

        if self._config.control == "sound":
            return None
        with torch.inference_mode():
            pictures = torch.tensor(frames, device=self._device).permute(0, 3, 1, 2) / 255.0
            if self._depth is not None:
                return self._depth(pictures)
            return canny.canny(pictures) if self._config.control == "canny" else pictures

    def steer(self, given: UnetInputs, context: Context, factor: int) -> UnetInputs:
        """The U-Net's inputs with the ControlNet's residuals; as they were where there is no picture.

        ``factor``: picture pixels per latent pixel.
        """
        height, width = (side * factor for side in given.latents.shape[2:])
        shown = context.control
        if self._config.control == "sound" and context.controls is not None:
            shown = figure.draw(context.controls, height, width)
        if shown is None or not self._config.control_scale:
            return given
        if len(shown) != len(given.latents):
            shown = shown.expand(len(given.latents), -1, -1, -1)
        added = {"text_embeds": given.pooled, "time_ids": given.time_ids}
        down, mid = self._net(
            given.latents,
            given.timesteps,
            encoder_hidden_states=given.embeds,
            controlnet_cond=shown.to(self._device, self._dtype),
            conditioning_scale=self._config.control_scale,
            added_cond_kwargs=None if given.pooled is None else added,
            return_dict=False,
        )
        return replace(given, down=tuple(down), mid=mid)


def _check_fit(net: Any, unet: Any, source: str) -> None:
    if net.cross_attention_dim == unet.cross_attention_dim and tuple(
        net.block_out_channels
    ) == tuple(unet.block_out_channels):
        return
    raise other_base(f"ControlNet {source}", net.cross_attention_dim, unet.cross_attention_dim)
