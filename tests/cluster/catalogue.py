"""Short songs, small pictures, and a batch on the cluster of the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from phosphene.audio.compose import write_wav
from phosphene.cluster.connect import Asked
from phosphene.cluster.items import Catalogue
from phosphene.cluster.ledger import Ledger
from phosphene.cluster.progress import Progress
from phosphene.cluster.report import BatchReport, ItemReport
from phosphene.cluster.run import BatchOptions, draw_batch
from phosphene.config import PipelineConfig

RATE = 22050
SEGMENT = 0.5
"""seconds"""


def small() -> PipelineConfig:
    """64 x 64 pixels, two segments a second."""
    config = PipelineConfig.fast_preset()
    config.inference.width = config.inference.height = 64
    config.video.segment_seconds = SEGMENT
    return config


def write_song(path: Path, number: int = 0, seconds: float = 2.0) -> Path:
    """Clicks at a tempo of its own over a tone of its own."""
    t = np.arange(round(RATE * seconds)) / RATE
    clicks = np.exp(-40 * (t % (0.4 + 0.03 * number))) * np.sin(2 * np.pi * 180 * t)
    tone = 0.1 * np.sin(2 * np.pi * (220 + 40 * number) * t)
    write_wav(path, (0.6 * clicks + tone).astype(np.float32), RATE)
    return path


class Watching(Progress):
    """Calls ``act`` with the number of segments kept, after each of them."""

    def __init__(self, items: int, act: Callable[[int], None] = lambda _: None) -> None:
        super().__init__(items)
        self._act = act
        self.kept = 0

    def segment(self, frames: int) -> None:
        super().segment(frames)
        self.kept += 1
        self._act(self.kept)


def run(
    inputs: list[str],
    folder: Path,
    config: PipelineConfig | None = None,
    *,
    act: Callable[[int], None] = lambda _: None,
    warm_up: float | None = None,
) -> BatchReport:
    """A batch on the cluster that is connected."""
    config = config or small()
    folder.mkdir(exist_ok=True)
    items = Catalogue(folder, config, warm_up=warm_up).items(inputs)
    report = BatchReport([ItemReport(str(item.source), str(item.out)) for item in items])
    options = BatchOptions(folder, asked=Asked(workers=2))
    entries = list(zip(items, report.items, strict=True))
    with Watching(len(items), act) as progress:
        draw_batch(entries, config, options, Ledger(folder), report, progress)
    return report
