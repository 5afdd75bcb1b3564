"""What the trained network shows: pictures from nothing, and where its streams are after a while."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from phosphene.diffusion.lsd.modules.lsd import LSD
from phosphene.training import sheets
from phosphene.training.clips import MEMORIES, STRIDE, planes
from phosphene.training.pool import Clips
from phosphene.training.remember import remember
from phosphene.training.sample import first_past, from_noise, go_on

COLUMNS = 12
SHOWN = (1, 8, 32, 96)
"""frames of the streams that get a row"""
T = 0.75


@torch.no_grad()
def stream_sheet(net: LSD, clips: Clips, path: Path) -> dict[str, float]:
    """Rows: true frames; one step, four steps from noise; stream frames `SHOWN`. Columns: captions.

    Returns contrast and detail of the last row over those of the true frames, and the share of motion.
    """
    device = clips.fields.device
    pick = torch.linspace(0, len(clips) - 1, min(COLUMNS, len(clips)), device=device).long()
    text, audio = clips.words(pick), clips.audio[pick, 0]
    true = planes(clips.fields[pick, MEMORIES])
    gen = torch.Generator().manual_seed(0)
    noise = torch.randn(true.shape, generator=gen).to(device)
    single = from_noise(net, noise, text, audio, 1)
    picture = from_noise(net, noise, text, audio, 4)
    rows = [true, single, picture]
    past = first_past(picture, MEMORIES)
    still = torch.tensor([[1.0, 0, 0, 0]], device=device).expand(len(pick), -1)
    moved = torch.zeros((), device=device)
    for frame in range(1, SHOWN[-1] + 1):
        fresh = torch.randn(true.shape, generator=gen).to(device)
        before = past.history[:, 0]
        picture, past = go_on(net, past, 0.7 * fresh + 0.714 * noise, text, audio, still, T)
        past = remember(past, picture, frame, STRIDE)
        moved += (picture - before).abs().mean() / SHOWN[-1]
        if frame in SHOWN:
            rows.append(picture)
    sheets.save_sheet(path, torch.stack([sheets.seen(row) for row in rows]))
    natural = (planes(clips.fields[pick, MEMORIES + 1]) - true).abs().mean()
    return {
        "contrast": float(picture.std() / true.std()),
        "detail": float(detail(picture) / detail(true)),
        "detail_one_step": float(detail(single) / detail(true)),
        "motion": float(moved / natural.clamp(min=1e-6)),
    }


def detail(field: Tensor) -> Tensor:
    """Mean absolute difference between neighbours of fields (b, c, h, w)."""
    return field.diff(dim=-1).abs().mean() + field.diff(dim=-2).abs().mean()
