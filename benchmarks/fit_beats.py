"""Fit the weights by which beats and bars are heard: ``tactus.npz`` and ``bars.npz`` of phosphene.audio.

python benchmarks/fit_beats.py [--each 24] [--workers 2] [--out FOLDER]

Both are softmax regressions over ways to count (:mod:`phosphene.audio.tactus`, :mod:`phosphene.audio.bars`),
fitted to made music (tests/audio/made.py, and the loops of tests/audio/songs.py at tempi that no test uses):
whole pieces, their first seconds and stretches from their middle, so that they serve songs and live sound.
Takes about ten minutes of one core. The pieces of ``benchmarks/beats.py --test`` are other seeds. Needs
SciPy, which the extra [librosa] brings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

from phosphene.audio import bars, tactus
from phosphene.audio.bands import loud_level
from phosphene.audio.beats import (
    FLUX_DELAY,
    PULSE_RANGE,
    find_accents,
    find_beats,
    find_evidence,
    sum_accents,
)
from phosphene.audio.chroma import analyse_chroma
from phosphene.audio.pulse import Pulse, find_pulses
from phosphene.audio.spectrum import analyse_spectrum, log_flux
from phosphene.config import AudioConfig
from tests.audio.made import ALL_KINDS, RATE, make_piece
from tests.audio.songs import STYLES, beat_score, make_song

Array = npt.NDArray[np.float64]
LOOP_TEMPI = (66, 74, 88, 92, 102, 113, 118, 131, 147, 160, 178, 186)
LOOP_SECONDS = 20.0
SHORT_WEIGHT = 0.5
"""of a stretch against a whole piece"""
BEAT_SECONDS = 0.045
"""how near a way's beats must be to the true ones"""
RIDGE = {"tactus": 1.0, "bars": 3.0}
"""price of large weights"""


@dataclass(frozen=True)
class Sound:
    """Music with its truth; ``downbeats`` is empty where bars are not fitted to it."""

    samples: npt.NDArray[np.float32]
    beats: Array
    downbeats: Array
    count: int


@dataclass(frozen=True)
class Example:
    """Features of every way to count one stretch, and which are right."""

    rows: Array
    right: npt.NDArray[np.bool_]
    weight: float


def listen(sound: Sound, begin: float, end: float) -> tuple[npt.NDArray[np.float32], float, object]:
    """(evidence, rate, (loudness, chroma, rate of chroma)) of a stretch."""
    samples = sound.samples[round(begin * RATE) : round(end * RATE)]
    spectra = analyse_spectrum(samples, RATE)
    loud = loud_level(spectra.loudness)
    chroma, chroma_rate = analyse_chroma(samples, RATE, loud)
    accents = find_accents(log_flux(spectra.log_bands, loud), spectra.band_centres)
    evidence = find_evidence(accents, spectra.frame_rate, chroma, chroma_rate)
    return evidence, spectra.frame_rate, (spectra.loudness, chroma, chroma_rate)


def right_ways(
    ways: list[tuple[float, float]], pulse: Pulse, beats: Array, rate: float
) -> list[bool]:
    """Which of the ways count ``beats`` (seconds from the pulse's first moment)."""
    at = np.interp((beats + FLUX_DELAY) * rate, np.arange(len(pulse.phase)), pulse.phase)
    out = []
    for ratio, offset in ways:
        count = at * ratio - offset
        mean = np.exp(2j * np.pi * count).mean()
        late = abs(np.angle(mean)) / (2 * np.pi) * np.median(np.diff(beats))
        pace = abs(np.median(np.diff(count)) - 1) < 0.03
        out.append(bool(pace and abs(mean) > 0.7 and late < BEAT_SECONDS))
    return out


def beat_examples(sound: Sound, begin: float, end: float, weight: float) -> Iterator[Example]:
    """One example for every pulse of a stretch."""
    evidence, rate, _ = listen(sound, begin, end)
    config = AudioConfig()
    for part in find_pulses(sum_accents(evidence), rate, *PULSE_RANGE):
        first, last = begin + part.begin / rate, begin + part.end / rate
        beats = sound.beats[(sound.beats > first) & (sound.beats < last)] - first
        if len(beats) < 6:
            continue
        ways, rows = tactus.describe(
            evidence[part.begin : part.end], part.pulse, config.tempo_min, config.tempo_max
        )
        right = np.asarray(right_ways(ways, part.pulse, beats, rate))
        if right.any():
            yield Example(rows, right, weight * min(1.0, (end - begin) / 20))


def bar_examples(sound: Sound) -> Iterator[Example]:
    """The ways to bar the beats that are found, where they are the true ones."""
    seconds = len(sound.samples) / RATE
    evidence, rate, (loudness, chroma, chroma_rate) = listen(sound, 0.0, seconds)  # type: ignore[misc]
    config = AudioConfig()
    grid = find_beats(evidence, rate, config.tempo_min, config.tempo_max, seconds)
    if len(grid.times) < bars.FEWEST or beat_score(grid.times, sound.beats) < 0.9:
        return
    rows, pattern = bars.describe_beats(evidence, rate, loudness, chroma, chroma_rate, grid.times)
    ternary, alike = bars.threes(evidence, rate, grid.times), bars.likeness(pattern)
    table = [bars.features(rows, alike, ternary, grid.tempo, *way) for way in bars.WAYS]
    down = np.abs(grid.times[:, None] - sound.downbeats[None]).min(1) < 0.07
    right = [count == sound.count and down[first::count].mean() > 0.8 for count, first in bars.WAYS]
    if any(right):
        yield Example(np.stack(table), np.asarray(right), 1.0)


def made(kind: str, seed: int) -> Sound:
    piece = make_piece(kind, seed)
    count = 2 if piece.metre == 6 else piece.metre
    return Sound(piece.samples, piece.beats, piece.downbeats, count)


def study_beats(job: tuple[str, int]) -> list[Example]:
    """A whole piece, two beginnings and two stretches; of a loop the whole and two beginnings."""
    kind, seed = job
    rng = np.random.default_rng(seed + 7)
    if kind in STYLES:
        song = make_song(kind, seed + 0.3, LOOP_SECONDS, seed=seed)
        sound = Sound(song.samples, song.beats, np.zeros(0), 4)
        spans = [(0.0, LOOP_SECONDS), (0.0, 6.0), (0.0, 10.0)]
    else:
        sound = made(kind, seed)
        seconds = len(sound.samples) / RATE
        lengths = rng.uniform(5, 24, 2)
        starts = [float(rng.uniform(0, seconds - length)) for length in lengths]
        spans = [
            (0.0, seconds),
            (0.0, float(rng.uniform(4.2, 10))),
            (0.0, float(rng.uniform(6, 20))),
        ]
        spans += [(start, start + float(n)) for start, n in zip(starts, lengths, strict=True)]
    out: list[Example] = []
    for index, span in enumerate(spans):
        out += beat_examples(sound, *span, 1.0 if not index else SHORT_WEIGHT)
    return out


def study_bars(job: tuple[str, int]) -> list[Example]:
    return list(bar_examples(made(*job)))


def fit(examples: list[Example], ridge: float) -> dict[str, npt.NDArray[np.float32]]:
    """Weights that make the right ways likely: maximum likelihood with a quadratic price."""
    from scipy.optimize import minimize

    rows = np.concatenate([one.rows for one in examples])
    mean, spread = rows.mean(0), rows.std(0) + 1e-6
    scaled = (rows - mean) / spread
    sizes = [len(one.rows) for one in examples]
    which = np.repeat(np.arange(len(examples)), sizes)
    starts = np.cumsum([0, *sizes[:-1]])
    right = np.concatenate([one.right for one in examples]).astype(float)
    weight = np.asarray([one.weight for one in examples])

    def loss(slope: Array) -> tuple[float, Array]:
        score = scaled @ slope
        odds = np.exp(score - np.maximum.reduceat(score, starts)[which])
        total = np.add.reduceat(odds, starts)
        good = np.add.reduceat(odds * right, starts)
        pull = (odds / total[which] - odds * right / good[which]) * weight[which]
        value = -float(np.sum(weight * np.log(good / total))) + ridge * float(slope @ slope)
        return value, scaled.T @ pull + 2 * ridge * slope

    slope = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x
    return {
        "mean": mean.astype(np.float32),
        "spread": spread.astype(np.float32),
        "weight": slope.astype(np.float32),
    }


def share_right(examples: list[Example], model: dict[str, npt.NDArray[np.float32]]) -> float:
    best = [
        one.right[int(np.argmax((one.rows - model["mean"]) / model["spread"] @ model["weight"]))]
        for one in examples
    ]
    return float(np.mean(best))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", type=int, default=24, help="pieces of every kind")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(tactus.__file__).parent)
    args = parser.parse_args()
    pieces = [(kind, seed) for kind in ALL_KINDS for seed in range(args.each)]
    loops = [(style, tempo) for style in STYLES for tempo in LOOP_TEMPI]
    apart = [(kind, seed) for kind in ALL_KINDS for seed in range(500, 503)]
    with ProcessPoolExecutor(args.workers) as pool:
        # bars are fitted to the beats that the first fit finds
        for name, study, jobs in (
            ("tactus", study_beats, pieces + loops),
            ("bars", study_bars, pieces),
        ):
            gather = partial(pool.map, study, chunksize=4)
            examples = [one for some in gather(jobs) for one in some]
            others = [one for some in gather(apart) for one in some]
            model = fit(examples, RIDGE[name])
            np.savez(args.out / f"{name}.npz", **model)  # type: ignore[arg-type]
            print(
                f"{name}: {share_right(examples, model):.1%} of {len(examples)} right,"
                f" {share_right(others, model):.1%} of {len(others)} held apart",
                flush=True,
            )


if __name__ == "__main__":
    main()
