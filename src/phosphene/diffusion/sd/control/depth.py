"""Depth of pictures, estimated by a network of transformers (Depth Anything, DPT)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene.diffusion.checkpoints.errors import check_source, explained

if TYPE_CHECKING:
    import torch

DEFAULT_ESTIMATOR = "depth-anything/Depth-Anything-V2-Small-hf"
PATCHES = 14
"""pictures are scaled to a multiple of this (Depth Anything's; others scale what they get)"""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""of ImageNet, which all of these were trained on"""


class DepthEstimator:
    """Near is white, as ControlNets for depth were trained."""

    def __init__(self, source: str | None, device: torch.device, dtype: torch.dtype) -> None:
        source = source or DEFAULT_ESTIMATOR
        check_source(source, "depth estimator")
        with explained(source, "depth estimator"):
            import torch
            from transformers import AutoModelForDepthEstimation

            net: Any = AutoModelForDepthEstimation.from_pretrained(source, use_safetensors=True)
            self._net = torch.nn.Module.to(net, device, dtype).eval()
        self._multiple = getattr(self._net.config, "patch_size", None) or PATCHES

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """(b 3 h w) in 0..1 -> (b 3 h w) in 0..1, stretched to the whole range per picture."""
        from torch.nn.functional import interpolate

        height, width = pictures.shape[-2:]
        size = [max(1, round(side / self._multiple)) * self._multiple for side in (height, width)]
        mean = pictures.new_tensor(MEAN).view(1, 3, 1, 1)
        deviation = pictures.new_tensor(DEVIATION).view(1, 3, 1, 1)
        scaled = interpolate(pictures, size, mode="bilinear", align_corners=False)
        kind = next(self._net.parameters()).dtype
        depth = self._net(((scaled - mean) / deviation).to(kind)).predicted_depth[:, None].float()
        low, high = depth.amin((2, 3), keepdim=True), depth.amax((2, 3), keepdim=True)
        depth = (depth - low) / (high - low).clamp(min=1e-6)
        whole = interpolate(depth, (height, width), mode="bilinear", align_corners=False)
        return whole.expand(-1, 3, -1, -1)
