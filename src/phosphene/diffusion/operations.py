"""Plain torch or the project's own kernels, as a config asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phosphene.diffusion.notices import say_once
from phosphene.kernels.choose import PLAIN, Operations, fused, obstacle

if TYPE_CHECKING:
    import torch


def chosen(asked: bool, device: torch.device) -> Operations:
    """The kernels if they were asked for and can run on ``device``, plain torch otherwise, said once."""
    if not asked:
        return PLAIN
    reason = obstacle(device)
    if reason:
        say_once(f"kernels is off: {reason}.")
        return PLAIN
    return fused()
