"""The thread that draws. Scope's own thread never waits for a model, so frames never pile up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.diffusion.checkpoints.errors import free_memory
from phosphene.errors import PhospheneError
from phosphene.integrations.scope.configure import fitted, wanted
from phosphene.integrations.scope.models import Load, Models
from phosphene.integrations.scope.offers import Offer
from phosphene.integrations.scope.orders import Order, Painted, Wish
from phosphene.integrations.scope.painter import Painter
from phosphene.show.live.sound import Chunk, Sound

_LOGGER = logging.getLogger("phosphene")
STALE, GRACE = 0.025, 0.015
"""seconds; a picture as old as that waits so long for a newer one, which a 30 fps source then has"""
FAST = 1 / 40
"""seconds between frames under which flashes are counted at 60 frames a second, else at 30"""


class Worker:
    """Draws the newest order whenever it is free; while something fails the last good picture holds.

    Raises what loading the first model raises. :meth:`close` must be called in the end.
    """

    def __init__(self, offer: Offer, wish: Wish, load: Load) -> None:
        self._offer = offer
        self._said: set[str] = set()
        self._config = wanted(offer, wish)
        self._models: Models | None = Models(self._config, load, self._complain)
        self._wish: Wish | None = wish
        self._base: BaseDiffusionPipeline | None = None
        self._painter: Painter | None = None
        self._fitted = self._config
        self._last: Painted | None = None
        # whichever model draws: what is heard goes on
        self._sound = Sound(self._config.audio)
        self._interval = 1 / 30
        self._began = 0.0
        self._wake = threading.Condition()
        self._order: Order | None = None
        self._painted: Painted | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="phosphene-scope", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether a finished picture waits to be taken."""
        return self._painted is not None

    def hear(self, chunks: Sequence[Chunk]) -> None:
        """Sound that the next pictures move to."""
        for chunk in chunks:
            self._sound.put(chunk)

    def offer(self, order: Order) -> None:
        """Draw this next, in place of one that has not been begun."""
        with self._wake:
            if self._order is not None and self._order.reset:
                order = replace(order, reset=True)
            self._order = order
            self._wake.notify_all()

    def take(self, seconds: float = 0.0) -> Painted | None:
        """The newest finished picture, once; waits for one at most ``seconds``."""
        with self._wake:
            self._wake.wait_for(lambda: self._painted is not None, seconds)
            painted, self._painted = self._painted, None
            return painted

    def close(self, seconds: float = 5.0) -> None:
        """End, and let go of the model; waits at most ``seconds`` for a frame that is being drawn."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        if threading.current_thread() is not self._thread:
            self._thread.join(seconds)
        free_memory()

    def _run(self) -> None:
        while True:
            with self._wake:
                order = self._newest()
                if order is None:
                    break
            painted = self._paint(order)
            with self._wake:
                self._painted = painted or self._painted
                self._wake.notify_all()
        self._models = self._base = self._painter = self._last = None

    def _newest(self) -> Order | None:
        """The order to draw next; None in the end."""
        self._wake.wait_for(lambda: self._closed or self._order is not None)
        stale = self._order
        if stale is not None and time.monotonic() - stale.arrived > STALE:
            self._wake.wait_for(lambda: self._closed or self._order is not stale, GRACE)
        order, self._order = self._order, None
        return None if self._closed else order

    def _paint(self, order: Order) -> Painted | None:
        try:
            config = self._settings(order.wish)
            if self._painter is None:
                return None
            self._last = self._painter.paint(order, config, self._rate())
        except Exception as error:
            self._complain(error, "the last good picture stays")
            # the answer to this order is the picture before it
            return None if self._last is None else replace(self._last, order=order)
        return self._last

    def _settings(self, wish: Wish) -> PipelineConfig:
        """Settings in force, and the painter for them."""
        if self._models is None:
            return self._fitted
        changed = wish is not self._wish
        if changed:
            self._wish = wish
            try:
                self._config = wanted(self._offer, wish)
            except PhospheneError as error:
                self._complain(error, "it goes on as before")
        base = self._models.get(self._config)
        other = base is not self._base
        if changed or other:
            self._fitted = fitted(self._config, base)
        if other:
            self._painter = self._base = None
            free_memory()
            self._painter = Painter(base, self._fitted, time.monotonic(), self._sound)
            self._base = base
        return self._fitted

    def _rate(self) -> float:
        now = time.monotonic()
        self._interval += 0.1 * (min(1.0, now - self._began) - self._interval)
        self._began = now
        return 60.0 if self._interval < FAST else 30.0

    def _complain(self, error: Exception, meanwhile: str = "the model before it goes on") -> None:
        """Say it once."""
        known = isinstance(error, PhospheneError)
        text = str(error) if known else f"a frame failed ({type(error).__name__}: {error})."
        if text not in self._said:
            self._said.add(text)
            _LOGGER.error("%s Meanwhile %s.", text, meanwhile)
