"""Clips as training wants them: a few old frames to remember, then consecutive ones; drawn or from files."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phosphene.training.config import DataSettings
from phosphene.training.render import (
    FAMILIES,
    ClipBatch,
    Drift,
    Scene,
    random_audio,
    random_drift,
    random_scene,
    recolour,
    render,
)
from phosphene.training.render.source import leaves, luma

STRIDE = 12
"""frames between two memories, as in `phosphene.stream.memory`"""
RECENT = 3
"""memories that are replaced in turn; one more stays, the anchor"""
MEMORIES = RECENT + 1
LEAD = 96
"""frames before the consecutive ones, among which the old frames lie"""
STILL_SOURCES = 0.125
"""batches of source pictures among those of stills"""


@dataclass(frozen=True)
class Drawn:
    """Clips with frames still as pictures.

    frames: (n, MEMORIES + t, s, s, 3) uint8, oldest memory first. audio: (n, t, 5). age: (n, MEMORIES)
    frames between each memory and the first consecutive frame, 0 if there is none. moves: (n, 4) zoom,
    rotate, pan x, pan y per frame. source: (n, t, s, s, 3) or None. captions: n texts. family: an
    index, -1 for files. twin: the same clips in other colours, or None.
    """

    frames: Tensor
    audio: Tensor
    age: Tensor
    moves: Tensor
    captions: tuple[str, ...]
    family: int
    source: Tensor | None = None
    twin: Drawn | None = None

    def __len__(self) -> int:
        return len(self.captions)


def family_names(cfg: DataSettings) -> tuple[str, ...]:
    """The families to draw."""
    return tuple(cfg.families) or tuple(FAMILIES)


def drawings(cfg: DataSettings, split: str, seed: int, device: torch.device) -> Iterator[Drawn]:
    """Endless batches of clips, family after family. Splits share no clip."""
    index = 0
    while True:
        for name in family_names(cfg):
            yield draw(cfg, name, zlib.crc32(f"{split}/{seed}/{index}/{name}".encode()), device)
        index += 1


def timeline(cfg: DataSettings, rng: random.Random) -> tuple[tuple[int, ...], Tensor]:
    """Which frames of LEAD + t to draw, and the (MEMORIES,) ages of the old ones."""
    newest = LEAD - 1 - rng.randrange(STRIDE)
    recent = [newest - STRIDE * k for k in reversed(range(RECENT))]
    anchor = rng.randrange(0, recent[0] - STRIDE)
    old = (anchor, *recent)
    age = torch.tensor([float(LEAD - frame) for frame in old])
    return (*old, *range(LEAD, LEAD + cfg.frames)), age


@dataclass(frozen=True)
class Stills:
    """Single pictures (n, s, s, 3) uint8 and what they show; source pictures have no caption."""

    pictures: Tensor
    captions: tuple[str, ...]


def drawn_stills(
    cfg: DataSettings, split: str, seed: int, device: torch.device
) -> Iterator[Stills]:
    """Endless batches of pictures of twice the size, every eighth a batch of source pictures."""
    index, size = 0, 2 * cfg.size
    while True:
        for name in family_names(cfg):
            number = zlib.crc32(f"{split}/{seed}/{index}/{name}".encode())
            rng = random.Random(number)
            scenes = [random_scene(rng, name) for _ in range(cfg.batch)]
            audio = random_audio(torch.Generator().manual_seed(number), cfg.batch, LEAD)
            batch = _batch(scenes, audio.to(device), number, (rng.randrange(LEAD),))
            yield Stills(render(batch, size)[:, 0], tuple(scene.caption for scene in scenes))
            if rng.random() < STILL_SOURCES:
                sources = leaves(number, cfg.batch, (0,), size, device)[:, 0]
                yield Stills(sources, ("",) * cfg.batch)
        index += 1


def draw(cfg: DataSettings, family: str, seed: int, device: torch.device) -> Drawn:
    """One batch of clips of a family; deterministic in its arguments on one kind of device."""
    rng, n = random.Random(seed), cfg.batch
    scenes = [random_scene(rng, family) for _ in range(n)]
    keep, age = timeline(cfg, rng)
    audio = random_audio(torch.Generator().manual_seed(seed), n, LEAD + cfg.frames)
    source = None
    drift = random_drift(rng, n, cfg.still)
    if rng.random() < cfg.restyled:
        source = leaves(seed, n, keep, cfg.size, device)
        drift = random_drift(rng, n, 1.0)
    again = [recolour(rng, scene) for scene in scenes] if rng.random() < cfg.recoloured else []

    def drawn(scenes: list[Scene], twin: Drawn | None) -> Drawn:
        structure = None if source is None else luma(source)
        batch = _batch(scenes, audio.to(device), seed, keep)
        return Drawn(
            frames=render(replace(batch, drift=drift, structure=structure), cfg.size),
            audio=audio[:, LEAD:],
            age=age.expand(n, -1),
            moves=_stack(drift),
            captions=tuple(scene.caption for scene in scenes),
            family=list(FAMILIES).index(family),
            source=None if source is None else source[:, MEMORIES:],
            twin=twin,
        )

    return drawn(scenes, drawn(again, None) if again else None)


def _batch(scenes: list[Scene], audio: Tensor, seed: int, keep: tuple[int, ...]) -> ClipBatch:
    """Clips of one family, on the device of ``audio``."""
    device = audio.device
    return ClipBatch(
        family=scenes[0].family,
        luts=torch.stack([scene.lut for scene in scenes]).to(device),
        audio=audio,
        speed=torch.tensor([scene.speed for scene in scenes], device=device),
        scale=torch.tensor([scene.scale for scene in scenes], device=device),
        contrast=torch.tensor([scene.contrast for scene in scenes], device=device),
        seed=seed,
        keep=keep,
    )


def _stack(drift: Drift) -> Tensor:
    return torch.stack((drift.zoom, drift.rotate, drift.pan_x, drift.pan_y), dim=1)
