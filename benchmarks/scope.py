"""How old the pictures are that Daydream Scope gets: a 30 fps source through Scope's own thread and queues.

python benchmarks/scope.py SCOPE_CHECKOUT [--seconds 6]

For the built-in model, for the same one slowed down, and for a plugin as they mostly are, which keeps
Scope's thread while it draws. *used*: age of the source picture when drawing begins; *shown*: when the
finished picture is with Scope. The first second is left out. Needs torch, and what Scope imports at its
start (einops, omegaconf, pluggy).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from queue import Empty, Queue
from typing import Any

FPS = 30.0
WARM_UP = 1.0
SIZE = (360, 640)


def plain_plugin(seconds: float, using: Callable[[Any], None]) -> Any:
    """A plugin that asks for one picture and draws while Scope waits."""
    from scope.core.pipelines.interface import Pipeline, Requirements
    from scope.core.pipelines.registry import PipelineRegistry

    described = PipelineRegistry.get("phosphene").get_config_class()

    class Plain(Pipeline):
        @classmethod
        def get_config_class(cls):
            return described

        def prepare(self, **given):
            return Requirements(input_size=1) if given.get("video") else None

        def __call__(self, **given):
            if "video" not in given:
                return {}
            using(given["video_timestamps"][0])
            time.sleep(seconds)
            return {
                "video": given["video"][0],
                "video_timestamps": given["video_timestamps"],
            }

    return Plain()


def own_plugin(seconds: float, using: Callable[[Any], None]) -> Any:
    """The built-in model as Scope makes it, each frame ``seconds`` longer."""
    # finds the plugin by its entry point
    import scope.core.pipelines.registry  # noqa: F401
    from scope.server.pipeline_manager import PipelineManager

    from phosphene.integrations.scope import painter, worker

    class Watched(painter.Painter):
        def paint(self, order, config, fps):
            using(order.timestamp)
            time.sleep(seconds)
            return super().paint(order, config, fps)

    worker.Painter = Watched
    return PipelineManager()._load_pipeline_implementation("phosphene", {})


def measure(
    make: Callable[[float, Callable[[Any], None]], Any], slow: float, seconds: float
) -> str:
    """One row of the table."""
    import torch
    from scope.server.media_packets import MediaTimestamp, VideoPacket
    from scope.server.pipeline_processor import PipelineProcessor

    fed: dict[int, float] = {}
    used: list[float] = []
    shown: list[float] = []
    began = time.monotonic()

    def age(stamp: Any, into: list[float]) -> None:
        now = time.monotonic()
        if now > began + WARM_UP:
            into.append(1e3 * (now - fed[stamp.pts]))

    node = make(slow, lambda stamp: age(stamp, used))
    processor = PipelineProcessor(node, "phosphene", initial_parameters={"input_mode": "video"})
    inlet: Queue[Any] = Queue(30)
    outlet: Queue[Any] = Queue(30)
    processor.input_queues["video"], processor.output_queues["video"] = inlet, [outlet]
    processor.start()
    done = threading.Event()

    def drain() -> None:
        while not done.is_set():
            try:
                age(outlet.get(timeout=0.1).timestamp, shown)
            except Empty:
                continue

    threading.Thread(target=drain, daemon=True).start()
    began = time.monotonic()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (1, *SIZE, 3), dtype=torch.uint8, generator=generator)
    for pts in range(int((seconds + WARM_UP) * FPS)):
        time.sleep(max(0.0, began + pts / FPS - time.monotonic()))
        fed[pts] = time.monotonic()
        if not inlet.full():
            stamp = MediaTimestamp(pts=pts, time_base=Fraction(1, int(FPS)))
            inlet.put_nowait(VideoPacket(noise.roll(pts, 2), stamp))
    done.set()
    processor.stop()
    node.shutdown()
    return f"{len(shown) / seconds:5.1f} | {_row(used)} | {_row(shown)}"


def _row(ages: list[float]) -> str:
    if len(ages) < 2:
        return "too few"
    p95 = statistics.quantiles(ages, n=20, method="inclusive")[-1]
    return f"{statistics.median(ages):5.0f} {p95:5.0f} {max(ages):5.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    sys.path.insert(0, str(given.checkout / "src"))
    rows = (
        ("built-in model", own_plugin, 0.0),
        ("built-in + 100 ms", own_plugin, 0.1),
        ("built-in + 1 s", own_plugin, 1.0),
        ("plain plugin, 100 ms", plain_plugin, 0.1),
        ("plain plugin, 1 s", plain_plugin, 1.0),
    )
    print("ms: median, p95, max".ljust(22), "fps  | used              | shown")
    for name, make, slow in rows:
        print(name.ljust(21), measure(make, slow, given.seconds), flush=True)


if __name__ == "__main__":
    main()
