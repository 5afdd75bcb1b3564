"""What it costs to draw a catalogue on Ray workers, and where more of them stop helping.

python benchmarks/cluster.py overhead [--songs 6] [--seconds 20] [--workers 2]
    the same songs by `phosphene batch` and by as many plain processes at the same time: seconds,
    share of them lost to scheduling, whether all bytes are equal; then a simulation from these rates
python benchmarks/cluster.py seam [--preset fast] [--config F.toml]
    segments drawn each for itself: change over the seam against change from frame to frame
python benchmarks/cluster.py simulate --rates rates.json [--plot scale.png]
    from rates measured elsewhere
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

if __package__ in (None, ""):
    # run as a script: its neighbours are found all the same
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.cluster_cost import Load, Rates, ceiling, simulate
from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import compose, write_wav
from phosphene.config import PipelineConfig
from phosphene.diffusion import load_pipeline
from phosphene.show.drawing import Part, draw
from phosphene.show.sinks.segments import SegmentSink
from phosphene.video.spec import VideoSpec

WORKERS = (1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000)
SEGMENTS = (1.0, 4.0, 20.0)
"""seconds"""
SONG = 240.0
"""seconds; of the simulated catalogue"""
PER_WORKER = 4
"""songs of the simulated catalogue"""
JOINERS = 8
"""cores that join, of a driver with sixteen"""
LINK = 125e6
"""bytes a second: an Ethernet of a gigabit"""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["overhead", "seam", "simulate"])
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--config", type=Path, metavar="F.toml", help="of the seam")
    parser.add_argument("--rates", type=Path, metavar="F.json", help="write or read rates")
    parser.add_argument("--plot", type=Path, metavar="F.png")
    args = parser.parse_args()
    if args.what == "seam":
        config = PipelineConfig.preset(args.preset)
        seam(PipelineConfig.from_toml(args.config, base=config) if args.config else config)
        return
    if args.what == "overhead":
        rates = overhead(args.songs, args.seconds, args.workers, args.preset)
        if args.rates:
            args.rates.write_text(json.dumps(asdict(rates), indent=1) + "\n")
    else:
        rates = Rates(**json.loads(args.rates.read_text()))
    tell_scale(rates)
    if args.plot:
        plot_scale(rates, args.plot)


def overhead(count: int, seconds: float, workers: int, preset: str) -> Rates:
    """Print the comparison; give the rates of one worker and of the driver."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        songs = [folder / f"song{i}.wav" for i in range(count)]
        for i, song in enumerate(songs):
            write_wav(song, *compose(seconds, seed=i, bpm=100 + 7 * i))
        plain, drawn = _plain(songs, folder / "plain", workers, preset)
        began = time.perf_counter()
        command = ["batch", *map(str, songs), "-o", str(folder / "ray"), "--cluster", "local"]
        _phosphene([*command, "--workers", str(workers), "--preset", preset]).wait()
        wall = time.perf_counter() - began
        report = json.loads((folder / "ray" / "phosphene-batch.json").read_text())
        pairs = [(folder / f / f"song{i}.mp4" for f in ("plain", "ray")) for i in range(count)]
        equal = sum(a.read_bytes() == b.read_bytes() for a, b in pairs)
    frames = sum(item["new_frames"] for item in report["items"])
    segments = sum(item["new_segments"] for item in report["items"])
    print(
        f"{count} songs of {seconds:g} s, preset {preset}, {workers} at a time, {os.cpu_count()} cores"
    )
    print(f"equal to single renders, byte by byte: {equal} of {count}")
    print(f"plain processes: {plain:.1f} s from start to end, {drawn:.1f} s of it drawing")
    print(f"batch: {wall:.1f} s from start to end, {report['drawing_seconds']:.1f} s of it drawing")
    print(f"workers idle between orders: {report['overhead']:.2%} of their time")
    print(f"drawing time, batch over plain: {report['drawing_seconds'] / drawn:.3f}")
    handle, join = report["handled"] / segments, report["joined"] / (count * seconds)
    print("driver, milliseconds of a processor:", end=" ")
    print(f"{handle * 1e3:.1f} a segment, {join * 1e3:.2f} to join a second of video")
    bytes_each = report["stored_bytes"] / frames
    # of a processor, which other programs on the machine do not change much
    fps = frames / report["cpu"]
    print(f"worker: {fps:.1f} frames a processor second, {bytes_each:.0f} bytes a frame")
    return Rates(fps, bytes_each, handle, join, JOINERS, LINK)


def _plain(songs: Sequence[Path], out: Path, workers: int, preset: str) -> tuple[float, float]:
    """Seconds of ``workers`` plain renders at a time: in all, and without what comes before drawing."""
    out.mkdir()
    config = out / "one-thread.toml"
    config.write_text("[diffusion]\nthreads = 1\n")
    began = time.perf_counter()
    shares = [songs[i::workers] for i in range(workers)]
    processes = [
        _phosphene(
            [
                "render",
                *map(str, share),
                "-o",
                f"{out}/",
                "--config",
                str(config),
                "--preset",
                preset,
            ],
            stdout=subprocess.PIPE,
        )
        for share in shares
    ]
    drawn = [_drawing_seconds(process) for process in processes]
    return time.perf_counter() - began, max(drawn)


def _drawing_seconds(process: subprocess.Popen[str]) -> float:
    """Seconds that a render says its songs took."""
    text, _ = process.communicate()
    words = [line.split(" frames in ")[1] for line in text.splitlines() if " frames in " in line]
    return sum(float(word.split(" s,")[0]) for word in words)


def _phosphene(arguments: list[str], **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "phosphene", *arguments], text=True, **options)


class Frames:
    """A shelf that decodes what it is given."""

    def __init__(self, folder: Path) -> None:
        self.next_path = folder / "segment.mp4"
        self.frames: list[Any] = []

    def add(self, frames: int, state: bytes) -> None:
        """One more segment."""
        with av.open(str(self.next_path)) as file:
            self.frames += [f.to_ndarray(format="rgb24") for f in file.decode(video=0)]


def seam(config: PipelineConfig) -> None:
    """Print how a segment that is begun anew differs from the single run, by warm-up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_wav(folder / "song.wav", *compose(12.0, seed=3, bpm=118))
        features = AudioAnalyzer(config.audio).analyze(folder / "song.wav")
        config.video.segment_seconds, config.video.crf = 2.0, 0
        base = load_pipeline(config.diffusion, config.inference)
        base.suggest(config)
        inference, fps = config.inference, config.audio.fps
        spec = VideoSpec.of(config.video, (inference.width, inference.height), Fraction(fps))

        def drawn(part: Part) -> Any:
            shelf = Frames(folder)
            for _ in draw(part, SegmentSink(shelf, spec), Fraction(fps), features, config, base):
                pass
            return np.array(shelf.frames, np.float32)

        whole = drawn(Part())
        change = np.abs(np.diff(whole, axis=0)).mean(axis=(1, 2, 3))
        length = round(2.0 * fps)
        firsts = range(2 * length, len(whole) - length, length)
        print(f"change from frame to frame: {change.mean():.2f} levels on average")
        print(
            "warm-up s | change over the seam / the same two frames of the single run | apart, levels"
        )
        for warm_up in (0.0, 0.25, 0.5, 1.0, 2.0):
            ratios, apart = [], []
            for first in firsts:
                part = Part(first, first + length, warm_up=round(warm_up * fps))
                alone = drawn(part)
                over = np.abs(alone[0] - whole[first - 1]).mean()
                ratios.append(float(over / change[first - 1]))
                apart.append(float(np.abs(alone - whole[first : first + length]).mean()))
            each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"{warm_up:9.2f} | {each} | {np.mean(apart):.2f}")


def _course(rates: Rates, segment: float, workers: int) -> tuple[float, float, float]:
    load = Load(PER_WORKER * workers, SONG, segment, 24.0)
    course = simulate(rates, load, workers)
    return course.fps, course.busy, course.driver


def tell_scale(rates: Rates) -> None:
    """Print the simulation: frames a second, and how busy the workers are."""
    print(f"\nsimulated: {PER_WORKER} songs of {SONG:g} s for each worker")
    print("workers | " + " | ".join(f"{s:g} s segments: fps, workers busy" for s in SEGMENTS))
    for workers in WORKERS:
        cells = []
        for segment in SEGMENTS:
            fps, busy, _ = _course(rates, segment, workers)
            cells.append(f"{fps:10.0f}, {busy:4.0%}")
        print(f"{workers:7} | " + " | ".join(cells))
    for segment in SEGMENTS:
        most = ceiling(rates, Load(1, SONG, segment, 24.0))
        print(f"with segments of {segment:g} s the driver is the limit from {most:.0f} workers on")
    no_join = replace(rates, join_seconds=1e-9)
    most = ceiling(no_join, Load(1, SONG, SEGMENTS[-1], 24.0))
    print(f"and with {SEGMENTS[-1]:g} s, were joining free: {most:.0f}")


def plot_scale(rates: Rates, path: Path) -> None:
    """The same as a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.plot(WORKERS, [n * rates.fps for n in WORKERS], "--", color="#999999", label="ideal")
    for segment in SEGMENTS:
        fps = [_course(rates, segment, n)[0] for n in WORKERS]
        axis.plot(WORKERS, fps, marker="o", markersize=3, label=f"segments of {segment:g} s")
    axis.set(xscale="log", yscale="log", xlabel="workers", ylabel="frames a second")
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    axis.set_title(f"simulated from measured rates: {rates.fps:.0f} fps a worker")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
