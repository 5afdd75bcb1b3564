"""Draw the loops that the model remembers: fields of every family, moving evenly, their ends joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import interpolate

from phosphene.diffusion.lsd.fields import BRIGHTEST, coloured, colours
from phosphene.diffusion.lsd.loops import FRAMES, Fields
from phosphene.training.render import ClipBatch, draw_field

Clarity = Callable[[str, npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""a family and pictures (n, h, w, 3) -> how clearly each shows it, (n,)"""

PROBE = 4.0
"""speed of the renderer's clock at which a loop's own liveliness is measured"""
LIVELY = 0.09
"""how much a loop changes from frame to frame, over its deviation: faster, fine detail would flicker"""
SPEEDS = (1.0, 10.0)
"""slowest and fastest clock"""
SEAM = 6
"""frames in which the end of a loop becomes its beginning"""
SOFT = 0.3
"""of that time, how long each place takes"""
PATCHES = 6
"""lattice points a side of what gives way together"""
LOOKED_AT = (0, 21, 42)
"""frames by which a loop is judged"""
PALETTES = (0, 6, 11)
"""gradients in which it is judged"""


@dataclass(frozen=True)
class Choice:
    """Which loops are kept: of the clearer half of so many candidates the clearest, and what differs most."""

    clarity: Clarity
    candidates: int = 24


def draw_loops(
    families: Sequence[str],
    size: int,
    shapes: int,
    seed: int,
    gradients: npt.NDArray[np.uint8],
    choice: Choice | None = None,
) -> list[Fields]:
    """``shapes`` loops of each family, family after family."""
    loops = []
    for index, family in enumerate(families):
        first = seed + 1000 * index
        if choice is None:
            seeds = list(range(first, first + shapes))
        else:
            seeds = _chosen(family, first, size, shapes, gradients, choice)
        loops += [draw_loop(family, number, size) for number in seeds]
    return loops


def draw_loop(family: str, seed: int, size: int) -> Fields:
    """(FRAMES, 2, size, size) that goes on from its end at its beginning."""
    frames = _fields(family, seed, size, range(FRAMES + SEAM), _speed(family, seed, size))
    # the frames after the end give way to the first ones, here sooner and there later: a picture that
    # fades into another as a whole is two pictures at once
    progress = np.linspace(0, 1, SEAM + 2, dtype=np.float32)[1:-1, None, None]
    share = np.clip((progress * (1 + SOFT) - _order(seed, size)) / SOFT, 0, 1)[:, None]
    joined = share * frames[:SEAM] + (1 - share) * frames[FRAMES:]
    return np.asarray(np.rint(np.concatenate([joined, frames[SEAM:FRAMES]])), np.uint8)


def _order(seed: int, size: int) -> npt.NDArray[np.float32]:
    """(size, size) when each place gives way, evenly from 0 to 1; neighbours at about the same time."""
    lattice = torch.randn(1, 1, PATCHES, PATCHES, generator=torch.Generator().manual_seed(seed))
    smooth = interpolate(lattice, (size, size), mode="bicubic", align_corners=True)
    ranks = smooth.flatten().argsort().argsort().float() / (size * size - 1)
    order: npt.NDArray[np.float32] = ranks.view(size, size).numpy()
    return order


def _chosen(
    family: str,
    first: int,
    size: int,
    shapes: int,
    gradients: npt.NDArray[np.uint8],
    choice: Choice,
) -> list[int]:
    """Seeds of the loops that are kept."""
    tables = [colours(gradients[k]) for k in PALETTES]
    clear, seen = [], []
    for seed in range(first, first + choice.candidates):
        fields = np.rint(_fields(family, seed, size, LOOKED_AT, PROBE)).astype(np.uint8)
        pictures = np.stack([coloured(field, table) for field in fields for table in tables])
        clear.append(float(choice.clarity(family, pictures).mean()))
        seen.append(fields[:, 0].astype(np.float32))
    order = np.argsort(-np.array(clear), kind="stable")
    half = order[: max(shapes, choice.candidates // 2)]
    return [first + int(half[k]) for k in farthest(np.stack(seen)[half], shapes)]


def farthest(pictures: npt.NDArray[np.float32], count: int) -> list[int]:
    """Numbers of the first of pictures (n, ...), and in turn of what is farthest from all before."""
    kept = [0]
    while len(kept) < count:
        gaps = [[float(np.abs(one - pictures[k]).mean()) for k in kept] for one in pictures]
        kept.append(int(np.argmax([min(gap) for gap in gaps])))
    return kept


def _speed(family: str, seed: int, size: int) -> float:
    """At which a loop is as lively as others: galaxies turn slowly and contour lines race, by nature."""
    places, lights = _fields(family, seed, size, range(4), PROBE).swapaxes(0, 1) / 255
    seen = places * lights
    change = float(np.abs(np.diff(seen, axis=0)).mean() / max(float(seen.std()), 1e-6))
    return float(np.clip(PROBE * LIVELY / max(change, 1e-6), *SPEEDS))


def _fields(
    family: str, seed: int, size: int, frames: Sequence[int], speed: float
) -> npt.NDArray[np.float32]:
    """Frames (n, 2, size, size) of a loop, 0..255."""
    one = torch.ones(1)
    batch = ClipBatch(
        family=family,
        luts=torch.empty(0),
        audio=torch.zeros(1, FRAMES + SEAM, 5),
        speed=speed * one,
        scale=one,
        contrast=one,
        seed=seed,
        keep=tuple(frames),
    )
    field = draw_field(batch, size)
    place = field.value[0].clamp(0, 1)
    light = field.light[0].clamp(0, BRIGHTEST) / BRIGHTEST
    return (255 * torch.stack([place, light], dim=1)).numpy()
