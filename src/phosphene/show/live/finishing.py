"""Third thread: latents become pictures that may be seen, and go to whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from phosphene.arrays import Array
from phosphene.config import PipelineConfig
from phosphene.diffusion.stream import Key
from phosphene.show.crossfade import decoded, refined
from phosphene.show.detail import detail_gain, with_lines
from phosphene.show.display import Way, hardness
from phosphene.show.light import Light, dimmed
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.shared_state import Drawn, SharedState
from phosphene.show.live.types import Field, Frame, Shown, Wanted
from phosphene.stream.arrays import to_numpy
from phosphene.video.flash import FlashLimiter
from phosphene.video.flash_track import pack, unpack

Listener = Callable[[Shown], None]


class Finishing:
    """Decodes, limits flashes, hands on. A picture that is shown again is not decoded again.

    Images have their flashes held here; fields where they become pictures.
    """

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._listeners: tuple[Listener, ...] = ()
        self._light = Light()
        self._guard = FlashGuard()
        self._last: tuple[Array, Frame] | None = None
        self._planes: tuple[Array, Frame] | None = None
        self._frozen: Drawn | None = None
        self.wanted = Wanted()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every finished picture, until the function returned is called."""
        with self._shared.wake:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._shared.wake:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return unsubscribe

    def run(self) -> None:
        """Work until the session is closed."""
        shared = self._shared
        while True:
            with shared.wake:
                shared.wake.wait_for(lambda: shared.closed or len(shared.latents))
            drawn = shared.latents.take()
            if shared.closed or drawn is None:
                return
            try:
                self._finish(drawn)
            except Exception as error:
                shared.complain("finish", error, "a picture could not be decoded")
            else:
                shared.fine("finish")

    def _finish(self, drawn: Drawn) -> None:
        meters, began = self._shared.meters, time.monotonic()
        stamp, config = drawn.stamp, self._shared.config
        self._frozen = (self._frozen or drawn) if config.live.freeze else None
        image, field = self._seen(self._frozen or drawn, config)
        asked = config.inference
        shown = Shown(
            sequence=meters.frames,
            image=image,
            captured=stamp.captured,
            position=stamp.heard.position,
            moment=stamp.heard.moment,
            tempo=stamp.heard.tempo,
            routes=drawn.routes,
            confidence=stamp.heard.confidence,
            size=(asked.width, asked.height),
            punch=config.camera.beat_punch
            * hardness(stamp.heard.moment.bass, stamp.heard.moment.energy),
            heard_at=stamp.heard.at,
            beat_from=stamp.heard.beat_from,
            own_tempo=stamp.heard.own_tempo,
            own_off_ms=off_ms(stamp.heard),
            # a picture that is held does not move either
            way=drawn.way if self._frozen is None else Way(),
            field=field,
            strobes=not config.video.limit_flashes,
        )
        for listener in self._listeners:
            try:
                listener(shown)
            except Exception as error:
                self._shared.complain("viewer", error, "a picture could not be handed on")
        now = time.monotonic()
        meters.frames += 1
        meters.fps.add(now)
        meters.finish.add((now - began) * 1e3)
        age = (now - stamp.captured) * 1e3
        meters.age.add(age)
        self._shared.newest_age = age

    def _seen(self, drawn: Drawn, config: PipelineConfig) -> tuple[Frame | None, Field | None]:
        """A picture as it is asked for; what cannot be a field is an image for everybody."""
        light = self._light.level(config.live, time.monotonic())
        source, wanted = drawn.stamp.image, self.wanted
        lined = source is not None and detail_gain(config.stream.detail, config.stream.strength) > 0
        field = self._field(drawn.key, light) if wanted.fields and not lined else None
        if field is not None and not wanted.images:
            # whoever asks for images again has seen none of these
            self._guard = FlashGuard()
            return None, field
        image = dimmed(self._image(drawn.key, source, config), light)
        if config.video.limit_flashes:
            image = self._guard.limit(image, config.live.fps)
        return image, field

    def _field(self, key: Key, light: float) -> Field | None:
        if key.palette is None:
            return None
        colours = key.palette
        if self._planes is None or self._planes[0] is not key.latent or key.fading is not None:
            field = refined(self._shared.view, key)
            planes = self._shared.view.planes(field.latent)
            if planes is None or field.palette is None:
                return None
            # in a crossfade both looks' colours are mixed as their fields are
            self._planes, colours = (key.latent, planes[0]), field.palette
        palette = np.clip(to_numpy(colours)[0] + 0.5, 0, 255).astype(np.uint8)
        return Field(self._planes[1], palette, light)

    def _image(self, key: Key, source: Frame | None, config: PipelineConfig) -> Frame:
        if self._last is None or self._last[0] is not key.latent or key.fading is not None:
            image = decoded(self._shared.view, key)
            gain = detail_gain(config.stream.detail, config.stream.strength)
            # one that came before the size was changed is not drawn over any more
            if source is not None and source.shape == image.shape:
                image = with_lines(image, source, gain)
            self._last = key.latent, image
        return self._last[1]


def off_ms(heard: FeatureFrame) -> float:
    """Milliseconds by which the beats that are heard come before those of who leads."""
    return heard.own_off * 60e3 / heard.tempo if heard.tempo > 0 and heard.own_tempo > 0 else 0.0


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
