"""Clips as training wants them: a few old frames to remember, then consecutive ones; drawn or from files."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from phosphene.diffusion.lsd.judge import mixtures
from phosphene.diffusion.lsd.render import FAMILIES, Motif, Shots, draw, numbers_of
from phosphene.training.config import DataSettings
from phosphene.training.scenes.source import leaves, luma

FPS = 24.0
STRIDE = 12
"""frames between two memories, as in `phosphene.stream.memory`"""
MEMORIES = 2
"""of a clip: one of any age and a recent one; a live stream may show the network more"""
LEAD = 96
"""frames before the consecutive ones, among which the old frames lie"""
MULTIPLE = 8
"""field pixels; sides of fields are multiples of it"""
BRIGHTEST = 2.0
"""light that 255 stands for; 1 shows the palette's own colour"""
SCALE, CONTRAST = (0.62, 1.5), (0.62, 1.4)
"""ranges of how fine clips are, and of how far apart their places in the palette"""
HITS = 0.07
"""share of frames on which something is struck: at 24 a second, about 100 a minute"""
DECAY = 0.55
STEADY = 0.85


@dataclass(frozen=True)
class Drift:
    """A camera move that repeats from frame to frame, per clip, all (clips,).

    Units as in `phosphene.stream.camera.CameraMove`: zoom is a factor, rotate radians, pans picture widths.
    """

    zoom: Tensor
    rotate: Tensor
    pan_x: Tensor
    pan_y: Tensor

    def to(self, device: torch.device) -> Drift:
        """The same on another device."""
        return Drift(*(v.to(device) for v in (self.zoom, self.rotate, self.pan_x, self.pan_y)))

    def affine(self, power: Tensor) -> tuple[Tensor, Tensor]:
        """Where a picture's points came from, `power` (clips, n) moves ago: z -> A z + B, both complex.

        z = x + i y in half picture widths from the middle. One move takes z to (z - pan) a with
        a = e^(-i rotate) / zoom.
        """
        a = torch.polar(1 / self.zoom.double(), -self.rotate.double())[:, None]
        pan = torch.complex(2 * self.pan_x.double(), 2 * self.pan_y.double())[:, None]
        times = power.double()
        whole = a**times
        away = (a - 1).abs() > 1e-9
        series = torch.where(
            away, a * (whole - 1) / torch.where(away, a - 1, torch.ones_like(a)), times + 0j
        )
        return whole, -pan * series


def random_drift(rng: random.Random, clips: int, still: float) -> Drift:
    """Moves such as a show makes; a share of `still` clips stands still."""
    rows = []
    for _ in range(clips):
        if rng.random() < still:
            rows.append((1.0, 0.0, 0.0, 0.0))
            continue
        zoom = 2.0 ** (rng.gauss(0.006, 0.010))
        pan = (rng.gauss(0, 0.002), rng.gauss(0, 0.002))
        rows.append((zoom, rng.gauss(0, 0.008), *pan))
    zoom, rotate, pan_x, pan_y = torch.tensor(rows).unbind(1)
    return Drift(zoom, rotate, pan_x, pan_y)


def random_audio(gen: torch.Generator, clips: int, frames: int) -> Tensor:
    """(clips, frames, 5) of (bass, mid, treble, onset, beat_phase) in [0, 1], drawn on the CPU.

    Each clip has its own levels, about which the bands wander and which hits lift; one in eight is silent.
    """
    level = torch.rand(clips, 3, generator=gen) ** 1.2
    busy = torch.rand(clips, 1, generator=gen)
    wander, onset, kick = torch.zeros(clips, 3), torch.zeros(clips, 1), torch.zeros(clips, 3)
    rows = []
    for _ in range(frames):
        hit = (torch.rand(clips, 1, generator=gen) < 2 * HITS * busy).float()
        strength = hit * (0.4 + 0.6 * torch.rand(clips, 1, generator=gen))
        onset = torch.maximum(strength, DECAY * onset)
        # a hit is mostly of one band
        lift = strength * torch.rand(clips, 3, generator=gen) ** 2
        kick = torch.maximum(lift, 0.75 * kick)
        wander = STEADY * wander + 0.07 * torch.randn(clips, 3, generator=gen)
        rows.append(torch.cat(((level + wander + 0.6 * kick).clamp(0, 1), onset), dim=-1))
    tempo = 0.05 + 0.07 * torch.rand(clips, 1, generator=gen)
    phase = (torch.rand(clips, 1, generator=gen) + tempo * torch.arange(frames)) % 1.0
    audio = torch.cat((torch.stack(rows, dim=1), phase[..., None]), dim=-1)
    silent = torch.rand(clips, 1, 1, generator=gen) < 1 / 8
    return torch.where(silent, torch.zeros(()), audio)


@dataclass(frozen=True)
class Drawn:
    """Clips of one motif.

    fields: (n, MEMORIES + t, 2, h, w) uint8 place and light, oldest memory first. audio: (n, t, 5). age:
    (n, MEMORIES) frames between each memory and the first consecutive frame, 0 if there is none. moves:
    (n, 4) zoom, rotate, pan x, pan y per frame. source: (n, t, h, w) uint8 luma or None. captions: n
    texts. motif: what was drawn, None for files.
    fine: (n, 2, 4h, 4w) uint8, the last frame at the size of the sharpener's output, or None.
    """

    fields: Tensor
    audio: Tensor
    age: Tensor
    moves: Tensor
    captions: tuple[str, ...]
    motif: Motif | None
    source: Tensor | None = None
    fine: Tensor | None = None

    def __len__(self) -> int:
        return len(self.captions)


def family_names(cfg: DataSettings) -> tuple[str, ...]:
    """The families to draw."""
    return tuple(cfg.families) or tuple(FAMILIES)


def drawings(
    cfg: DataSettings, split: str, seed: int, *, wide: bool = False, fine: bool = False
) -> Iterator[Drawn]:
    """Endless batches of clips, family after family, mixtures among them. Splits share no clip.

    Wide ones are 16 : 9. With ``fine``, each clip's last frame is also drawn at the size that a sharpener
    makes of it.
    """
    names = family_names(cfg)
    mixed, _ = mixtures(names)
    index = 0
    while True:
        for name in names:
            number = zlib.crc32(f"{split}/{seed}/{index}/{name}".encode())
            yield draw_clips(cfg, Motif(name), number, wide=wide, fine=fine)
            rng = random.Random(number)
            # of all clips a share is mixed: so many for each that is not
            if mixed and rng.random() < cfg.mixed / (1 - cfg.mixed):
                yield draw_clips(cfg, rng.choice(mixed), number + 1, wide=wide, fine=fine)
        index += 1


def timeline(cfg: DataSettings, rng: random.Random) -> tuple[tuple[int, ...], Tensor]:
    """Which frames of LEAD + t to draw, and the (MEMORIES,) ages of the old ones."""
    newest = LEAD - 1 - rng.randrange(2 * STRIDE)
    old = (rng.randrange(0, newest - STRIDE), newest)
    age = torch.tensor([float(LEAD - frame) for frame in old])
    return (*old, *range(LEAD, LEAD + cfg.frames)), age


def draw_clips(
    cfg: DataSettings, motif: Motif, seed: int, *, wide: bool = False, fine: bool = False
) -> Drawn:
    """One batch of clips of a motif; deterministic in its arguments."""
    rng, numbers, n = random.Random(seed), np.random.default_rng(seed), cfg.batch
    keep, age = timeline(cfg, rng)
    size = cfg.size
    height, width = size, MULTIPLE * round(size * 16 / 9 / MULTIPLE) if wide else size
    splats = FAMILIES[motif.family].splats
    led = rng.random() < cfg.restyled and not wide and not splats
    audio = random_audio(torch.Generator().manual_seed(seed), n, LEAD + cfg.frames)
    drift = random_drift(rng, n, 1.0 if led else cfg.still)
    if motif.upright:
        drift.rotate.zero_()
    source = luma(leaves(seed, n, keep, size, torch.device("cpu"))) if led else None
    shots = Shots(
        motif,
        numbers=np.repeat(numbers_of(numbers.integers(0, 2**31, n).tolist()), len(keep), axis=0),
        time=_clock(numbers, audio.numpy(), rng)[:, keep].reshape(-1),
        audio=audio[:, keep].reshape(-1, 5).numpy(),
        pose=_poses(drift, motif, rng, keep).reshape(-1, 4),
        scale=_each(n, SCALE, rng, len(keep)),
        contrast=_each(n, CONTRAST, rng, len(keep)),
        structure=None if source is None else source.reshape(-1, size, size).float().numpy(),
    )
    return Drawn(
        fields=_bytes(shots, height, width).view(n, len(keep), 2, height, width),
        audio=audio[:, LEAD:],
        age=age.expand(n, -1),
        moves=torch.stack((drift.zoom, drift.rotate, drift.pan_x, drift.pan_y), dim=1),
        captions=(motif.label,) * n,
        motif=motif,
        source=None if source is None else _luma_bytes(source[:, MEMORIES:]),
        fine=_bytes(_last(shots, n), 4 * height, 4 * width) if fine and source is None else None,
    )


def _luma_bytes(source: Tensor) -> Tensor:
    return (255 * source).round().clamp(0, 255).to(torch.uint8)


def _clock(
    numbers: np.random.Generator,
    audio: npt.NDArray[np.float32],
    rng: random.Random,
) -> npt.NDArray[np.float32]:
    """(n, frames) seconds: the mids carry a clip on, as they do a show."""
    pace = np.array([2 ** rng.uniform(-1.3, 1.4) for _ in audio])
    step = pace[:, None] * (0.35 + 1.3 * audio[:, :, 1]) / FPS
    start = numbers.uniform(0, 60, (len(audio), 1))
    return np.asarray(start + np.cumsum(step, axis=1), np.float32)


def _poses(
    drift: Drift, motif: Motif, rng: random.Random, keep: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """(n, frames, 4) poses of a camera that makes the same move each frame; the last is seen as it is."""
    n = len(drift.zoom)
    turn = torch.tensor([0.0 if motif.upright else rng.uniform(-3.14, 3.14) for _ in range(n)])
    power = torch.tensor([[float(k - keep[-1]) for k in keep]], dtype=torch.float64).expand(n, -1)
    a, b = drift.affine(power)
    pan = -(b / a) / 2
    poses = torch.stack((1 / a.abs(), turn[:, None] - a.angle(), pan.real, pan.imag), dim=-1)
    return np.asarray(poses.float().numpy())


def _each(
    clips: int, ends: tuple[float, float], rng: random.Random, frames: int
) -> npt.NDArray[np.float32]:
    """(clips * frames,): one number a clip, its logarithm mostly near 0."""
    low, high = np.log(ends)
    return np.repeat(np.exp([rng.triangular(low, high, 0.0) for _ in range(clips)]), frames).astype(
        np.float32
    )


def _bytes(shots: Shots, height: int, width: int) -> Tensor:
    """(shots, 2, height, width) uint8."""
    field = draw(shots, height, width)
    planes = np.stack([np.clip(field.value, 0, 1), np.clip(field.light / BRIGHTEST, 0, 1)], axis=1)
    return torch.from_numpy(np.rint(255 * planes).astype(np.uint8))


def _last(shots: Shots, clips: int) -> Shots:
    """The last frame of every clip."""
    frames = len(shots.time) // clips
    chosen = slice(frames - 1, None, frames)
    return Shots(
        shots.motif,
        numbers=shots.numbers[chosen],
        time=shots.time[chosen],
        audio=shots.audio[chosen],
        pose=shots.pose[chosen],
        scale=shots.scale[chosen],
        contrast=shots.contrast[chosen],
    )


def planes(fields: Tensor) -> Tensor:
    """uint8 fields as the networks see them, float32 in [-1, 1]."""
    return fields.float() / 127.5 - 1


def source_field(source: Tensor) -> Tensor:
    """(b, h, w) uint8 luma as a field (b, 2, h, w): bright is far along the palette, and lit.

    The same as the picture's own light when the renderer imposes its shapes.
    """
    y = source.float() / 255
    return torch.stack((2 * y - 1, 0.45 + 0.65 * y - 1), dim=1)
