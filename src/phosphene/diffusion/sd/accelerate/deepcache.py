"""Deep layers once every few calls (DeepCache, Ma 2023), across frames instead of across steps.

Frames of a stream take one or two steps, so there is nothing to reuse inside one; but what is deep in
the network changes slowly from frame to frame. Only the outermost blocks run in every call, but where the
picture or the prompt has changed too much since the deep ones ran: then all of them do. To know that, a
GPU is waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phosphene.diffusion.sd.unet import Memory, Nets, UnetInputs

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
    then: tuple[torch.Tensor, tuple[torch.Tensor, ...]] | None = kept.get("when full")
    kept["since"] = kept.get("since", 0) + 1
    kept["full"] = (
        then is None
        or kept["since"] >= interval
        or _prompt_changed(then[0], given.embeds)
        or len(then[1]) != len(pictures)
        or any(changed(*pair) for pair in zip(then[1], pictures, strict=True))
    )
    if kept["full"]:
        kept["when full"], kept["since"] = (given.embeds, pictures), 0


def _prompt_changed(one: torch.Tensor, two: torch.Tensor) -> bool:
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
