"""Deep layers once every few calls (DeepCache, Ma 2023), across frames instead of across steps.

Frames of a stream take one or two steps, so there is nothing to reuse inside one; but what is deep in
the network changes slowly from frame to frame. Only the outermost blocks run in every call.
"""

from __future__ import annotations

from typing import Any

from phosphene.diffusion.sd.unet import Nets


def use(nets: Nets, interval: int) -> None:
    """Let every block but the outermost run in one call of ``interval``, in place."""
    unet = nets.unet
    middle = [] if unet.mid_block is None else [unet.mid_block]
    deep = [*unet.down_blocks[1:], *middle, *unet.up_blocks[:-1]]
    for index, block in enumerate(deep):
        block.forward = _remembering(nets, block.forward, f"deep{index}", interval)


def _remembering(nets: Nets, forward: Any, name: str, interval: int) -> Any:
    def remembered(*args: Any, **settings: Any) -> Any:
        memory = nets.memory
        if memory.calls % interval == 0 or name not in memory.kept:
            memory.kept[name] = forward(*args, **settings)
        return memory.kept[name]

    return remembered
