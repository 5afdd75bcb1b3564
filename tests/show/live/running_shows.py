"""Watching a session from a test: waiting for pictures instead of sleeping."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.show.live import Session, Shown, Source
from tests.show.toy import toy

PATIENCE = 60.0
"""seconds after which a test gives up; nothing here takes a hundredth of it on a quiet machine"""


class Watcher:
    """Collects what a session shows and says."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.shown: list[Shown] = []
        self.errors: list[str] = []
        self.credits: list[int] = []
        self._news = threading.Condition()
        self.unsubscribe = session.subscribe(lambda shown: self._note(self.shown, shown))
        session.on_error(lambda text: self._note(self.errors, text))
        session.on_credit(lambda count: self._note(self.credits, count))

    def _note(self, where: list, what: object) -> None:
        with self._news:
            where.append(what)
            self._news.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that pictures, errors or credits bring about."""
        with self._news:
            assert self._news.wait_for(condition, PATIENCE), f"never came: {self.errors}"

    def frames(self, count: int) -> list[Shown]:
        """The next ``count`` pictures."""
        begin = len(self.shown)
        self.until(lambda: len(self.shown) >= begin + count)
        return self.shown[begin : begin + count]


def quick_config(**inference: int) -> PipelineConfig:
    """Small pictures, as many a second as can be, never lowered."""
    config = PipelineConfig()
    config.inference.width = config.inference.height = 64
    for name, value in inference.items():
        setattr(config.inference, name, value)
    config.live.fps, config.live.adapt = 120.0, False
    return config


@contextmanager
def show(
    config: PipelineConfig | None = None, base: BaseDiffusionPipeline | None = None
) -> Iterator[tuple[Session, Watcher]]:
    """A running session and who watches it."""
    session = Session(base or toy(), config or quick_config())
    watcher = Watcher(session)
    session.start()
    try:
        yield session, watcher
    finally:
        session.close()


def jpeg(pixels: int | np.ndarray = 128) -> bytes:
    """A picture, or a small grey one."""
    if isinstance(pixels, int):
        pixels = np.full((64, 64, 3), pixels, np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def now() -> float:
    return time.monotonic()


def see_two(session: Session, watcher: Watcher) -> None:
    """Two pictures from a camera, each of which is seen in what is shown."""
    session.use(Source(see=True))
    for shade in (20, 220):
        captured = now()
        session.picture(jpeg(shade), captured)
        watcher.until(lambda at=captured: watcher.shown[-1].captured == at)
