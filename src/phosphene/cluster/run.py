"""What `phosphene batch` does, from inputs to a report."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from phosphene.cluster.batch import Batch
from phosphene.cluster.connect import Asked, connected, plan_workers
from phosphene.cluster.items import Item
from phosphene.cluster.ledger import Ledger
from phosphene.cluster.progress import Progress
from phosphene.cluster.report import NAME, BatchReport, ItemReport, write_batch_report
from phosphene.config import PipelineConfig
from phosphene.errors import InputError
from phosphene.video.files import make_folder


@dataclass(frozen=True)
class BatchOptions:
    """Where the videos go, and who makes them."""

    folder: Path
    cluster: str = "auto"
    """auto, local, or the address of a cluster"""
    asked: Asked = field(default_factory=Asked)
    overwrite: bool = False
    report: Path | None = None
    """``None``: in the folder"""


def run_batch(items: Sequence[Item], config: PipelineConfig, options: BatchOptions) -> BatchReport:
    """Make all items; the report is written whatever happens. Raises PhospheneError.

    ``config`` says which model the workers are for. A cluster is looked for, or started, when there is
    something to draw.
    """
    began = time.perf_counter()
    make_folder(options.folder)
    ledger = Ledger(options.folder)
    report = BatchReport([ItemReport(str(item.source), str(item.out)) for item in items])
    try:
        with Progress(len(items)) as progress:
            entries = zip(items, report.items, strict=True)
            todo = [entry for entry in entries if not _kept(*entry, ledger, progress)]
            if todo:
                with connected(options.cluster, _cpus(options.asked)) as report.cluster:
                    draw_batch(todo, config, options, ledger, report, progress)
    finally:
        report.seconds = time.perf_counter() - began
        write_batch_report(options.report or options.folder / NAME, report)
    return report


def draw_batch(
    todo: Sequence[tuple[Item, ItemReport]],
    config: PipelineConfig,
    options: BatchOptions,
    ledger: Ledger,
    report: BatchReport,
    progress: Progress,
) -> None:
    """The same on the cluster that is connected, for items that are not there yet."""
    plan = plan_workers(options.asked, config.diffusion)
    report.workers = plan.describe()
    progress.say(f"{len(todo)} items on {report.cluster}: {report.workers}")
    if len(todo) < plan.count and all(item.warm_up is None for item, _ in todo):
        progress.say(
            f"{plan.count - len(todo)} workers have nothing to do: --warm-up draws a song's segments"
            " side by side, which may show seams (docs/scale.md)."
        )
    Batch(todo, plan, ledger, options.overwrite, report, progress).run()


def _kept(item: Item, report: ItemReport, ledger: Ledger, progress: Progress) -> bool:
    """Whether an item's fate is known: its video is there already, made of the very same item."""
    if not ledger.knows(item.out):
        return False
    try:
        made = ledger.find(item.out, item.fingerprint())
    except InputError as error:
        report.fate, report.error = "failed", str(error)
        progress.ended(report)
        return True
    if made is not None:
        report.fate, report.frames = "kept", made.frames
        progress.ended(report)
    return made is not None


def _cpus(asked: Asked) -> int | None:
    """CPUs a local cluster must say it has, so that as many workers as were asked for find room."""
    if asked.workers is None:
        return None
    return max(math.ceil(asked.workers * (asked.cpus or 1.0)), os.cpu_count() or 1)
