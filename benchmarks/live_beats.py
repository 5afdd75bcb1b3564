"""How well the beat is heard live, against hearing the whole song, and what listening costs.

python benchmarks/live_beats.py [--seconds 40] [--songs FOLDER ...] [--json]

Live, sound comes in a thirtieth of a second at a time and a moment is asked for after each: nothing knows the
future. The grooves are synthesised, so every beat is known. `--songs` names folders with `song.ogg` and
`notes.mid` (Frets on Fire; the Debian packages fretsonfire-songs-*), whose tempo maps are constant and do
not promise where beat 0 is: there the best constant offset is allowed. Columns: tempo found live at the end
and from the whole song, beats within 70 ms (F-measure, Davies et al. 2009) after the first 12 seconds,
seconds until the tempo is right within 1 % for 5 seconds, and CPU seconds per second of sound.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

from phosphene.audio import AudioAnalyzer
from phosphene.audio.decode import decode
from phosphene.audio.live import LiveAnalyzer
from phosphene.config import AudioConfig
from tests.audio.songs import RATE, STYLES, beat_score, make_song

FPS = 30
FROM_SECONDS = 12.0
"""beats before this are not judged: there is nothing to count yet"""
HELD_SECONDS = 5.0
DEFAULT_SONGS = Path("/usr/share/games/fretsonfire/data/songs")
Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """One piece, heard both ways."""

    name: str
    truth: float
    """BPM"""
    live_tempo: float
    song_tempo: float
    live_beats: float
    """F-measure 0..1"""
    song_beats: float
    lock_seconds: float | None
    """None: never"""
    cpu_share: float


def hear_live(samples: npt.NDArray[np.float32], rate: int) -> tuple[Times, Times, Times, float]:
    """(beats, moments, tempo at each, CPU seconds per second) of one pass."""
    analyzer = LiveAnalyzer(AudioConfig())
    step = rate // FPS
    times, positions, tempi = [0.0], [0.0], [0.0]
    begin = time.process_time()
    for first in range(0, len(samples), step):
        analyzer.feed(samples[first : first + step], rate)
        moment = analyzer.moment()
        times.append(moment.time)
        positions.append(moment.beat_position)
        tempi.append(analyzer.tempo)
    cost = (time.process_time() - begin) / (len(samples) / rate)
    t, p = np.asarray(times), np.asarray(positions)
    steps = np.flatnonzero(np.floor(p[1:]) > np.floor(p[:-1]))
    share = (np.floor(p[steps + 1]) - p[steps]) / (p[steps + 1] - p[steps])
    return t[steps] + share * (t[steps + 1] - t[steps]), t, np.asarray(tempi), cost


def lock_time(moments: Times, tempi: Times, truth: float) -> float | None:
    """The first moment from which the tempo is right for :data:`HELD_SECONDS`."""
    since: float | None = None
    for moment, tempo in zip(moments, tempi, strict=True):
        if abs(tempo / truth - 1) > 0.01:
            since = None
            continue
        since = moment if since is None else since
        if moment - since >= HELD_SECONDS:
            return float(since)
    return None


def compare(
    name: str, samples: npt.NDArray[np.float32], rate: int, truth: float, beats: Times, free: bool
) -> Row:
    """Hear one piece both ways; ``free``: where beat 0 is, is not known."""
    found, moments, tempi, cost = hear_live(samples, rate)
    song = AudioAnalyzer().analyze_samples(samples, rate)
    end = len(samples) / rate

    def score(times: Times, shift: float = 0.0) -> float:
        judged = [
            part[(part > FROM_SECONDS) & (part < end - 0.2)] for part in (times, beats + shift)
        ]
        return beat_score(*judged)

    def best(times: Times) -> float:
        shifts = np.arange(0, 60 / truth, 0.01) if free else (0.0,)
        return max(score(times, shift) for shift in shifts)

    return Row(
        name=name,
        truth=truth,
        live_tempo=float(tempi[-1]),
        song_tempo=song.tempo,
        live_beats=best(found),
        song_beats=best(song.beat_times),
        lock_seconds=lock_time(moments, tempi, truth),
        cpu_share=cost,
    )


def grooves(seconds: float) -> list[Row]:
    """Every style at three tempi."""
    rows = []
    for index, style in enumerate(STYLES):
        for tempo in (80.0 + 3 * (index % 4), 104.0 + index, 128.0 + 2 * index):
            song = make_song(style, tempo, seconds, seed=int(tempo))
            row = compare(f"{style} {tempo:g}", song.samples, RATE, song.tempo, song.beats, False)
            rows.append(row)
    return rows


def recordings(folders: list[Path], seconds: float) -> list[Row]:
    """The songs below ``folders`` with one tempo all along, from their beginning."""
    rows = []
    for notes in sorted(path for folder in folders for path in folder.rglob("notes.mid")):
        data = notes.read_bytes()
        # meta event FF 51 03: microseconds per beat
        parts = data.split(b"\xff\x51\x03")[1:]
        tempi = {round(6e7 / struct.unpack(">I", b"\0" + part[:3])[0], 3) for part in parts}
        if len(tempi) == 1:
            (truth,) = tempi
            sound = decode(notes.with_name("song.ogg"), RATE)
            samples = sound.samples[: round(seconds * RATE)]
            beats = np.arange(0, len(samples) / RATE, 60 / truth)
            rows.append(compare(notes.parent.name, samples, RATE, truth, beats, True))
    return rows


def show(title: str, rows: list[Row]) -> None:
    """Print a table and its summary."""
    print(f"{title:26s} {'BPM':>6s} {'live':>6s} {'song':>6s} {'F live':>7s}", end="")
    print(f" {'F song':>7s} {'lock s':>7s} {'CPU':>6s}")
    for row in rows:
        lock = "-" if row.lock_seconds is None else f"{row.lock_seconds:.1f}"
        print(
            f"{row.name:26s} {row.truth:6.1f} {row.live_tempo:6.1f} {row.song_tempo:6.1f}"
            f" {row.live_beats:7.2f} {row.song_beats:7.2f}"
            f" {lock:>7s} {row.cpu_share:6.1%}"
        )
    right = [abs(row.live_tempo / row.truth - 1) < 0.01 for row in rows]
    octave = [
        any(abs(row.live_tempo / row.truth / k - 1) < 0.01 for k in (0.5, 1, 2)) for row in rows
    ]
    song = [abs(row.song_tempo / row.truth - 1) < 0.01 for row in rows]
    locks = [row.lock_seconds for row in rows if row.lock_seconds is not None]
    print(
        f"{title}: tempo within 1 % live {np.mean(right):.0%} (or its double or half"
        f" {np.mean(octave):.0%}), song {np.mean(song):.0%}; mean F live"
        f" {np.mean([row.live_beats for row in rows]):.3f}, song"
        f" {np.mean([row.song_beats for row in rows]):.3f}; median lock"
        f" {median(locks) if locks else float('nan'):.1f} s; median CPU"
        f" {median(row.cpu_share for row in rows):.1%}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="of every piece")
    parser.add_argument("--songs", type=Path, nargs="*", default=[DEFAULT_SONGS])
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    args = parser.parse_args()
    tables = {"grooves": grooves(args.seconds), "recordings": recordings(args.songs, args.seconds)}
    if args.json:
        print(json.dumps({k: [asdict(row) for row in rows] for k, rows in tables.items()}))
        return
    for title, rows in tables.items():
        if rows:
            show(title, rows)


main()
