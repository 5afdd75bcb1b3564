"""Independent pictures from noise, in batches."""

from __future__ import annotations

from collections.abc import Iterator

from phosphene.errors import InputError
from phosphene.stream.arrays import Array, Home
from phosphene.stream.batch import Denoiser, InFlightFrame, Plan, complete
from phosphene.stream.conditioning import UNTOLD, Context
from phosphene.stream.noise import HeldNoise


def sample(
    latents: Array, embeds: Array, plan: Plan, model: Denoiser, batch_size: int
) -> Iterator[Array]:
    """Clean latents of unit noise (n c h w), in chunks of at most ``batch_size``.

    ``embeds`` (n or 1, seq, hidden). Noise between the steps depends on the seed and the step alone,
    so a picture is the same whichever chunk it falls into. Raises :class:`InputError`.
    """
    count, prompts = latents.shape[0], embeds.shape[0]
    if prompts not in (1, count):
        raise InputError(f"{count} latents need {count} prompt embeddings or one, not {prompts}.")
    home = Home.of(latents)
    noise = HeldNoise(home)
    embeds = home.namespace.broadcast_to(embeds, (count, *embeds.shape[1:]))
    for start in range(0, count, batch_size):
        rows = slice(start, start + batch_size)
        start_noise = latents[rows]
        context = Context(noise=start_noise) if model.memory_slots else UNTOLD
        yield complete(
            InFlightFrame(0, plan, start_noise, embeds[rows], context=context), model, noise
        ).x
