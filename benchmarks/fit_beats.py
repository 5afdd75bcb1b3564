"""Fit the weights by which beats and bars are heard: ``tactus.npz`` and ``bars.npz`` of phosphene.audio.

python benchmarks/fit_beats.py [--each 17] [--only tactus|bars] [--workers 2] [--out FOLDER]

Ways to count a beat are weighed by a network of one layer (:mod:`phosphene.audio.tactus`), ways to bar it by
a softmax regression (:mod:`phosphene.audio.bars`). Both are fitted to made music (tests/audio/made.py, and
beats to the loops of tests/audio/songs.py at tempi that no test uses): beats to whole pieces, their first
seconds and stretches from their middle, as live sound is heard, so that they serve songs and live sound. How
far the network's odds may be trusted, by length, is fitted to other pieces, or they would be those of a pupil
who knows the answers. Takes about ten minutes of one core. The pieces of ``benchmarks/beats.py --test`` are
other seeds again. Needs SciPy, which the extra [librosa] brings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
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
from phosphene.audio.live_ear import Ear
from phosphene.audio.live_search import HARMONY_STEP
from phosphene.audio.pulse import Pulse, find_pulses
from phosphene.audio.spectrum import analyse_spectrum, log_flux
from phosphene.config import AudioConfig
from tests.audio.made import ALL_KINDS, RATE, make_piece
from tests.audio.songs import STYLES, beat_score, make_song

Array = npt.NDArray[np.float64]
LOOP_TEMPI = (66, 74, 88, 92, 102, 113, 118, 131, 147, 160, 178, 186)
LOOP_SECONDS = 20.0
LOOP_SPANS = ((0.0, 4.0), (0.0, 6.0), (0.0, 10.0), (6.0, 14.0), (0.0, LOOP_SECONDS))
FULL_SECONDS = 20.0
"""length from which a stretch counts fully; shorter ones by the root of their share"""
APART = range(600, 605)
"""seeds that trust is fitted to"""
UNITS, ROUNDS = 12, 80
"""of the network, and of its optimiser: it is stopped early"""
LEARN_SECONDS = 0.1
"""of sound that is handed over at a time"""
BEAT_SECONDS = 0.045
"""how near a way's beats must be to the true ones"""
RIDGE = {"tactus": 25.0, "bars": 3.0}
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
    seconds: float = 0.0


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


class Notebook:
    """Takes down all that the live ear hears, where the ear itself remembers half a minute."""

    def __init__(self) -> None:
        self.bands: list[npt.NDArray[np.float32]] = []
        self.loudness: list[npt.NDArray[np.float32]] = []
        self.chroma: list[npt.NDArray[np.float32]] = []

    def add(self, bands: npt.NDArray[np.float32], loudness: npt.NDArray[np.float32]) -> None:
        self.bands.append(bands.copy())
        self.loudness.append(loudness.copy())

    def add_harmony(self, row: npt.NDArray[np.float32]) -> None:
        self.chroma.append(np.array(row))


def beat_examples(sound: Sound, spans: list[tuple[float, float]]) -> Iterator[Example]:
    """One example for every pulse of every stretch (from, to), seconds, as they are heard live."""
    config = AudioConfig()
    ear, notes = Ear(config), Notebook()
    rate, centres = ear.rate, ear._spectrum.centres
    ear.memory = notes  # type: ignore[assignment]
    step = round(LEARN_SECONDS * RATE)
    for first in range(0, len(sound.samples), step):
        ear.inlet.put(sound.samples[first : first + step], RATE)
        for _ in ear.listen(config):
            pass
    bands, loudness = np.concatenate(notes.bands), np.concatenate(notes.loudness)
    # a row is what sounds at the end of its moments
    chroma = np.concatenate((np.zeros((1, 12), np.float32), notes.chroma))
    for begin, end in spans:
        low = int(begin * rate) // HARMONY_STEP * HARMONY_STEP
        high = min(int(end * rate), len(bands))
        flux = log_flux(bands[low:high], loud_level(loudness[low:high]))
        harmony = chroma[low // HARMONY_STEP : high // HARMONY_STEP + 1]
        evidence = find_evidence(find_accents(flux, centres), rate, harmony, rate / HARMONY_STEP)
        for part in find_pulses(sum_accents(evidence), rate, *PULSE_RANGE):
            # the first window ends one step after the origin
            first, last = (low + 1 + part.begin) / rate, (low + 1 + part.end) / rate
            beats = sound.beats[(sound.beats > first) & (sound.beats < last)] - first
            if len(beats) < 4:
                continue
            streams = evidence[part.begin : part.end]
            ways, rows = tactus.describe(streams, part.pulse, config.tempo_min, config.tempo_max)
            right = np.asarray(right_ways(ways, part.pulse, beats, rate))
            if right.any():
                seconds = len(streams) / rate
                length = np.full((len(rows), 1), tactus.log_length(seconds))
                full = np.concatenate((rows, length), axis=1)
                weight = min(1.0, seconds / FULL_SECONDS) ** 0.5
                yield Example(full.astype(np.float32), right, weight, seconds)


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
    """A piece from its beginning, as long as the live ear looks back, in stretches, and whole."""
    kind, seed = job
    rng = np.random.default_rng(seed + 7)
    sound = made(kind, seed)
    seconds = len(sound.samples) / RATE
    ends = (3.4, 4.2, 5, 6, 7, 8.5, 10.5, 13, 17, 21)
    spans = [(0.0, end + float(rng.uniform(-0.4, 0.4))) for end in ends]
    usual = tactus.USUAL_SECONDS
    spans += [(end - usual, end) for end in (*rng.uniform((25, 32), (30, 38)), seconds - 1)]
    for least, most in ((4, 7), (7, 12), (12, 20)):
        length = float(rng.uniform(least, most))
        begin = float(rng.uniform(0, seconds - length))
        spans.append((begin, begin + length))
    return list(beat_examples(sound, [*spans, (0.0, seconds)]))


def study_loop(job: tuple[str, int]) -> list[Example]:
    """A loop from its beginning, and whole."""
    style, tempo = job
    song = make_song(style, tempo + 0.3, LOOP_SECONDS, seed=tempo)
    sound = Sound(song.samples, song.beats, np.zeros(0), 4)
    return list(beat_examples(sound, list(LOOP_SPANS)))


def study_bars(job: tuple[str, int]) -> list[Example]:
    return list(bar_examples(made(*job)))


@dataclass(frozen=True)
class Table:
    """Examples as arrays."""

    rows: npt.NDArray[np.float32]
    right: Array
    weight: Array
    seconds: Array
    which: npt.NDArray[np.int64]
    """example of each row"""
    starts: npt.NDArray[np.int64]
    """first row of each example"""

    def judge(self, score: Array) -> tuple[float, Array]:
        """(weighted loss, its slope by the rows' scores)."""
        odds = np.exp(score - np.maximum.reduceat(score, self.starts)[self.which])
        total = np.add.reduceat(odds, self.starts)
        good = np.maximum(np.add.reduceat(odds * self.right, self.starts), 1e-30)
        pull = odds / total[self.which] - odds * self.right / good[self.which]
        loss = -float(np.sum(self.weight * np.log(good / total)))
        return loss, np.asarray(pull * self.weight[self.which])

    def share_right(self, score: Array) -> float:
        """Share of the examples whose likeliest way is a right one."""
        best = score == np.maximum.reduceat(score, self.starts)[self.which]
        return float(np.add.reduceat(best * self.right, self.starts).clip(0, 1).mean())


def lay_out(examples: list[Example]) -> Table:
    sizes = [len(one.rows) for one in examples]
    return Table(
        np.concatenate([one.rows for one in examples]),
        np.concatenate([one.right for one in examples]).astype(float),
        np.asarray([one.weight for one in examples]),
        np.asarray([one.seconds for one in examples]),
        np.repeat(np.arange(len(examples)), sizes),
        np.cumsum([0, *sizes[:-1]]),
    )


Model = dict[str, npt.NDArray[np.float32]]
Study = Callable[[tuple[str, int]], list[Example]]


def fit_plain(table: Table, ridge: float) -> Model:
    """Weights that make the right ways likely: maximum likelihood with a quadratic price."""
    from scipy.optimize import minimize

    mean, spread = table.rows.mean(0), table.rows.std(0) + 1e-6
    scaled = (table.rows - mean) / spread

    def loss(slope: Array) -> tuple[float, Array]:
        value, pull = table.judge(scaled @ slope)
        return value + ridge * float(slope @ slope), scaled.T @ pull + 2 * ridge * slope

    slope = minimize(loss, np.zeros(table.rows.shape[1]), jac=True, method="L-BFGS-B").x
    return {
        "mean": mean.astype(np.float32),
        "spread": spread.astype(np.float32),
        "weight": slope.astype(np.float32),
    }


def fit_network(table: Table, apart: Table, ridge: float) -> Model:
    """The same with a layer of units beside it; ``trust`` is fitted to the pieces held ``apart``."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    mean, spread = table.rows.mean(0), table.rows.std(0) + np.float32(1e-6)
    scaled = (table.rows - mean) / spread
    size = scaled.shape[1]
    shapes = {"slope": (size,), "inner": (size, UNITS), "bias": (UNITS,), "outer": (UNITS,)}
    edges = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    start = [
        np.zeros(size),
        rng.normal(0, size**-0.5, size * UNITS),
        np.zeros(UNITS),
        rng.normal(0, 0.05, UNITS),
    ]

    def unpack(flat: Array) -> Model:
        parts = zip(shapes.items(), np.split(flat, edges), strict=True)
        return {name: part.reshape(shape).astype(np.float32) for (name, shape), part in parts}

    def loss(flat: Array) -> tuple[float, Array]:
        now = unpack(flat)
        units = np.tanh(scaled @ now["inner"] + now["bias"])
        value, pull = table.judge((scaled @ now["slope"] + units @ now["outer"]).astype(float))
        pull = pull.astype(np.float32)
        back = pull[:, None] * now["outer"] * (1 - units * units)
        slope = [scaled.T @ pull, (scaled.T @ back).ravel(), back.sum(0), units.T @ pull]
        price = flat.copy()
        # a unit may be anywhere for nothing
        price[edges[1] : edges[2]] = 0
        return value + ridge * float(price @ price), np.concatenate(slope) + 2 * ridge * price

    options = {"maxiter": ROUNDS}
    flat = minimize(loss, np.concatenate(start), jac=True, method="L-BFGS-B", options=options).x
    model = {"mean": mean, "spread": spread, **unpack(flat)}
    score = tactus.Weights(**model, trust=np.zeros(2, np.float32)).score(apart.rows)
    length = np.asarray([tactus.log_length(seconds) for seconds in apart.seconds])[apart.which]

    def doubt(trust: Array) -> float:
        return apart.judge(score * np.exp(trust[0] + trust[1] * length))[0]

    trust = minimize(doubt, np.zeros(2), method="Nelder-Mead").x
    return {**model, "trust": trust.astype(np.float32)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", type=int, default=17, help="pieces of every kind")
    parser.add_argument("--only", choices=tuple(RIDGE), help="fit one of the two")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(tactus.__file__).parent)
    args = parser.parse_args()
    pieces = [(kind, seed) for kind in ALL_KINDS for seed in range(args.each)]
    loops = [(style, tempo) for style in STYLES for tempo in LOOP_TEMPI]
    apart = [(kind, seed) for kind in ALL_KINDS for seed in APART]
    with ProcessPoolExecutor(args.workers) as pool:

        def gather(study: Study, jobs: list[tuple[str, int]]) -> list[Example]:
            return [one for some in pool.map(study, jobs, chunksize=4) for one in some]

        # bars are fitted to the beats that the first fit finds
        studies: dict[str, Study] = {"tactus": study_beats, "bars": study_bars}
        for name, study in studies.items():
            if args.only not in (None, name):
                continue
            examples = gather(study, pieces)
            if name == "tactus":
                examples += gather(study_loop, loops)
            table, others = lay_out(examples), lay_out(gather(study, apart))
            if name == "tactus":
                model = fit_network(table, others, RIDGE[name])
                judge = tactus.Weights(**model).score
            else:
                model = fit_plain(table, RIDGE[name])
                judge = partial(score_plain, model)
            np.savez(args.out / f"{name}.npz", **model)  # type: ignore[arg-type]
            print(
                f"{name}: {table.share_right(judge(table.rows)):.1%} of {len(table.starts)} right,"
                f" {others.share_right(judge(others.rows)):.1%} of {len(others.starts)} held apart",
                flush=True,
            )


def score_plain(model: Model, rows: npt.NDArray[np.float32]) -> Array:
    """What a regression's weights say of (n, d) rows."""
    return np.asarray((rows - model["mean"]) / model["spread"] @ model["weight"], np.float64)


if __name__ == "__main__":
    main()
