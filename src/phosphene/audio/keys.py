"""The key of a song."""

from __future__ import annotations

import numpy as np

from phosphene.audio.types import FloatArray

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""how well each step over the tonic fits a key (Krumhansl and Kessler, 1982)"""
LEAST = 0.4
"""correlation under which there is no key"""


def find_key(chroma: FloatArray) -> str:
    """Such as "A minor" or "F# major", from pitch classes (c, 12); empty where none fits."""
    total = np.asarray(chroma, np.float64).sum(0)
    if total.std() < 1e-6 * max(float(total.max()), 1e-12) or total.max() <= 0:
        return ""
    best, name = LEAST, ""
    for mode, profile in (("major", MAJOR), ("minor", MINOR)):
        for tonic in range(12):
            fit = float(np.corrcoef(total, np.roll(profile, tonic))[0, 1])
            if fit > best:
                best, name = fit, f"{NAMES[tonic]} {mode}"
    return name
