"""What the denoiser is told, as the named arrays that its graph takes."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.namespaces import Array
from phosphene.stream.arrays import Home

Feeds = dict[str, Array]
"""by input; arrays of the library that the latents are of"""

AUDIO_SIZE = 5
"""bass, mid, treble, onset, beat phase"""
PLAN_SIZE = 32
"""normal numbers that the plan of a picture from nothing is drawn from"""
REACH = 1.0
"""fields lie in [-1, 1]; what lies beyond is clipped"""


@dataclass(frozen=True)
class NetworkInputs:
    """One call. latents, previous, before, source: (b c h w); memory: (b m c h w); the rest: `Networks`."""

    latents: Array
    t: Array
    text: Array
    history_noise: float | Array
    audio: Array | None = None
    previous: Array | None = None
    before: Array | None = None
    memory: Array | None = None
    memory_age: Array | None = None
    source: Array | None = None
    plan: Array | None = None


def feeds(told: NetworkInputs) -> Feeds:
    """Arrays for the denoiser's graph.

    Float32 and where ``told.latents`` are; what is not told is made there, as nothing may wait for a GPU.
    """
    return _Call(told).feeds()


class _Call:
    def __init__(self, told: NetworkInputs) -> None:
        self._told = told
        self._home = Home.of(told.latents)
        self._latents = self._home.float32(told.latents)
        self._batch = self._latents.shape[0]

    def feeds(self) -> Feeds:
        """Two last outputs, a memory of older ones, and a source picture among the rest."""
        told, xp = self._told, self._home.namespace
        audio = self._full(0.0, AUDIO_SIZE) if told.audio is None else self._for_all(told.audio)
        last = (told.previous, told.before if told.previous is not None else None)
        memory = self._picture(None)[:, None] if told.memory is None else told.memory
        age = self._full(0.0, memory.shape[1]) if told.memory_age is None else told.memory_age
        return {
            "latent": self._latents,
            "timestep": self._for_all(told.t),
            "text": self._for_all(told.text),
            "audio": audio,
            "history": xp.stack([quantise(self._picture(each)) for each in last], axis=1),
            "has_history": xp.stack([self._is_there(each) for each in last], axis=1),
            "history_level": self._full(1.0) * told.history_noise,
            "memory": self._home.float32(memory),
            "memory_age": self._home.float32(age),
            "source": self._picture(told.source),
            "has_source": self._is_there(told.source),
            "plan": self._full(0.0, PLAN_SIZE) if told.plan is None else self._for_all(told.plan),
            "has_plan": self._is_there(told.plan),
        }

    def _picture(self, picture: Array | None) -> Array:
        """(b c h w), blank where there is none."""
        if picture is None:
            return self._home.namespace.zeros_like(self._latents)
        return self._home.float32(picture)

    def _is_there(self, picture: Array | None) -> Array:
        return self._full(float(picture is not None))

    def _for_all(self, array: Array) -> Array:
        """What one picture or each is told, for each."""
        at_home = self._home.float32(array)
        return self._home.namespace.broadcast_to(at_home, (self._batch, *at_home.shape[1:]))

    def _full(self, value: float, *shape: int) -> Array:
        return self._home.full((self._batch, *shape), value)


def quantise(field: Array) -> Array:
    """Fields as 8 bits keep them: small errors of a self-fed stream die instead of adding up."""
    xp, step = Home.of(field).namespace, 2 * REACH / 255
    return xp.round(xp.clip(field, -REACH, REACH) / step) * step
