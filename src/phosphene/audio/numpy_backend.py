"""The default analysis: NumPy and nothing else."""

from __future__ import annotations

import numpy as np

from phosphene.audio import bands as levels
from phosphene.audio.bars import FEWEST, Bars, describe_beats, find_bars, threes
from phosphene.audio.beats import (
    NO_BEATS,
    BeatGrid,
    drop_rests,
    find_accents,
    find_beats,
    find_evidence,
    scale_grid,
)
from phosphene.audio.chroma import PRESENT, analyse_chroma, normalise
from phosphene.audio.drums import drum_curves, split_sustained
from phosphene.audio.loudness import momentary
from phosphene.audio.onsets import onset_curve, pick_onsets
from phosphene.audio.progress import Progress, part, untold
from phosphene.audio.sections import describe, find_sections, newness
from phosphene.audio.song_curves import SongCurves
from phosphene.audio.spectrum import Spectra, analyse_spectrum, log_flux
from phosphene.audio.types import FloatArray, IntArray
from phosphene.config import AudioConfig

AUDIBLE = 1e-3
"""share of the loud level (-60 dB) under which a band counts as absent"""
SPECTRA, HARMONY = 0.45, 0.85
"""shares of the work that are done with the spectra, and then with the harmony; the rest is beats"""


def hear(
    samples: FloatArray, rate: int, config: AudioConfig, progress: Progress = untold
) -> SongCurves:
    """Analyse mono ``samples`` (n,) at ``rate`` Hz; silence gives zeros and no beats."""
    spectra = analyse_spectrum(samples, rate, part(progress, 0.0, SPECTRA))
    loud = levels.loud_level(spectra.loudness)
    flux = log_flux(spectra.log_bands, loud)
    index, strength = pick_onsets(flux.sum(1), spectra.frame_rate)
    chroma, chroma_rate = analyse_chroma(samples, rate, loud, part(progress, SPECTRA, HARMONY))
    accents = find_accents(flux, spectra.band_centres)
    beats, evidence = NO_BEATS, find_evidence(accents, spectra.frame_rate, chroma, chroma_rate)
    if len(index) > 3:
        beats = hear_beats(evidence, spectra, index, len(samples) / rate, loud, config)
    rows = describe(spectra.log_bands, spectra.frame_rate, chroma, chroma_rate, loud)
    bars = hear_bars(evidence, spectra, chroma, chroma_rate, beats)
    return SongCurves(
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
        bars=bars,
        sections=find_sections(rows, config.section_sensitivity, beats.times),
        newness=newness(rows, beats.times[bars.first]),
        drums=drum_curves(flux, spectra.band_centres, spectra.frame_rate),
        sustained=split_sustained(spectra.log_bands, spectra.frame_rate, loud),
        lufs=momentary(spectra.loudness, spectra.frame_rate),
        low=spectra.levels[:, 0],
    )


def hear_beats(
    evidence: FloatArray,
    spectra: Spectra,
    attacks: IntArray,
    duration: float,
    loud: float,
    config: AudioConfig,
) -> BeatGrid:
    """Beat grid, with the user's multiplier and offset applied."""
    rate = spectra.frame_rate
    grid = find_beats(evidence, rate, config.tempo_min, config.tempo_max, duration)
    grid = drop_rests(grid, spectra.loudness, rate, loud, attacks)
    strength = np.asarray(evidence[:, :4].sum(1), np.float32)
    return scale_grid(grid, config.tempo_multiplier, config.beat_offset_ms / 1000, strength, rate)


def hear_bars(
    evidence: FloatArray, spectra: Spectra, chroma: FloatArray, chroma_rate: float, beats: BeatGrid
) -> Bars:
    """The bars of the beats."""
    if len(beats.times) < FEWEST:
        return find_bars(np.zeros((len(beats.times), 8)), np.zeros((0, 1)), 0.0, 120.0, beats.gaps)
    rate = spectra.frame_rate
    rows, pattern = describe_beats(
        evidence, rate, spectra.loudness, chroma, chroma_rate, beats.times
    )
    ternary = threes(evidence, rate, beats.times)
    return find_bars(rows, pattern, ternary, beats.tempo, beats.gaps + 1)


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
