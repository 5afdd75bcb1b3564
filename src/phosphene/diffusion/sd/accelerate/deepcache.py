"""Deep layers once every few calls (DeepCache, Ma 2023), across frames instead of across steps.

Frames of a stream take one or two steps, so there is nothing to reuse inside one; but what is deep in
the network changes slowly from frame to frame. Only the outermost blocks run in every call, but where the
picture or the prompt has changed too much since the deep ones ran: then all of them do. To know that, a
GPU is waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene.diffusion.guards import Told
from phosphene.diffusion.sd.unet import Memory, Nets, UnetInputs

if TYPE_CHECKING:
    import torch


def use(nets: Nets, interval: int) -> None:
    """Let every block but the outermost run in one call of ``interval``, in place."""
    unet = nets.unet
    middle = [] if unet.mid_block is None else [unet.mid_block]
    deep = [*unet.down_blocks[1:], *middle, *unet.up_blocks[:-1]]
    for index, block in enumerate(deep):
        block.forward = _remembering(nets, block.forward, f"deep{index}")
    nets.before = lambda memory, given, pictures: _guard(memory, given, pictures, interval)


def _remembering(nets: Nets, forward: Any, name: str) -> Any:
    def remembered(*args: Any, **settings: Any) -> Any:
        kept = nets.memory.kept
        if kept.get("full", True) or name not in kept:
            kept[name] = forward(*args, **settings)
        return kept[name]

    return remembered


def _guard(
    memory: Memory, given: UnetInputs, pictures: tuple[torch.Tensor, ...], interval: int
) -> None:
    """Decide whether this call runs in full."""
    kept = memory.kept
    then: Told | None = kept.get("when full")
    if then is not None:
        then.calls += 1
    kept["full"] = then is None or then.calls >= interval or not then.holds(given.embeds, pictures)
    if kept["full"]:
        kept["when full"] = Told(given.embeds, pictures)
