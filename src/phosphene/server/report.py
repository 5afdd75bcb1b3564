"""A line in the log every so often, while sessions run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from phosphene.server.app_state import AppState
from phosphene.server.session_handle import SessionHandle

log = logging.getLogger(__name__)
EVERY = 10.0
"""seconds"""


class Sparing(logging.Filter):
    """Lets a sentence through so often; then it says how many more there were.

    What strangers do is worth a line, and never a full disk.
    """

    LINES, SECONDS = 5, 10.0

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Called by the logger."""
        sentence = str(record.msg)
        since, count = self._seen.get(sentence, (0.0, 0))
        if record.created - since > self.SECONDS:
            if count > self.LINES:
                record.msg = f"{sentence} (and {count - self.LINES} more like this before)"
            since, count = record.created, 0
        self._seen[sentence] = since, count + 1
        return count < self.LINES


def spare(*names: str) -> None:
    """Have the loggers of these names be sparing."""
    for name in names:
        logger = logging.getLogger(name)
        if not any(isinstance(one, Sparing) for one in logger.filters):
            logger.addFilter(Sparing())


@asynccontextmanager
async def reporting(app_state: AppState) -> AsyncIterator[None]:
    """Report while the block runs."""
    task = asyncio.create_task(_report(app_state))
    try:
        yield
    finally:
        task.cancel()


async def _report(app_state: AppState) -> None:
    while True:
        await asyncio.sleep(EVERY)
        registry = app_state.registry
        handles = [*registry.handles, *([registry.house] if registry.house else [])]
        for handle in handles:
            if handle.channel.consumers:
                log.info("%s", describe(handle))
        if handles:
            load = app_state.machine.load()
            gpu = f", GPU {load.gpu.memory_mb:.0f} MB" if load.gpu else ""
            log.info(
                "%d sessions, %d sockets; cpu %.0f %%, memory %.0f MB%s",
                *(
                    len(registry.handles),
                    len(app_state.connections),
                    load.cpu_percent,
                    load.memory_mb,
                    gpu,
                ),
            )


def describe(handle: SessionHandle) -> str:
    """A session's figures in one line."""
    stats = handle.session.stats()
    level = stats.level
    why = f" ({stats.reason})" if stats.lowered else ""
    return (
        f"session {handle.id}: {stats.fps:.1f} fps, age {stats.age_ms:.0f} ms;"
        f" intake {stats.intake_ms:.1f}, step {stats.step_ms:.1f}, finish {stats.finish_ms:.1f},"
        f" jpeg {handle.channel.meter.ms:.1f} ms;"
        f" waiting {stats.pictures_waiting}/{stats.inputs_waiting}/{stats.latents_waiting};"
        f" {level.width}x{level.height}, {level.steps} steps{why}; {stats.frames} frames"
    )
