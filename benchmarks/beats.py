"""How well beats, bars and tempo are heard, by kind of music, in whole songs and live.

python benchmarks/beats.py [--each 2] [--test] [--seconds 45] [--kinds rock waltz ...] [--no-live]
                           [--librosa] [--songs FOLDER ...] [--json]

Made music (tests/audio/made.py) has every beat and bar known; `--each 10` is the full set. Seeds of the set
that methods are fitted to and of the set held apart (`--test`) differ. `--songs` adds folders with truth
files: beside `NAME.wav` (or .ogg, .flac, .mp3) a `NAME.beats` of lines `seconds [place in the bar, 1 is the
downbeat]`. Columns, means over the pieces of a kind:

  F       beats within 70 ms (F-measure, Davies et al. 2009), at the truth's count or its double or half
  true F  the same at the truth's own count: octaves must be right
  down F  bars' first beats within 70 ms
  metre   share of pieces whose metre is right
  conf    mean tempo_confidence, to be held against the share of right octaves
  live F, live down   the same for sound that comes in a thirtieth of a second at a time, from 12 s on
  lock    median seconds until the live tempo is right (or its double or half) within 3 % for 5 s
  flips   changes of the live tempo or of its phase a minute after that, that are not the music's
  CPU     seconds of processor time per second of sound, song / live
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

from phosphene.audio import AudioAnalyzer
from phosphene.audio.decode import decode
from phosphene.audio.live import LiveAnalyzer
from phosphene.config import AudioConfig
from tests.audio.made import ALL_KINDS, RATE, Piece, main_tempo, make_piece
from tests.audio.songs import beat_score

FPS = 30
LIVE_FROM = 12.0
"""seconds: live beats before this are not judged"""
HELD_SECONDS = 5.0
NEAR = 0.03
"""share by which a tempo may be off"""
FLIP = 0.08
"""change of tempo that is another tempo"""
PHASE_FLIP = 0.3
"""beats by which a count that jumped is elsewhere"""
CHANGE_SECONDS = 14.0
"""after a change in the music a change of the live tempo is no flip"""
TEST_SEEDS = 1000
Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """One piece."""

    kind: str
    seed: int
    truth: float
    tempo: float
    f: float
    true_f: float
    down_f: float
    metre: bool
    confidence: float
    right: bool
    cpu: float
    live_tempo: float = 0.0
    live_f: float = 0.0
    live_true_f: float = 0.0
    live_down_f: float = 0.0
    lock: float | None = None
    flips: float = 0.0
    minutes: float = 0.0
    live_cpu: float = 0.0


def halves(beats: Times) -> list[Times]:
    """The beats, their double, and both halves."""
    if len(beats) < 4:
        return [beats]
    double = np.interp(np.arange(2 * len(beats) - 1) / 2, np.arange(len(beats)), beats)
    # no beats in a silence
    gaps = np.append(np.repeat(np.diff(beats), 2), 0.0)
    double = double[~((np.arange(len(double)) % 2 == 1) & (gaps > 3 * np.median(np.diff(beats))))]
    return [beats, double, beats[::2], beats[1::2]]


def tempo_right(tempo: float, truth: float, octave: bool = False) -> bool:
    return any(abs(tempo / truth / k - 1) < NEAR for k in ((0.5, 1, 2) if octave else (1,)))


def hear_song(piece: Piece, hear: Callable[[Piece], tuple[Times, Times, float, int, float]]) -> Row:
    """Whole-song hearing of a piece by ``hear``: (beats, downbeats, tempo, metre, confidence)."""
    begin = time.process_time()
    beats, downs, tempo, metre, confidence = hear(piece)
    cpu = (time.process_time() - begin) / (len(piece.samples) / RATE)
    return Row(
        piece.kind,
        piece.seed,
        piece.tempo,
        tempo,
        max(beat_score(beats, truth) for truth in halves(piece.beats)),
        beat_score(beats, piece.beats),
        beat_score(downs, piece.downbeats),
        metre == piece.metre,
        confidence,
        beat_score(beats, piece.beats) > 0.8,
        cpu,
    )


def ours(piece: Piece) -> tuple[Times, Times, float, int, float]:
    found = AudioAnalyzer().analyze_samples(piece.samples, RATE)
    downs = found.downbeat_times if len(found.downbeat_times) else found.beat_times[::4]
    return found.beat_times, downs, found.tempo, found.metre, found.tempo_confidence


def librosas(piece: Piece) -> tuple[Times, Times, float, int, float]:
    import librosa

    tempo, beats = librosa.beat.beat_track(y=piece.samples, sr=RATE, units="time")
    return beats, beats[::4], float(np.atleast_1d(tempo)[0]), 4, 0.0


def crossings(times: Times, position: Times) -> Times:
    """When ``position`` passes whole numbers."""
    steps = np.flatnonzero(np.floor(position[1:]) > np.floor(position[:-1]))
    share = (np.floor(position[steps + 1]) - position[steps]) / (
        position[steps + 1] - position[steps]
    )
    return np.asarray(times[steps] + share * (times[steps + 1] - times[steps]))


def hear_live(row: Row, piece: Piece) -> Row:
    """``row`` with what is heard live."""
    analyzer = LiveAnalyzer(AudioConfig())
    step = RATE // FPS
    log: list[tuple[float, float, float]] = [(0.0, 0.0, 0.0)]
    downs: list[float] = []
    begin = time.process_time()
    for first in range(0, len(piece.samples), step):
        analyzer.feed(piece.samples[first : first + step], RATE)
        moment = analyzer.moment()
        log.append((moment.time, moment.beat_position, analyzer.tempo))
        if moment.downbeat:
            downs.append(moment.time)
    seconds = len(piece.samples) / RATE
    cpu = (time.process_time() - begin) / seconds
    times, position, tempi = np.asarray(log).T

    def judged(stamps: Times) -> Times:
        return stamps[(stamps > LIVE_FROM) & (stamps < seconds - 0.2)]

    found = judged(crossings(times, position))
    lock = lock_time(times, tempi, piece)
    flips = 0 if lock is None else count_flips(times, position, tempi, piece, lock)
    return Row(
        **{
            **asdict(row),
            "live_tempo": float(tempi[-1]),
            "live_f": max(beat_score(found, judged(truth)) for truth in halves(piece.beats)),
            "live_true_f": beat_score(found, judged(piece.beats)),
            "live_down_f": beat_score(judged(np.asarray(downs)), judged(piece.downbeats)),
            "lock": lock,
            "flips": float(flips),
            "minutes": 0.0 if lock is None else (seconds - lock) / 60,
            "live_cpu": cpu,
        }
    )


def truth_tempo(piece: Piece, times: Times) -> Times:
    gaps = np.diff(piece.beats)
    slow = np.convolve(np.pad(gaps, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    return np.interp(times, piece.beats[:-1], 60 / slow)


def lock_time(times: Times, tempi: Times, piece: Piece) -> float | None:
    """The first moment from which the tempo is right for :data:`HELD_SECONDS`."""
    since: float | None = None
    truth = truth_tempo(piece, times)
    for moment, tempo, right in zip(times, tempi, truth, strict=True):
        if not tempo_right(tempo, right, octave=True):
            since = None
            continue
        since = float(moment) if since is None else since
        if moment - since >= HELD_SECONDS:
            return since
    return None


def count_flips(times: Times, position: Times, tempi: Times, piece: Piece, lock: float) -> int:
    """Changes of tempo, and of phase at the same tempo, after ``lock``."""
    truth = truth_tempo(piece, times)
    place = np.interp(times, piece.beats, np.arange(len(piece.beats)))
    flips, held = 0, 0.0
    reference: float | None = None
    gap = np.diff(piece.beats)
    rests = piece.beats[:-1][gap > 3 * np.median(gap)]
    for index in range(int(np.searchsorted(times, lock)), len(times), FPS):
        now, tempo = times[index], tempi[index]
        if not piece.beats[0] <= now <= piece.beats[-1]:
            continue
        before = truth[np.searchsorted(times, now - CHANGE_SECONDS)]
        moved = abs(before / truth[index] - 1) > 0.02 or bool(
            np.any((now > rests) & (now < rests + 10 + CHANGE_SECONDS))
        )
        if not held or moved:
            held, reference = tempo, None
            continue
        if tempo and abs(tempo / held - 1) > FLIP:
            flips, held, reference = flips + 1, tempo, None
            continue
        ratio = 2.0 ** round(float(np.log2(max(tempo, 1) / truth[index])))
        off = float(position[index] - ratio * place[index])
        if reference is None:
            reference = off
        elif abs((off - reference + 0.5) % 1.0 - 0.5) > PHASE_FLIP:
            flips, reference = flips + 1, off
    return flips


def recorded(folders: list[Path]) -> Iterator[Piece]:
    """The songs with truth files below ``folders``."""
    for truth in sorted(path for folder in folders for path in folder.rglob("*.beats")):
        sounds = [truth.with_suffix(end) for end in (".wav", ".flac", ".ogg", ".mp3", ".m4a")]
        sound = next((path for path in sounds if path.exists()), None)
        if sound is None:
            continue
        lines = [line.split() for line in truth.read_text().splitlines() if line.strip()]
        beats = np.asarray([float(line[0]) for line in lines])
        places = [int(line[1]) for line in lines if len(line) > 1]
        downs = beats[np.asarray(places) == 1] if len(places) == len(beats) else beats[:0]
        metre = max(places, default=4)
        yield Piece(
            truth.stem,
            0,
            decode(sound, RATE).samples,
            beats,
            downs,
            metre,
            main_tempo(np.diff(beats)),
        )


def table(rows: list[Row], live: bool) -> None:
    """Print means by kind."""
    print(
        f"{'kind':12s} {'n':>3s} {'F':>5s} {'true F':>6s} {'down F':>6s} {'metre':>5s} {'conf':>5s}",
        end="",
    )
    print(
        f" {'live F':>6s} {'true':>5s} {'down':>5s} {'lock':>5s} {'flips':>5s} CPU"
        if live
        else " CPU"
    )
    for kind in [*dict.fromkeys(row.kind for row in rows), "all"]:
        some = [row for row in rows if kind in (row.kind, "all")]
        print(
            f"{kind:12s} {len(some):3d} {fmean(r.f for r in some):5.2f} {fmean(r.true_f for r in some):6.2f}"
            f" {fmean(r.down_f for r in some):6.2f} {fmean(r.metre for r in some):5.2f}"
            f" {fmean(r.confidence for r in some):5.2f}",
            end="",
        )
        if live:
            locks = sorted(float("inf") if r.lock is None else r.lock for r in some)
            minutes = sum(r.minutes for r in some)
            print(
                f" {fmean(r.live_f for r in some):6.2f} {fmean(r.live_true_f for r in some):5.2f}"
                f" {fmean(r.live_down_f for r in some):5.2f} {median(locks):5.1f}"
                f" {sum(r.flips for r in some) / max(minutes, 1e-9):5.2f}",
                end="",
            )
        print(
            f" {fmean(r.cpu for r in some):.1%} / {fmean(r.live_cpu for r in some):.1%}", flush=True
        )
    if live:
        locks = sorted(float("inf") if r.lock is None else r.lock for r in rows)
        print(f"95 % have locked after {locks[int(0.95 * (len(locks) - 1))]:.1f} s")
    print("confidence: share of right octaves ", end="")
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        some = [
            row.right for row in rows if low <= row.confidence < low + 0.2 + 1e-9 * (low == 0.8)
        ]
        print(
            f"  {low:.1f}+: {fmean(some):.0%} of {len(some)}" if some else f"  {low:.1f}+: -",
            end="",
        )
    print()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", type=int, default=2, help="pieces of every kind")
    parser.add_argument("--test", action="store_true", help="the seeds held apart")
    parser.add_argument("--seconds", type=float, default=45.0, help="of every piece")
    parser.add_argument("--kinds", nargs="*", default=list(ALL_KINDS), choices=ALL_KINDS)
    parser.add_argument("--no-live", action="store_true")
    parser.add_argument("--librosa", action="store_true", help="librosa's beats, too")
    parser.add_argument("--songs", type=Path, nargs="*", default=[])
    parser.add_argument("--each-row", action="store_true", help="print every piece")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    args = parser.parse_args()
    rows, others = [], []

    def pieces() -> Iterator[Piece]:
        for kind in args.kinds:
            for seed in range(args.each):
                yield make_piece(kind, seed + TEST_SEEDS * args.test, args.seconds)
        yield from recorded(args.songs)

    for piece in pieces():
        row = hear_song(piece, ours)
        rows.append(row if args.no_live else hear_live(row, piece))
        if args.each_row:
            print(
                f"{piece.kind} {piece.seed}: {piece.tempo:.1f} heard {rows[-1].tempo:.1f} F {rows[-1].f:.2f}"
                f" {rows[-1].true_f:.2f} down {rows[-1].down_f:.2f} conf {rows[-1].confidence:.2f} live"
                f" {rows[-1].live_tempo:.1f} {rows[-1].live_true_f:.2f} lock {rows[-1].lock}"
                f" flips {rows[-1].flips}",
                flush=True,
            )
        if args.librosa:
            others.append(hear_song(piece, librosas))
    if args.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    table(rows, not args.no_live)
    if others:
        print("\nlibrosa")
        table(others, False)


if __name__ == "__main__":
    main()
