"""Stems: drums, bass and voices heard apart. Made ones from a folder, or taken apart by `demucs-onnx`.

Its weights are never fetched in silence: `phosphene models pull htdemucs` does it, once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from phosphene.audio.analyzer import AudioAnalyzer
from phosphene.audio.types import AudioFeatures, FloatArray
from phosphene.config import AudioConfig
from phosphene.errors import InputError, MissingExtraError, ModelError

STEMS = ("drums", "bass", "vocals")
"""those that drive something; what else there is sounds on in the mix"""
MODEL = "htdemucs"
REPO, FILE = "StemSplitio/htdemucs-onnx", "htdemucs.onnx"
"""where demucs-onnx has its weights from"""
SILENT = 0.01
"""largest sample of a stem that holds nothing"""


def made_stems(folder: Path) -> dict[str, Path]:
    """Files called drums, bass, vocals in a folder, of any kind of sound. Raises :class:`InputError`."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder of stems.")
    found = {path.stem.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
    missing = [name for name in STEMS if name not in found]
    if missing:
        raise InputError(
            f"{folder} lacks {', '.join(missing)}: name the files drums.wav and so on."
        )
    return {name: found[name] for name in STEMS}


def separated(song: Path, folder: Path) -> dict[str, Path]:
    """Take ``song`` apart into ``folder``. Raises MissingExtraError, ModelError; asks no network."""
    if find_spec("demucs_onnx") is None:
        raise MissingExtraError("taking songs apart", "stems")
    from huggingface_hub import try_to_load_from_cache

    if not isinstance(try_to_load_from_cache(REPO, FILE), str):
        raise ModelError(
            "the weights that take songs apart are not here: fetch them once with"
            f" `phosphene models pull {MODEL}`."
        )
    os.environ["HF_HUB_OFFLINE"] = "1"
    from demucs_onnx import separate

    try:
        separate(song, folder, model=MODEL, stems=list(STEMS), providers="cpu", progress=False)
    except Exception as error:  # a library that meets a strange file may raise anything
        raise InputError(f"{song} cannot be taken apart ({error}).") from error
    return made_stems(folder)


def pull_weights() -> Path:
    """Fetch them, as the user's own command asked. Raises MissingExtraError, ModelError."""
    if find_spec("demucs_onnx") is None:
        raise MissingExtraError("taking songs apart", "stems")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(REPO, FILE))
    except Exception as error:  # networks and hubs raise what they like
        raise ModelError(f"the weights cannot be fetched from {REPO} ({error}).") from error


def with_stems(
    features: AudioFeatures, stems: Mapping[str, Path], config: AudioConfig
) -> AudioFeatures:
    """A song's features with what its stems tell better.

    Drums give attacks and what is struck, so they drive the punch; the bass stem gives the bass, so it
    drives the zoom; voices are a feature of their own. Beats, bars, sections, key stay those of the mix.
    """
    from phosphene.audio.decode import decode

    heard: dict[str, AudioFeatures | None] = {}
    for name, path in stems.items():
        sound = decode(path, config.sample_rate)
        samples = sound.samples
        if not len(samples) or float(np.abs(samples).max()) < SILENT:
            heard[name] = None
            continue
        # as long as the song, whatever was left out at its end
        wanted = round((features.start + features.duration) * sound.rate)
        samples = np.pad(samples, (0, max(0, wanted - len(samples))))
        analyzer = AudioAnalyzer(config)
        heard[name] = analyzer.analyze_samples(
            samples, sound.rate, features.start, features.duration
        )
    count = features.num_frames
    drums, bass, vocals = heard["drums"], heard["bass"], heard["vocals"]

    def curve(of: AudioFeatures | None, name: str) -> FloatArray:
        if of is None:
            return np.zeros(count, np.float32)
        found = np.asarray(getattr(of, name), np.float32)[:count]
        return np.pad(found, (0, count - len(found)))

    return replace(
        features,
        onset_strength=curve(drums, "onset_strength"),
        bass=curve(bass, "bass"),
        vocals=curve(vocals, "energy"),
        kick=curve(drums, "kick"),
        snare=curve(drums, "snare"),
        hat=curve(drums, "hat"),
        percussive=curve(drums, "percussive"),
    )
