"""The same features heard by librosa, for those who know its ways. Needs the extra [librosa]."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from phosphene.audio import bands as levels
from phosphene.audio.beats import NO_BEATS, BeatGrid, find_accents, find_evidence, scale_grid
from phosphene.audio.drums import drum_curves, split_sustained
from phosphene.audio.loudness import momentary
from phosphene.audio.numpy_backend import AUDIBLE, hear_bars, relative_bands
from phosphene.audio.onsets import onset_curve, pick_onsets
from phosphene.audio.progress import Progress, untold
from phosphene.audio.sections import describe, find_sections, newness
from phosphene.audio.song_curves import SongCurves
from phosphene.audio.spectrum import BAND_EDGES, Spectra, analyse_spectrum, k_weighting, log_flux
from phosphene.audio.types import FloatArray, IntArray
from phosphene.config import AudioConfig
from phosphene.errors import MissingExtraError

HOP_SECONDS = 512 / 22050


def hear(
    samples: FloatArray, rate: int, config: AudioConfig, progress: Progress = untold
) -> SongCurves:
    """Analyse mono ``samples`` (n,) at ``rate`` Hz with librosa.

    Its frames are centred, so sound is heard up to 46 ms ahead; its tempo lies on the grid of its
    autocorrelation (about 2 % apart), and ``tempo_min`` and ``tempo_max`` are not used.
    Raises :class:`MissingExtraError` without librosa.
    """
    try:
        import librosa
        from librosa.onset import onset_strength as rise
    except ImportError as error:
        raise MissingExtraError("the librosa audio backend", "librosa") from error

    hop = max(1, round(rate * HOP_SECONDS / 64)) * 64
    length = 4 * hop
    # librosa wants at least one window
    padded = np.pad(samples, (0, max(0, length - len(samples))))
    frame_rate = rate / hop
    with warnings.catch_warnings():
        # short and silent sounds are no reason to warn: the result says it
        warnings.simplefilter("ignore")
        power = np.abs(librosa.stft(padded, n_fft=length, hop_length=hop)) ** 2
        power = (power * (4.0 / length) ** 2).astype(np.float32)
        frequencies = librosa.fft_frequencies(sr=rate, n_fft=length).astype(np.float32)
        loudness = np.sqrt(np.square(k_weighting(frequencies)) @ power)
        loud = levels.loud_level(loudness)
        mel = librosa.feature.melspectrogram(S=power, sr=rate, n_mels=48)
        flux = rise(S=librosa.power_to_db(mel), sr=rate, hop_length=hop)
        centroid = librosa.feature.spectral_centroid(S=np.sqrt(power), sr=rate)[0]
        progress(0.3)
        chroma = constant_q_chroma(librosa, padded, rate, hop, loud)
        progress(0.8)
        index, strength = pick_onsets(flux.astype(np.float32), frame_rate)
        beats = NO_BEATS
        if loud > 0 and len(index) > 3:
            beats = track(librosa, flux, rate, hop)
    beats = scale_grid(
        beats, config.tempo_multiplier, config.beat_offset_ms / 1000, flux, frame_rate
    )
    splits = np.searchsorted(frequencies, BAND_EDGES)
    amplitude = np.stack(
        [np.sqrt(power[splits[band] : splits[band + 1]].sum(0)) for band in range(3)], axis=1
    )
    rows = describe(np.sqrt(mel.T), frame_rate, chroma, frame_rate, loud)
    # bars, drums and meters are heard by the one ear there is for them
    spectra = analyse_spectrum(samples, rate)
    level = levels.loud_level(spectra.loudness)
    rises = log_flux(spectra.log_bands, level)
    accents = find_accents(rises, spectra.band_centres)
    evidence = find_evidence(accents, spectra.frame_rate, chroma, frame_rate)
    bars = hear_bars(evidence, spectra, chroma, frame_rate, beats)
    moments = held_rows(frame_rate, len(loudness), spectra)
    return SongCurves(
        rate=frame_rate,
        bands=relative_bands(amplitude, frame_rate, loud, config),
        energy=levels.energy(
            loudness,
            frame_rate,
            loud=loud,
            attack=config.attack_ms / 1000,
            release=config.release_ms / 1000,
        ),
        onsets=onset_curve(index, strength, len(loudness), frame_rate),
        centroid=np.where(loudness > max(AUDIBLE * loud, 1e-9), centroid, 0).astype(np.float32),
        chroma=chroma,
        chroma_rate=frame_rate,
        beats=beats,
        bars=bars,
        sections=find_sections(rows, config.section_sensitivity, beats.times),
        newness=newness(rows, beats.times[bars.first]),
        drums=drum_curves(rises, spectra.band_centres, spectra.frame_rate)[moments],
        sustained=split_sustained(spectra.log_bands, spectra.frame_rate, level)[moments],
        lufs=momentary(spectra.loudness, spectra.frame_rate)[moments],
        low=spectra.levels[moments, 0],
    )


def held_rows(rate: float, count: int, spectra: Spectra) -> IntArray:
    """(count,) which of the moments of ``spectra`` is heard at each of librosa's, ``rate`` a second."""
    return levels.held_index(np.arange(count) / rate, spectra.frame_rate, len(spectra.loudness))


def constant_q_chroma(
    librosa: Any, samples: FloatArray, rate: int, hop: int, loud: float
) -> FloatArray:
    """(k, 12) constant-Q chroma; silence gives zeros."""
    if loud <= 0:
        return np.zeros((len(samples) // hop + 1, 12), np.float32)
    # seven octaves from C1 end over the Nyquist frequency of slow rates
    octaves = int(min(7, np.floor(np.log2(rate / 2 / 32.7)) - 1))
    chroma = librosa.feature.chroma_cqt(
        y=samples, sr=rate, hop_length=hop, n_octaves=octaves, threshold=0.05
    )
    return np.asarray(np.clip(np.nan_to_num(chroma.T), 0, 1), np.float32)


def track(librosa: Any, flux: FloatArray, rate: int, hop: int) -> BeatGrid:
    """librosa's beats; the confidence is the share of flux that falls on them, over chance."""
    tempo, frames = librosa.beat.beat_track(onset_envelope=flux, sr=rate, hop_length=hop)
    bpm = float(np.atleast_1d(tempo)[0])
    if bpm <= 0 or len(frames) < 2:
        return NO_BEATS
    on_beat = float(flux[frames].mean())
    confidence = 1 - float(flux.mean()) / max(on_beat, 1e-9)
    times = librosa.frames_to_time(frames, sr=rate, hop_length=hop)
    return BeatGrid(bpm, float(np.clip(confidence, 0, 1)), np.asarray(times, np.float64))
