"""The loop that draws: noise, a few steps, a clean pass that leaves clean keys behind, pictures.

After Self-Forcing (Huang 2025), LongLive (Yang 2025: sink, window, recache) and StreamDiffusionV2 (Feng 2025:
video in). Noise is a function of (seed, chunk, step), so a stream repeats itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from phosphene.diffusion.wan.autoencoder import StreamingAutoencoder
from phosphene.diffusion.wan.layout import Recipe
from phosphene.diffusion.wan.network import CausalWan, Prompt
from phosphene.diffusion.wan.state import Passing, WanState
from phosphene.errors import InputError
from phosphene.stream.noise import gaussian

Tensor = torch.Tensor
RECACHED = 12
"""latent frames whose keys are computed anew for another prompt (LongLive)"""
SMOOTHED = 0.1
"""share of the last noise level in the next one (StreamDiffusionV2)"""
FAST = 0.2
"""change from picture to picture, root mean square of -1..1, that counts as full motion"""
CALMED = 0.1
"""noise that full motion takes away: what moves fast follows the input"""
BELOW = 100
"""thousandths by which the first timestep lies under the noise that is there: detail stays"""
NOISE_TABLE = 1000
"""entries of the schedule that the models were trained on"""


class ShiftedFlow:
    """``x = (1 - s) x0 + s e`` at 1000 levels, ``s = k u / (1 + (k - 1) u)`` for even u (Esser 2024, eq. 23).

    A model predicts ``v = e - x0``, so ``x0 = x - s v``; timesteps are ``1000 s``.
    """

    def __init__(self, shift: float) -> None:
        even: npt.NDArray[np.float64] = np.linspace(1.0, 0.0, NOISE_TABLE + 1)[:NOISE_TABLE]
        self.timesteps = 1000.0 * shift * even / (1.0 + (shift - 1.0) * even)
        """(1000,) noisiest first"""

    def warped(self, levels: Sequence[int]) -> tuple[float, ...]:
        """Timesteps of levels 1000..1 that count places in the table from its end."""
        return tuple(float(self.timesteps[NOISE_TABLE - level]) for level in levels)

    def sigma(self, timestep: float) -> float:
        """Share of noise at a timestep 0..1000: that of the nearest entry, as in training; 0 at 0."""
        if timestep <= 0.0:
            return 0.0
        return float(self.timesteps[np.abs(self.timesteps - timestep).argmin()]) / 1000.0


def fewer(levels: Sequence[int], count: int) -> tuple[int, ...]:
    """``count`` of the levels a model was distilled at, noisiest first and evenly spread; all at most."""
    count = max(1, min(count, len(levels)))
    return tuple(levels[i * len(levels) // count] for i in range(count))


class Rollout:
    """Streams of one network.

    Args:
        network: the student.
        recipe: how it was distilled.
        autoencoders: by name, the best first.
    """

    def __init__(
        self, network: CausalWan, recipe: Recipe, autoencoders: dict[str, StreamingAutoencoder]
    ) -> None:
        self.network, self.recipe, self.autoencoders = network, recipe, autoencoders
        self.flow = ShiftedFlow(recipe.shift)
        # the fastest: what is drawn over is not seen as it is
        self._reader = [*autoencoders.values()][-1]
        # mps has no 64 bits
        self._exact = torch.float32 if network.weight.device.type == "mps" else torch.float64

    def prompt(self, embeds: Any) -> Prompt:
        """An embedding (1 seq hidden) on the network's device."""
        weight = self.network.weight
        return Prompt(torch.as_tensor(np.ascontiguousarray(embeds)).to(weight))

    def timesteps(self, state: WanState, steps: int | None) -> tuple[float, ...]:
        """Of the next chunk."""
        levels = self.recipe.levels if state.frame else self.recipe.first
        return self.flow.warped(levels if steps is None else fewer(levels, steps))

    def draw(self, state: WanState, frames: int, steps: int | None, decoder: str) -> Tensor:
        """The next ``frames`` latent frames from noise -> pictures (n 3 h w) in 0..1."""
        self._settle(state)
        self._tell(state)
        times = self.timesteps(state, steps)
        x = self._noise(state.seed, state.chunk, 0, frames, state)
        clean = self._denoise(state, x, times)
        self._remember(state, clean)
        return self._finished(state, clean, decoder)

    def draw_over(
        self, state: WanState, source: Tensor, strength: float, steps: int | None, decoder: str
    ) -> Tensor:
        """The same over as many pictures (n 3 h w) in 0..1, a chunk's steps in turn, without a clean pass."""
        self._settle(state)
        self._tell(state)
        latents, level = self._source(state, source, strength)
        times = self._times_over(level, steps)
        noise = self._noise(state.seed, state.chunk, 0, latents.shape[2], state)
        clean = self._denoise(state, _mixed(latents, noise, level if times else 0.0), times)
        self._remember(state, clean, keyed=bool(times))
        return self._finished(state, clean, decoder)

    def draw_over_batched(
        self,
        state: WanState,
        source: Tensor,
        strength: float,
        steps: int,
        decoder: str,
        together: bool = True,
    ) -> Tensor:
        """The same over one latent's pictures, all steps of consecutive latents in one call.

        Every step is a row with a cache of its own. A stream's first chunk is drawn alone and its keys copied
        to all rows. ``together`` false makes the same calls one after the other.
        """
        if not state.frame or steps == 1:
            return self.draw_over(state, source, strength, steps, decoder)
        self._tell(state)
        if state.cache.rows != steps:
            self._settle(state, steps)
        latents, level = self._source(state, source, strength)
        if latents.shape[2] != 1:
            raise InputError("a stream batch takes the pictures of one latent frame at a time.")
        times = self._times_over(max(level, 1e-3), steps)
        noise = self._noise(state.seed, state.chunk, 0, 1, state)
        newest = state.passing[0].frame if state.passing else state.frame - 1
        entering = Passing(newest + 1, state.chunk, times, _mixed(latents, noise, level))
        state.passing = [entering, *state.passing]
        self._step(state, together)
        state.chunk += 1
        if len(state.passing) < steps:
            return torch.zeros((0, 3, *state.size))
        done = state.passing.pop()
        self._remember(state, done.x, keyed=True, counted=False)
        return self._finished(state, done.x, decoder)

    def _step(self, state: WanState, together: bool) -> None:
        """One step of every latent on its way: row ``i`` makes its step ``i``."""
        rows = state.passing
        now = [each.timesteps[i] for i, each in enumerate(rows)]
        groups = [range(len(rows))] if together else [range(i, i + 1) for i in range(len(rows))]
        for group in groups:
            v = self.network(
                torch.cat([rows[i].x for i in group]).to(self.network.weight.dtype),
                [now[i] for i in group],
                state.prompt,
                state.cache,
                [rows[i].frame for i in group],
                first_row=group[0],
            )
            for i, own in zip(group, v.split(1), strict=True):
                each = rows[i]
                x0 = self._clean(each.x, own, now[i])
                if i + 1 < len(each.timesteps):
                    noise = self._noise(state.seed, each.chunk, i + 1, 1, state)
                    x0 = _mixed(x0, noise, self.flow.sigma(each.timesteps[i + 1]))
                each.x = x0

    def begin(self, state: WanState, picture: Tensor, decoder: str) -> None:
        """Let a picture (1 3 h w) in 0..1 be what a stream begins with."""
        latents = self._reader.encode(picture, [])
        self._remember(state, latents.to(self._exact))
        self._finished(state, latents, decoder)

    def recache(self, state: WanState) -> None:
        """Compute the keys of the last latents anew under the prompt that is told now; the sink stays.

        Chunk by chunk, each seeing those before: what one call under a block-causal mask would compute, at
        the same cost and without its mask.
        """
        self._settle(state)
        cache = state.cache
        cache.forget(keep_sink=state.frame > RECACHED)
        for first, latents in state.recent:
            if first < cache.sink and state.frame > RECACHED:
                continue
            self.network(latents, [0.0], state.prompt, cache, [first])

    def cut(self, state: WanState) -> None:
        """Begin from nothing; the autoencoders too, for a first latent is another thing than the others."""
        state.cache.forget(keep_sink=False)
        state.frame, state.recent, state.passing = 0, [], []
        state.decoder, state.encoder = [], []
        state.level, state.seen, state.morph = None, None, None

    def _settle(self, state: WanState, rows: int = 1) -> None:
        """Another number of rows: all are as the last one is, whose keys are the cleanest."""
        if state.cache.rows == rows:
            return
        old = state.cache
        new = self.network.cache(*self._grid(state), old.sink, old.window, rows)
        for mine, theirs in ((new.keys, old.keys), (new.values, old.values)):
            for target, given in zip(mine, theirs, strict=True):
                target[:] = given[-1]
        new.frames = [list(old.frames[-1]) for _ in range(rows)]
        # what was on its way is let go: newer pictures are coming
        state.cache, state.passing = new, []
        for held in new.frames:
            for slot, frame in enumerate(held):
                if frame >= state.frame:
                    held[slot] = -1

    def _tell(self, state: WanState) -> None:
        """Move a prompt that is on its way to another."""
        morph = state.morph
        if morph is None:
            return
        morph.chunk += 1
        share = min(1.0, morph.chunk / morph.chunks)
        state.prompt = self.prompt((1 - share) * morph.start + share * state.embeds)
        if share >= 1.0:
            state.morph = None

    def _denoise(self, state: WanState, x: Tensor, times: Sequence[float]) -> Tensor:
        """Noisy latents (1 c f h w), in 64 bits -> clean ones."""
        for i, time in enumerate(times):
            v = self.network(
                x.to(self.network.weight.dtype), [time], state.prompt, state.cache, [state.frame]
            )
            x = self._clean(x, v, time)
            if i + 1 < len(times):
                noise = self._noise(state.seed, state.chunk, i + 1, x.shape[2], state)
                x = _mixed(x, noise, self.flow.sigma(times[i + 1]))
        return x

    def _clean(self, x: Tensor, v: Tensor, time: float) -> Tensor:
        return x - self.flow.sigma(time) * v.to(x.dtype)

    def _remember(
        self, state: WanState, clean: Tensor, keyed: bool = False, counted: bool = True
    ) -> None:
        """Go on behind these latents; without ``keyed`` their keys are left by a clean pass."""
        latents = clean.to(self.network.weight.dtype)
        if not keyed:
            self.network(latents, [0.0], state.prompt, state.cache, [state.frame])
        state.recent.append((state.frame, latents))
        state.frame += clean.shape[2]
        while len(state.recent) > 1 and state.frame - state.recent[1][0] >= RECACHED:
            state.recent.pop(0)
        state.chunk += counted

    def _finished(self, state: WanState, clean: Tensor, decoder: str) -> Tensor:
        if state.decoded_by != decoder and state.decoder:
            # another decoder has seen nothing yet: it is shown the last latent, so that it is no first one
            state.decoder = []
            before = state.recent[-2][1][:, :, -1:] if len(state.recent) > 1 else clean[:, :, :1]
            self.autoencoders[decoder].decode(before, state.decoder)
        state.decoded_by = decoder
        return self.autoencoders[decoder].decode(clean, state.decoder)

    def _source(self, state: WanState, source: Tensor, strength: float) -> tuple[Tensor, float]:
        """Pictures encoded, and the share of noise for them, by how much they move."""
        level = noise_level(strength, source, state.seen, state.level)
        state.level, state.seen = level, source[-1:].clone()
        if not state.encoder and (state.frame or state.passing):
            # a first picture is a latent alone: one that comes in the middle of a stream is shown twice
            self._reader.encode(source[:1], state.encoder)
        return self._reader.encode(source, state.encoder).to(self._exact), level

    def _times_over(self, level: float, steps: int | None) -> tuple[float, ...]:
        """Timesteps for latents with a share of noise: a first a little below it, then the model's."""
        count = len(self.recipe.levels) if steps is None else steps
        first = float(int(1000 * level) - BELOW)
        if first <= 0:
            return ()
        own = [time for time in self.flow.warped(self.recipe.levels) if time < first]
        later = [own[i * len(own) // (count - 1)] for i in range(count - 1)] if own else []
        if len(set(later)) < count - 1:
            later = [first * (1 - (i + 1) / count) for i in range(count - 1)]
        return (first, *later)

    def _noise(self, seed: int, chunk: int, step: int, frames: int, state: WanState) -> Tensor:
        height, width = self._grid(state)
        noise = gaussian(seed, chunk, step, (1, self.network.channels, frames, height, width))
        return torch.from_numpy(noise).to(self.network.weight.device).to(self._exact)

    def _grid(self, state: WanState) -> tuple[int, int]:
        """(height, width) of latents: the autoencoder takes eight pixels to one."""
        return state.size[0] // 8, state.size[1] // 8


def noise_level(
    strength: float, source: Tensor, before: Tensor | None, last: float | None
) -> float:
    """Share of noise for pictures (n 3 h w) in 0..1: ``strength`` less what motion takes, smoothed.

    StreamDiffusionV2: ``0.9 (s0 - 0.1 d) + 0.1 s_prev`` with ``d = clip(max_t rms(p_t - p_t-1) / 0.2, 0, 1)``
    of pictures in -1..1.
    """
    pictures = source if before is None else torch.cat([before.to(source), source])
    moved = 0.0
    if len(pictures) > 1:
        steps = 2.0 * (pictures[1:] - pictures[:-1]).float()
        moved = float(steps.square().mean((1, 2, 3)).sqrt().max())
    wanted = max(0.0, strength - CALMED * min(1.0, moved / FAST)) if strength > 0 else 0.0
    return wanted if last is None else (1 - SMOOTHED) * wanted + SMOOTHED * last


def _mixed(clean: Tensor, noise: Tensor, level: float) -> Tensor:
    """A share of noise, 0..1."""
    return (1.0 - level) * clean + level * noise
