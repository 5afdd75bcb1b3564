"""How fast this machine streams, cue to finished uint8 frame; drawn and finished side by side."""

from __future__ import annotations

import json
import platform
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from phosphene import __version__
from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.audio.compose import compose, write_wav
from phosphene.config import AudioConfig, PipelineConfig
from phosphene.diffusion import StreamDiffusionPipeline
from phosphene.diffusion.registry import load_picture_pipeline
from phosphene.profiling import StageTimes, format_table, get_profiler, memory_mb
from phosphene.show.analysis import write_text
from phosphene.show.finish import Finisher, Tween
from phosphene.show.performance import Performance
from phosphene.show.render import apply_size
from phosphene.video.encoder import ThreadedWriter
from phosphene.video.flash import FlashLimiter
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

PIECE_SECONDS = 20.0
WARM_UP = 10


@dataclass(frozen=True)
class StreamBench:
    """Figures of one run; times in milliseconds, memory in MB (10^6 bytes)."""

    version: str
    machine: str
    model: str
    size: Size
    steps: int
    frames: int
    load_seconds: float
    first_frame_seconds: float
    """from the beginning of loading the model to the first finished frame"""
    fps: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    memory_mb: float
    memory_growth_mb: float
    """from frame 500, or the first quarter if that comes earlier, to the end"""
    stages: list[StageTimes]

    def describe(self) -> str:
        """A few lines for people."""
        return "\n".join(
            [
                f"{self.model}, {self.size[0]}x{self.size[1]}, {self.steps} step(s), on {self.machine}",
                f"{self.fps:.1f} fps; cue to frame p50 {self.p50_ms:.1f} ms, p95 {self.p95_ms:.1f} ms,"
                f" p99 {self.p99_ms:.1f} ms",
                f"model loaded in {self.load_seconds:.2f} s, first frame after"
                f" {self.first_frame_seconds:.2f} s",
                f"memory {self.memory_mb:.0f} MB, grown by {self.memory_growth_mb:+.1f} MB",
                "",
                format_table(self.stages),
            ]
        )


class _Stopwatch:
    """Takes frames, and notes when each began and when it was finished."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.finished: list[float] = []

    def write(self, frame: Frame) -> None:
        """Drop a frame."""
        self.finished.append(time.perf_counter())

    def cut(self, state: bytes) -> None:
        """Nothing is kept."""

    def cancel(self) -> None:
        """Nothing to drop."""


def bench_stream(
    config: PipelineConfig, frames: int, size: Size | None, json_path: str | None
) -> str:
    """Measure ``frames`` frames; writes JSON if asked, returns the text to print."""
    bench = measure(config, frames, size)
    if json_path:
        write_text(Path(json_path), json.dumps(asdict(bench), indent=2) + "\n")
    return bench.describe()


def measure(config: PipelineConfig, frames: int, size: Size | None) -> StreamBench:
    """Stream a short composed piece, over and over, and time every frame."""
    features = _listen(config.audio)
    began = time.perf_counter()
    base = load_picture_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    plan = apply_size(base, config, size)
    loaded = time.perf_counter()
    stream = StreamDiffusionPipeline(base, config.stream)
    performance = Performance(features, config, stream)
    watch = _Stopwatch()
    profiler = get_profiler()
    settled = min(500, frames // 4)
    memory_then = 0.0
    # as in a render: while one frame is finished, the next one is drawn
    with ThreadedWriter(Finisher(base, FlashLimiter(config.audio.fps), watch), depth=1) as finisher:
        for frame in range(WARM_UP + frames):
            if frame == WARM_UP:
                profiler.reset()
            if frame == WARM_UP + settled:
                memory_then = memory_mb()["resident"]
            watch.began.append(time.perf_counter())
            finisher.write(Tween(performance.step(performance.cue(frame % features.num_frames))))
    memory_now = memory_mb()["resident"]
    first = watch.finished[0]
    took = np.array(watch.finished[WARM_UP:]) - np.array(watch.began[WARM_UP:])
    whole = watch.finished[-1] - watch.finished[WARM_UP - 1]
    p50, p95, p99 = np.percentile(took * 1e3, [50, 95, 99])
    return StreamBench(
        version=__version__,
        machine=machine_name(),
        model=base.facts.name,
        size=plan.model,
        steps=config.stream.denoising_steps,
        frames=frames,
        load_seconds=loaded - began,
        first_frame_seconds=first - began,
        fps=frames / whole,
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        memory_mb=memory_now,
        memory_growth_mb=memory_now - memory_then,
        stages=profiler.summary(),
    )


def _listen(config: AudioConfig) -> AudioFeatures:
    with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
        song = Path(folder) / "piece.wav"
        write_wav(song, *compose(PIECE_SECONDS))
        return AudioAnalyzer(config).analyze(song)


def machine_name() -> str:
    """This machine, in a few words."""
    import psutil

    cores = psutil.cpu_count(logical=False) or 1
    return f"{platform.machine()} {platform.system()}, {cores} cores"
