"""Features in a file, from the process that hears to the one that shows."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from phosphene.audio.types import AudioFeatures

DAMAGED = "the song could not be heard: it may be damaged."
"""what is said where nothing better is known"""


def save_features(features: AudioFeatures, path: Path) -> None:
    """Write a .npz file with one entry per field."""
    np.savez(path, **{field.name: getattr(features, field.name) for field in fields(features)})


def load_features(path: Path) -> AudioFeatures:
    """Read what :func:`save_features` wrote."""
    with np.load(path, allow_pickle=False) as data:
        values = {name: data[name] for name in data.files}
    return AudioFeatures(
        **{name: value if value.ndim else value.item() for name, value in values.items()}
    )
