"""Draw clips: family + palette + sound -> frames. Deterministic in its arguments on one kind of device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phosphene.diffusion.lsd.fields import SPILL
from phosphene.training.render import noise
from phosphene.training.render.camera import Drift, clip_time, view
from phosphene.training.render.canvas import PARAMS, Canvas, Field
from phosphene.training.render.colour import apply_palette
from phosphene.training.render.families import FAMILIES
from phosphene.training.render.react import react, ripple
from phosphene.training.render.structure import bend, impose


@dataclass(frozen=True)
class ClipBatch:
    """Clips of one family.

    luts: (clips, LUT_SIZE, 3). audio: (clips, frames, 5), see `canvas.AUDIO`. speed, scale, contrast:
    (clips,). keep: which frames to draw, all of them if empty. drift: a camera of the stream's own kind.
    structure: (clips, kept frames, size, size) in [0, 1], luma of a source picture whose shapes the clip
    must show.
    """

    family: str
    luts: Tensor
    audio: Tensor
    speed: Tensor
    scale: Tensor
    contrast: Tensor
    seed: int
    keep: tuple[int, ...] = ()
    drift: Drift | None = None
    structure: Tensor | None = None


def render(batch: ClipBatch, size: int = 256) -> Tensor:
    """(clips, kept frames, size, size, 3) uint8 sRGB."""
    field = draw_field(batch, size)
    clips, frames = field.value.shape[:2]
    value, light = field.value.flatten(0, 1), field.light.flatten(0, 1)
    rgb = expose(apply_palette(value, batch.luts.repeat_interleave(frames, 0)), light)
    return (rgb * 255).round().to(torch.uint8).view(clips, frames, size, size, 3)


def draw_field(batch: ClipBatch, size: int = 256) -> Field:
    """Clips before their colours: two of (clips, kept frames, size, size)."""
    device = batch.audio.device
    gen = noise.generator(batch.seed, device)
    family = FAMILIES[batch.family]
    clips, total = batch.audio.shape[:2]
    keep = batch.keep or tuple(range(total))
    frames = len(keep)
    params = noise.uniform(gen, device, clips, PARAMS)
    start = 40 * noise.uniform(gen, device, clips)
    time = clip_time(batch.audio, batch.speed, start)[:, keep].reshape(-1)
    audio = batch.audio[:, keep].flatten(0, 1)
    x, y = view(gen, clips, audio, time, size, family.sway, batch.drift, keep)
    x, y = ripple(gen, clips, audio, time, x, y)
    structure = None if batch.structure is None else batch.structure.flatten(0, 1)
    if structure is not None:
        x, y = bend(x, y, structure)
    canvas = Canvas(
        gen=gen,
        clips=clips,
        x=x,
        y=y,
        time=time,
        params=params.repeat_interleave(frames, 0),
        audio=audio,
        scale=batch.scale.repeat_interleave(frames)[:, None, None],
    )
    field = react(canvas, family.draw(canvas))
    contrast = batch.contrast.repeat_interleave(frames)[:, None, None]
    field = Field(0.5 + (field.value - 0.5) * contrast, field.light)
    if structure is not None:
        field = impose(field, structure)
    shape = clips, frames, size, size
    return Field(field.value.view(shape), field.light.view(shape))


def expose(rgb: Tensor, light: Tensor) -> Tensor:
    """Multiply by light; what exceeds 1 drifts to white instead of clipping its hue."""
    lit = rgb * light.clamp(min=0)[..., None]
    over = (lit - 1).clamp(min=0).amax(-1, keepdim=True)
    return (lit + SPILL * over).clamp(0, 1)
