"""The default analysis: NumPy and nothing else."""

from __future__ import annotations

import numpy as np

from phosphene.audio import bands as levels
from phosphene.audio.beats import NO_BEATS, BeatGrid, find_accents, find_beats, scale_grid
from phosphene.audio.chroma import PRESENT, analyse_chroma, normalise
from phosphene.audio.heard import Heard
from phosphene.audio.onsets import onset_curve, pick_onsets
from phosphene.audio.progress import Progress, part, untold
from phosphene.audio.sections import describe, find_sections
from phosphene.audio.spectrum import analyse_spectrum, log_flux
from phosphene.audio.types import FloatArray
from phosphene.config import AudioConfig

AUDIBLE = 1e-3
"""share of the loud level (-60 dB) under which a band counts as absent"""
SPECTRA, HARMONY = 0.45, 0.85
"""shares of the work that are done with the spectra, and then with the harmony; the rest is beats"""


def hear(samples: FloatArray, rate: int, config: AudioConfig, progress: Progress = untold) -> Heard:
    """Analyse mono ``samples`` (n,) at ``rate`` Hz; silence gives zeros and no beats."""
    spectra = analyse_spectrum(samples, rate, part(progress, 0.0, SPECTRA))
    loud = levels.loud_level(spectra.loudness)
    flux = log_flux(spectra.log_bands, loud)
    index, strength = pick_onsets(flux.sum(1), spectra.frame_rate)
    chroma, chroma_rate = analyse_chroma(samples, rate, loud, part(progress, SPECTRA, HARMONY))
    beats = NO_BEATS
    if len(index) > 3:
        beats = hear_beats(
            flux, spectra.band_centres, spectra.frame_rate, len(samples) / rate, config
        )
    rows = describe(spectra.log_bands, spectra.frame_rate, chroma, chroma_rate, loud)
    return Heard(
        rate=spectra.frame_rate,
        bands=relative_bands(spectra.levels, spectra.frame_rate, loud, config),
        energy=levels.energy(
            spectra.loudness,
            spectra.frame_rate,
            loud=loud,
            attack=config.attack_ms / 1000,
            release=config.release_ms / 1000,
        ),
        onsets=onset_curve(index, strength, len(flux), spectra.frame_rate),
        centroid=np.where(spectra.loudness > AUDIBLE * loud, spectra.centroid, np.float32(0)),
        chroma=normalise(chroma, PRESENT * loud) if loud > 0 else np.zeros_like(chroma),
        chroma_rate=chroma_rate,
        beats=beats,
        sections=find_sections(rows, config.section_sensitivity, beats.times),
    )


def hear_beats(
    flux: FloatArray, centres: FloatArray, rate: float, duration: float, config: AudioConfig
) -> BeatGrid:
    """Beat grid from log flux (k, bands), with the user's multiplier and offset applied."""
    accents = find_accents(flux, centres)
    grid = find_beats(accents, rate, config.tempo_min, config.tempo_max, duration)
    strength = np.asarray(accents.sum(1), np.float32)
    return scale_grid(grid, config.tempo_multiplier, config.beat_offset_ms / 1000, strength, rate)


def relative_bands(
    amplitude: FloatArray, rate: float, loud: float, config: AudioConfig
) -> FloatArray:
    """(k, 3) relative loudness of the three bands."""
    columns = [
        levels.relative_loudness(
            amplitude[:, band],
            rate,
            seconds=config.average_seconds,
            attack=config.attack_ms / 1000,
            release=config.release_ms / 1000,
            audible=AUDIBLE * loud,
        )
        for band in range(amplitude.shape[1])
    ]
    return np.stack(columns, axis=1)
