"""What the denoiser is told, as the named arrays that its graph takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.namespaces import Array
from phosphene.stream.arrays import Home

FloatArray = npt.NDArray[np.float32]
Feeds = dict[str, Array]
"""by input; arrays of the library that the latents are of"""

AUDIO_SIZE = 5
"""bass, mid, treble, onset, beat phase"""
REACH = 4.5
"""latents are about N(0, 1); what lies beyond is clipped"""


@dataclass(frozen=True)
class Told:
    """One call. latents, previous, before, source: (b c h w); memory: (b m c h w); the rest see `LsdNets`."""

    latents: Array
    t: Array
    text: Array
    history_noise: FloatArray | float
    audio: Array | None = None
    previous: Array | None = None
    before: Array | None = None
    memory: Array | None = None
    memory_age: Array | None = None
    source: Array | None = None


def feeds(told: Told, names: frozenset[str]) -> Feeds:
    """Arrays for a graph with the inputs ``names``: of the first kind of model or of the present one."""
    home, b = Home.of(told.latents), told.latents.shape[0]
    shared = {
        "latent": told.latents,
        "timestep": home.namespace.broadcast_to(told.t, (b,)),
        "text": told.text,
        "audio": np.zeros((b, AUDIO_SIZE)) if told.audio is None else told.audio,
    }
    level = np.broadcast_to(told.history_noise, (b,))
    own = _with_memory(told, level) if "memory" in names else _with_previous(told, level)
    return {name: home.float32(value) for name, value in (shared | own).items()}


def _with_previous(told: Told, level: npt.NDArray[np.floating]) -> Feeds:
    """The first kind of model: it sees its last output, nothing older."""
    b = told.latents.shape[0]
    return {
        "previous": _blank(told) if told.previous is None else told.previous,
        "has_previous": np.full((b,), 0.0 if told.previous is None else 1.0, np.float32),
        "history_noise": level,
    }


def _with_memory(told: Told, level: npt.NDArray[np.floating]) -> Feeds:
    """The present model: two last outputs, a memory of older ones, and a source picture."""
    xp, b, blank = Home.of(told.latents).namespace, told.latents.shape[0], _blank(told)
    last = (told.previous, told.before if told.previous is not None else None)
    has = np.array([float(picture is not None) for picture in last], np.float32)
    history = [blank if picture is None else quantise(picture) for picture in last]
    memory = blank[:, None] if told.memory is None else told.memory
    return {
        "history": xp.stack(history, axis=1),
        "has_history": np.broadcast_to(has, (b, 2)),
        "history_level": level,
        "memory": memory,
        "memory_age": np.zeros(memory.shape[:2]) if told.memory_age is None else told.memory_age,
        "source": blank if told.source is None else told.source,
        "has_source": np.full((b,), 0.0 if told.source is None else 1.0, np.float32),
    }


def _blank(told: Told) -> Array:
    return Home.of(told.latents).namespace.zeros_like(told.latents)


def quantise(latent: Array) -> Array:
    """Latents as 8 bits keep them: small errors of a self-fed stream die instead of adding up."""
    xp, step = Home.of(latent).namespace, 2 * REACH / 255
    return xp.round(xp.clip(latent, -REACH, REACH) / step) * step
