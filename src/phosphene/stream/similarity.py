"""Stochastic similarity filter: skip the model while the input hardly changes.

StreamDiffusion (Kodaira 2023, sec. 3.4) skips with ``p = max(0, (S - eta) / (1 - eta))``. Here S is not
the cosine but a stricter measure, loud music skips less, and the dice are a pure function of the seed
and the frame. Reading S waits for the device once per frame; nothing here runs unless the filter is on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from phosphene.stream.arrays import Array, Home
from phosphene.stream.coherence import clamp_energy

BLOCKS = 8
"""the picture is compared in BLOCKS x BLOCKS parts"""


@dataclass(frozen=True)
class Watch:
    """What the filter remembers."""

    picture: Array | None = None
    """(b c h w) input of the last processed frame"""
    embeds: Array | None = None
    """(b seq hidden) prompt of the last processed frame"""
    settings: str = ""
    """what else the last processed frame was told"""
    skipped: int = 0
    """frames skipped in a row"""


def skip_probability(similarity: float, threshold: float, energy: float) -> float:
    """Chance to skip: the paper's ``(S - eta) / (1 - eta)``, times the quietness ``1 - energy``."""
    certain = max(0.0, (similarity - threshold) / (1.0 - threshold))
    return min(1.0, certain) * (1.0 - clamp_energy(energy))


def likeness(watch: Watch, seen: Watch) -> float:
    """Similarity of an input with the last processed one; 0 where they cannot be compared."""
    pairs = [(watch.picture, seen.picture), (watch.embeds, seen.embeds)]
    if watch.settings != seen.settings:
        return 0.0
    if any(one is None or other is None or one.shape != other.shape for one, other in pairs):
        return 0.0
    blocks = _worst_block(_in_blocks(watch.picture), _in_blocks(seen.picture), (0, 1, 3, 5))
    tokens = _worst_block(watch.embeds, seen.embeds, (0, 2))
    return min(float(blocks), float(tokens))


def decide(
    watch: Watch, seen: Watch, chance: float, max_skip: int, draw: float
) -> tuple[bool, Watch]:
    """(skip?, what to remember) for the input ``seen``; ``draw`` is uniform in 0..1 (1 excluded).

    At most ``max_skip`` frames in a row are skipped; every frame that passes starts the count anew.
    """
    if watch.skipped < max_skip and draw < chance:
        return True, replace(watch, skipped=watch.skipped + 1)
    return False, seen


def _in_blocks(picture: Array) -> Array:
    """(b c h w) -> (b c rows h/rows columns w/columns), leaving out the remainder at the edges."""
    batch, channels, height, width = picture.shape
    rows, columns = min(BLOCKS, height), min(BLOCKS, width)
    tall, wide = height // rows, width // columns
    xp: Any = Home.of(picture).namespace
    whole = picture[:, :, : rows * tall, : columns * wide]
    return xp.reshape(whole, (batch, channels, rows, tall, columns, wide))


def _worst_block(one: Array, other: Array, axes: tuple[int, ...]) -> Array:
    """1 - half the squared difference of the block that changed most, in units of the mean power.

    Over a single block this is ``2 x.y / (x.x + y.y)``, never above the cosine; it sees changes of
    brightness, which the cosine does not, and small moving things, which a mean over all hides.
    """
    xp: Any = Home.of(one).namespace
    difference = xp.mean((one - other) ** 2, axis=axes)
    power = xp.mean(one**2 + other**2) / 2
    return 1 - xp.max(difference) / 2 / (power + 1e-12)
