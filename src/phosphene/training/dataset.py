"""Clips on disk: rendered once in shards, read through memory maps."""

from __future__ import annotations

import json
import random
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phosphene.training.render import (
    FAMILIES,
    ClipBatch,
    Scene,
    random_audio,
    random_scene,
    recolour,
    render,
)

_FRAMES = re.compile(r"frames-(\d+)-(\d)\.npy")


@dataclass(frozen=True)
class DataConfig:
    """How much to render.

    A shard holds `per_family` clips of every family. The first `recoloured` shards exist twice, in
    other colours: pairs from which the denoiser learns to change the palette of a running stream.
    """

    shards: int = 24
    recoloured: int = 10
    per_family: int = 12
    frames: int = 3
    size: int = 256
    seed: int = 0

    def jobs(self) -> list[tuple[int, int]]:
        """(shard, variant) to render."""
        plain = [(i, 0) for i in range(self.shards)]
        return plain + [(i, 1) for i in range(min(self.recoloured, self.shards))]


@dataclass(frozen=True)
class Shard:
    """One rendered shard; variant 1 is variant 0 in other colours."""

    folder: Path
    index: int
    variant: int

    def path(self, kind: str, suffix: str) -> Path:
        return self.folder / f"{kind}-{self.index:03d}-{self.variant}.{suffix}"

    def frames(self) -> npt.NDArray[np.uint8]:
        """(n, t, s, s, 3) memory map."""
        frames: npt.NDArray[np.uint8] = np.load(self.path("frames", "npy"), mmap_mode="r")
        return frames

    def audio(self) -> npt.NDArray[np.float32]:
        """(n, t, 5)."""
        audio: npt.NDArray[np.float32] = np.load(self.path("audio", "npy"))
        return audio

    def meta(self) -> list[dict[str, str]]:
        """Family and caption of every clip."""
        meta: list[dict[str, str]] = json.loads(
            self.path("captions", "json").read_text(encoding="utf-8")
        )
        return meta


def find_shards(folder: Path) -> list[Shard]:
    """Every whole shard in a folder, in order."""
    found = sorted(m.groups() for p in folder.iterdir() if (m := _FRAMES.fullmatch(p.name)))
    return [Shard(folder, int(index), int(variant)) for index, variant in found]


def _render_family(
    cfg: DataConfig, shard: Shard, family: str, device: torch.device
) -> tuple[list[Scene], Tensor, Tensor]:
    # crc32, not hash(): the same on every run and platform
    seed = zlib.crc32(f"{cfg.seed}/{shard.index}/{family}".encode())
    rng = random.Random(seed)
    scenes = [random_scene(rng, family) for _ in range(cfg.per_family)]
    if shard.variant:
        scenes = [recolour(rng, scene) for scene in scenes]
    audio = random_audio(torch.Generator().manual_seed(seed), cfg.per_family, cfg.frames)
    batch = ClipBatch(
        family=family,
        luts=torch.stack([s.lut for s in scenes]).to(device),
        audio=audio.to(device),
        speed=torch.tensor([s.speed for s in scenes], device=device),
        scale=torch.tensor([s.scale for s in scenes], device=device),
        contrast=torch.tensor([s.contrast for s in scenes], device=device),
        seed=seed,
    )
    return scenes, audio, render(batch, cfg.size).cpu()


def render_shard(cfg: DataConfig, shard: Shard, device: torch.device) -> Path:
    """Render a shard unless it is there; returns the path of its frames."""
    path = shard.path("frames", "npy")
    if path.exists():
        return path
    shard.folder.mkdir(parents=True, exist_ok=True)
    parts = [(family, *_render_family(cfg, shard, family, device)) for family in FAMILIES]
    meta = [
        {"family": family, "caption": s.caption} for family, scenes, _, _ in parts for s in scenes
    ]
    shard.path("captions", "json").write_text(json.dumps(meta), encoding="utf-8")
    np.save(shard.path("audio", "npy"), torch.cat([audio for _, _, audio, _ in parts]).numpy())
    part = path.with_suffix(".part.npy")
    np.save(part, torch.cat([frames for _, _, _, frames in parts]).numpy())
    part.rename(path)  # a shard exists only when it is whole
    return path
