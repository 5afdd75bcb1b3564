"""Kick, snare and hats apart, and what is struck apart from what sounds on."""

from __future__ import annotations

import numpy as np

from phosphene.audio.onsets import onset_curve, pick_onsets
from phosphene.audio.types import FloatArray

DRUM_EDGES = ((0.0, 120.0), (150.0, 600.0), (1500.0, 5000.0), (6000.0, np.inf))
"""Hz of kick, skin, wires and hats"""
LEAST = 0.35
"""mean rise of a drum's bands, natural log of amplitude over the loud level's hundredth, that is a stroke"""
SPILL, OVER = 0.7, 1.5
"""times a snare's rise that is taken off the range of the kick, and of the hats: it is heard there, too"""
SUSTAIN_SECONDS = 0.12
"""what sounds as long as this is not struck but sounds on"""


def drum_flux(flux: FloatArray, centres: FloatArray) -> FloatArray:
    """(k, 3) rise in the ranges of kick, snare and hats from log flux (k, bands).

    A snare is skin and wires at once; hats are what rises at the top and not with a snare.
    """
    kick, skin, wires, top = (
        flux[:, (centres >= low) & (centres < high)].mean(1)
        if bool(((centres >= low) & (centres < high)).any())
        else np.zeros(len(flux), np.float32)
        for low, high in DRUM_EDGES
    )
    # skin and wires do not rise in the same hundredth of a second
    skin = np.maximum(skin, np.concatenate((np.zeros(1, np.float32), skin[:-1])))
    snare = np.minimum(1.2 * skin, wires)
    hats = np.maximum(top - OVER * snare, 0)
    # a snare's skin reaches below its range
    kick = kick - SPILL * snare
    return np.stack((np.maximum(kick, 0), np.maximum(snare, 0), hats), axis=1).astype(np.float32)


def drum_curves(flux: FloatArray, centres: FloatArray, rate: float) -> FloatArray:
    """(k, 3) 0..1: each jumps to a stroke's strength when it sounds, then falls."""
    columns = []
    for column in drum_flux(flux, centres).T:
        index, strength = pick_onsets(column, rate)
        loud = column[index] >= LEAST
        columns.append(onset_curve(index[loud], strength[loud], len(column), rate))
    return np.stack(columns, axis=1)


def split_sustained(
    bands: FloatArray, rate: float, loud: float, before: FloatArray | None = None
) -> FloatArray:
    """(k, 2) 0..1 loudness of what is struck and of what sounds on, from band amplitudes (k, bands).

    What sounds on in a band is the least it had in the last :data:`SUSTAIN_SECONDS`; ``before``
    (b, bands) are the moments before the first.
    """
    if loud <= 0:
        return np.zeros((len(bands), 2), np.float32)
    span = max(2, round(SUSTAIN_SECONDS * rate))
    early = np.zeros((span - 1, bands.shape[1]), bands.dtype) if before is None else before
    least = np.concatenate((early[len(early) - span + 1 :], bands))
    # the running least of n by doubling: log n passes
    width = 1
    while width < span:
        step = min(width, span - width)
        least = np.minimum(least[step:], least[:-step])
        width += step
    struck = np.sqrt(np.square(bands - least).sum(1)) / loud
    sounding = np.sqrt(np.square(least).sum(1)) / loud
    return np.asarray(np.minimum(np.stack((struck, sounding), axis=1), 1.0), np.float32)


def brightness(centroid: FloatArray) -> FloatArray:
    """0..1: octaves of the centroid from 200 to 6400 Hz; 0 in silence."""
    octaves = np.log2(np.maximum(centroid, 1.0) / 200.0) / 5.0
    return np.asarray(np.clip(octaves, 0.0, 1.0), np.float32)
