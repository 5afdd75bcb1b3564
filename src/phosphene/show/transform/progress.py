"""What is shown while a transform runs: frames done, and what every stage is at."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from phosphene.show.transform.line import Line
from phosphene.show.transform.report import StageReport, shares

REFRESH_SECONDS = 0.5
LOG_SECONDS = 10.0
"""between lines where standard error is no terminal"""


class Progress:
    """A bar and a line of stages on a terminal, a line now and then elsewhere."""

    def __init__(self, line: Line, total: int | None, done: int) -> None:
        self._line = line
        self._terminal = sys.stderr.isatty()
        off = not self._terminal
        self._bar = tqdm(total=total, initial=done, unit="frame", disable=off, smoothing=0.1)
        self._stages = tqdm(bar_format="{desc}", position=1, leave=False, disable=off)
        self._every = REFRESH_SECONDS if self._terminal else LOG_SECONDS
        self._next = time.monotonic() + self._every

    def step(self, done: int) -> None:
        """One frame more: ``done`` in all."""
        self._bar.update()
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every
        text = shares([StageReport.of(meter) for meter in self._line.meters])
        if self._terminal:
            self._stages.set_description_str(text)
        else:
            print(f"{done} frames  {text}", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stages.close()
        self._bar.close()
