"""A picture that changes its size goes on as the same picture."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from phosphene.stream.arrays import Array, Home
from phosphene.stream.state import StreamState


def resize(latent: Array, height: int, width: int) -> Array:
    """A latent (b c h w) at another size, sampled bilinearly; the edges stay the edges.

    One that has the size already is returned as it is.
    """
    if tuple(latent.shape[-2:]) == (height, width):
        return latent
    home = Home.of(latent)
    rows = _weights(latent.shape[-2], height, home)
    columns = _weights(latent.shape[-1], width, home)
    return rows @ latent @ home.namespace.matrix_transpose(columns)


def resize_state(state: StreamState, shape: tuple[int, ...]) -> StreamState:
    """A stream that goes on with latents of ``shape`` (b c h w).

    Finished pictures are resampled. Frames on their way are dropped: averaging neighbours would take
    the variance from their noise, and the picture before them stays until the next one lands.
    """
    height, width = shape[-2:]
    finished, picture, before = state.finished, state.picture, state.before
    remembered = state.memory.latents
    if finished is None or tuple(finished.shape[-2:]) == (height, width):
        return state
    new = resize(finished, height, width)
    return replace(
        state,
        finished=new,
        followed=None,
        picture=new if picture is finished or picture is None else resize(picture, height, width),
        before=None if before is None else resize(before, height, width),
        memory=replace(
            state.memory,
            latents=None if remembered is None else resize(remembered, height, width),
        ),
        frames_in_flight=(),
        ready=(),
    )


@lru_cache(maxsize=16)
def _weights(old: int, new: int, home: Home) -> Array:
    """(new, old): pixel centres of the new grid as shares of the two nearest old ones."""
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    low = np.minimum(np.floor(at).astype(np.int64), max(old - 2, 0))
    share = at - low
    weights = np.zeros((new, old), np.float32)
    np.add.at(weights, (np.arange(new), low), 1 - share)
    np.add.at(weights, (np.arange(new), np.minimum(low + 1, old - 1)), share)
    return home.float32(weights)
