"""The context memory: a few finished pictures of long ago, for models that look back further than one.

A ring of the latest, written every so often, and an anchor: the first picture since the last reset. Constant
in size however long the show; a new prompt or a cut resets it, or the old place would be remembered in the
new one. Memories stay as they were drawn: after a minute of zooming, the anchor moved along with the camera
would be one of its own pixels. Where things have gone since, the model finds by looking; so it was trained.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from phosphene.stream.arrays import Array, Home

STRIDE = 12
"""frames from one memory to the next: half a second at 24 a second"""
RECENT = 3
"""slots of the ring; with the anchor they reach back one and a half seconds, and to the beginning"""
SLOTS = RECENT + 1
EMPTY = -1


@dataclass(frozen=True)
class ContextMemory:
    """What is remembered, and since when."""

    latents: Array | None = None
    """(b m c h w), the anchor first, then the ring from oldest to newest"""
    frames: tuple[int, ...] = ()
    """when each was drawn, `EMPTY` for a slot that holds nothing yet"""
    first: int = 0
    """frames before this one are not written down"""


def remember(
    memory: ContextMemory, picture: Array, frame: int, slots: int = SLOTS
) -> ContextMemory:
    """The memory of ``slots`` pictures after one more finished picture (b c h w), that of ``frame``."""
    if frame < memory.first:
        return memory
    xp = Home.of(picture).namespace
    picture = picture[:, None]
    if memory.latents is None:
        blanks = [xp.zeros_like(picture)] * (slots - 1)
        latents = xp.concat([picture, *blanks], axis=1)
        return replace(memory, latents=latents, frames=(frame, *[EMPTY] * (slots - 1)))
    if frame - max(memory.frames) < STRIDE or slots == 1:
        return memory
    latents = xp.concat([memory.latents[:, :1], memory.latents[:, 2:], picture], axis=1)
    return replace(memory, latents=latents, frames=(memory.frames[0], *memory.frames[2:], frame))


def read(memory: ContextMemory, frame: int) -> tuple[Array, Array] | None:
    """What a model drawing ``frame`` is shown: (b m c h w) pictures and (b m) how many frames ago.

    The age of an empty slot is 0. None while nothing is remembered.
    """
    if memory.latents is None:
        return None
    ages = [0 if drawn == EMPTY else frame - drawn for drawn in memory.frames]
    rows = np.tile(np.asarray(ages, np.float32), (memory.latents.shape[0], 1))
    return memory.latents, Home.of(memory.latents).float32(rows)


def forgotten(frame: int) -> ContextMemory:
    """An empty memory that begins where the picture has had time to become what ``frame`` is told."""
    return ContextMemory(first=frame + STRIDE)
