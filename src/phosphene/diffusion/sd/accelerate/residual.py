"""The residual blocks of U-Net and autoencoder with group norm and SiLU in one operation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from phosphene.diffusion.sd.unet import Nets
from phosphene.kernels.choose import Operations

if TYPE_CHECKING:
    import torch


def use(nets: Nets, operations: Operations) -> None:
    """Replace the forward of every plain residual block in place."""
    from diffusers.models.resnet import ResnetBlock2D

    for net in (nets.unet, nets.vae):
        for block in net.modules():
            if isinstance(block, ResnetBlock2D) and _plain(block):
                block.forward = partial(_forward, block, operations)


def _plain(block: Any) -> bool:
    """Norm, SiLU, convolution, time added, and the same again; no resizing inside."""
    return (
        block.upsample is None
        and block.downsample is None
        and block.time_embedding_norm == "default"
        and type(block.nonlinearity).__name__ == "SiLU"
    )


def _forward(
    block: Any,
    operations: Operations,
    x: torch.Tensor,
    time: torch.Tensor | None = None,
    *_: Any,
    **__: Any,
) -> torch.Tensor:
    """As diffusers' ``ResnetBlock2D.forward`` of such a block, without dropout."""

    def active(norm: Any, given: torch.Tensor) -> torch.Tensor:
        affine = norm.weight, norm.bias
        normed: torch.Tensor = operations.norm_silu_film(
            given, norm.num_groups, affine, None, norm.eps
        )
        return normed

    h = block.conv1(active(block.norm1, x))
    if time is not None and block.time_emb_proj is not None:
        told = time if block.skip_time_act else block.nonlinearity(time)
        h = h + block.time_emb_proj(told)[:, :, None, None]
    h = block.conv2(active(block.norm2, h))
    kept = x if block.conv_shortcut is None else block.conv_shortcut(x)
    out: torch.Tensor = (kept + h) / block.output_scale_factor
    return out
