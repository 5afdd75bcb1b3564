"""What is shown while a batch runs: a line for each item, and how far the whole is."""

from __future__ import annotations

import sys
import time
from typing import Self

from tqdm import tqdm

from phosphene.cluster.report import ItemReport

FATES = {"kept": "made already", "made": "made", "failed": "failed", "unfinished": "not finished"}


class Progress:
    """A bar over all items on a terminal, and a line for each that met its fate anywhere."""

    def __init__(self, items: int) -> None:
        self._items = items
        self._ended = 0
        self._frames = 0
        self._began = time.monotonic()
        self._bar = tqdm(total=items, unit="item", disable=None, smoothing=0)

    def say(self, text: str) -> None:
        """Something to know beforehand."""
        tqdm.write(text)

    def segment(self, frames: int) -> None:
        """A segment was kept."""
        self._frames += frames
        rate = self._frames / max(time.monotonic() - self._began, 1e-9)
        self._bar.set_postfix_str(f"{self._frames} frames, {rate:.0f} a second")

    def ended(self, item: ItemReport) -> None:
        """An item met its fate."""
        self._ended += 1
        where = f"[{self._ended}/{self._items}]"
        if item.fate == "failed":
            tqdm.write(f"{where} phosphene: {item.source}: {item.error}", file=sys.stderr)
        else:
            told = f"{item.frames} frames" if item.fate == "kept" else _drawn(item)
            tqdm.write(f"{where} {item.source} -> {item.out}: {FATES[item.fate]}, {told}")
        for note in item.notes:
            tqdm.write(f"    {note}")
        sys.stdout.flush()
        self._bar.update()

    def quiet(self) -> None:
        """Nothing has been heard of any worker for a while."""
        tqdm.write("no worker has answered for a while; going on waiting.", file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def _drawn(item: ItemReport) -> str:
    told = f"{item.new_frames} of {item.frames} frames drawn now in {item.seconds:.1f} s"
    if item.lost_workers:
        told += f", {item.lost_workers} workers lost on the way"
    return told
