"""torch.compile of the U-Net: fused kernels, and CUDA graphs around them on a GPU."""

from __future__ import annotations

from phosphene.diffusion.notices import first_line, say_once
from phosphene.diffusion.sd.unet import Example, Nets, call_of


def use(nets: Nets, example: Example) -> None:
    """Compile now, at the configured size: a failure must be seen here, not in the first frame."""
    import torch

    try:
        call = call_of(torch.compile(nets.unet))
        nets.rehearse(call, example(1))
    except Exception as error:
        say_once(f"compile_unet is off, the U-Net runs uncompiled: {first_line(error)}.")
        return
    nets.call = call
