"""Third thread: latents become pictures that may be seen, and go to whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from phosphene.arrays import Array
from phosphene.diffusion.stream import Key
from phosphene.show.detail import detail_gain, with_lines
from phosphene.show.display import Way, hardness
from phosphene.show.light import Light
from phosphene.show.live.desk import Desk, Drawn
from phosphene.show.live.types import Frame, Shown
from phosphene.video.flash import FlashLimiter
from phosphene.video.flash_track import pack, unpack

Listener = Callable[[Shown], None]


class Finishing:
    """Decodes, limits flashes, hands on. A picture that is shown again is not decoded again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listeners: tuple[Listener, ...] = ()
        self._light = Light()
        self._guard = FlashGuard()
        self._last: tuple[Array, Frame] | None = None

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every finished picture, until the function returned is called."""
        with self._desk.wake:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._desk.wake:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return unsubscribe

    def run(self) -> None:
        """Work until the session is closed."""
        desk = self._desk
        while True:
            with desk.wake:
                desk.wake.wait_for(lambda: desk.closed or len(desk.latents))
            drawn = desk.latents.take()
            if desk.closed or drawn is None:
                return
            try:
                self._finish(drawn)
            except Exception as error:
                desk.complain("finish", error, "a picture could not be decoded")
            else:
                desk.fine("finish")

    def _finish(self, drawn: Drawn) -> None:
        meters, began = self._desk.meters, time.monotonic()
        stamp = drawn.stamp
        image = self._image(drawn.key, stamp.image)
        asked = self._desk.config.inference
        shown = Shown(
            sequence=meters.frames,
            image=image,
            captured=stamp.captured,
            position=stamp.heard.position,
            moment=stamp.heard.moment,
            tempo=stamp.heard.tempo,
            confidence=stamp.heard.confidence,
            size=(asked.width, asked.height),
            punch=self._desk.config.camera.beat_punch
            * hardness(stamp.heard.moment.bass, stamp.heard.moment.energy),
            # a picture that is held does not move either
            way=Way() if self._desk.config.live.freeze else drawn.way,
        )
        for listener in self._listeners:
            try:
                listener(shown)
            except Exception as error:
                self._desk.complain("viewer", error, "a picture could not be handed on")
        now = time.monotonic()
        meters.frames += 1
        meters.fps.add(now)
        meters.finish.add((now - began) * 1e3)
        age = (now - stamp.captured) * 1e3
        meters.age.add(age)
        self._desk.newest_age = age

    def _image(self, key: Key, source: Frame | None) -> Frame:
        config = self._desk.config
        if self._last is None or self._last[0] is not key.latent:
            image: Frame = self._desk.view.decode(key.latent, key.palette)[0]
            gain = detail_gain(config.stream.detail, config.stream.strength)
            # one that came before the size was changed is not drawn over any more
            if source is not None and source.shape == image.shape:
                image = with_lines(image, source, gain)
            self._last = key.latent, image
        lit = self._light(self._last[1], config.live, time.monotonic())
        if not config.video.limit_flashes:
            return lit
        return self._guard.limit(lit, config.live.fps)


class FlashGuard:
    """A flash limiter that outlives changes of size and rate."""

    def __init__(self) -> None:
        self._limiter: FlashLimiter | None = None
        self._kind: tuple[float, tuple[int, ...]] | None = None

    def limit(self, image: Frame, fps: float) -> Frame:
        """The picture to show for ``image`` in a show of ``fps``."""
        kind = fps, image.shape
        if self._limiter is None or kind != self._kind:
            self._limiter, self._kind = self._follow(image, fps), kind
        return self._limiter(image)

    def _follow(self, image: Frame, fps: float) -> FlashLimiter:
        """A limiter that knows what was shown so far, at the size of ``image``."""
        limiter = FlashLimiter(fps)
        if self._limiter is None:
            return limiter
        track, last = unpack(self._limiter.get_state())
        if last is not None:
            limiter.set_state(pack(track, _nearest(last, image.shape[0], image.shape[1])))
        return limiter


def _nearest(image: Frame, height: int, width: int) -> Frame:
    """``image`` at another size, nearest neighbours."""
    rows = (2 * np.arange(height) + 1) * image.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * image.shape[1] // (2 * width)
    near: Frame = image[rows][:, columns]
    return near
