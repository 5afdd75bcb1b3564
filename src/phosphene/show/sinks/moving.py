"""What is seen of keys at any moment, by whoever does not move pictures himself."""

from __future__ import annotations

from phosphene.show.display import (
    REST,
    Display,
    KeyPicture,
    Motion,
    Path,
    flare,
    lit,
    punch,
    slowness,
)
from phosphene.show.live.finishing import FlashGuard
from phosphene.show.live.types import Frame, Shown
from phosphene.show.sinks.jpeg import fitted

OFTEN = 1.5
"""pictures: keys that come so soon after each other are shown as they are"""
SURE = 0.25
"""confidence of a tempo whose beats are punched"""


def as_shown(image: Frame, shown: Shown) -> Frame:
    """At the size of the show where it was drawn smaller; an upscaler's are larger, and meant to be."""
    if shown.size is None or image.shape[1] >= shown.size[0]:
        return image
    return fitted(image, shown.size)


class Moving:
    """Keys moved on along the camera's path, pushed and lit by beats, their flashes held. For one thread.

    Args:
        rate: pictures a second that are asked for.
    """

    def __init__(self, rate: float) -> None:
        self.behind = 0.0
        """seconds after they are heard at which beats are shown"""
        self._rate = rate
        self._display = Display()
        self._guard = FlashGuard()
        self._shown: Shown | None = None
        self._sequence: int | None = None

    def put(self, shown: Shown, path: Path, now: float) -> None:
        """The next key, which has an image, came at monotonic ``now``."""
        assert shown.image is not None
        way = path.between(self._sequence, shown.sequence)
        self._sequence, self._shown = shown.sequence, shown
        # at one size, so that a controller that steps up and down is no cut
        self._display.put(KeyPicture(as_shown(shown.image, shown), now, way.motion, way.cut))

    @property
    def slow(self) -> bool:
        """Whether there is anything to be seen between two keys."""
        return self._display.interval >= OFTEN / self._rate

    def at(self, now: float) -> Frame | None:
        """The picture at monotonic ``now``; None before the first key."""
        key, shown = self._display.key, self._shown
        if key is None or shown is None:
            return None
        image: Frame | None = key.picture
        if self.slow:
            motion, light = self._accent(shown, now - self.behind)
            image = self._display.at(now, motion)
            image = None if image is None else lit(image, light)
        if image is None or shown.strobes:
            return image
        return self._guard.limit(image, self._rate)

    def _accent(self, shown: Shown, now: float) -> tuple[Motion, float]:
        """What the beat does to the picture: how it moves, how much light is added."""
        if shown.tempo <= 0 or shown.confidence < SURE:
            return REST, 1.0
        # of a song the key was made for a moment that is still to come
        beats = shown.moment.beat_position + (now - shown.heard_at) * shown.tempo / 60.0
        since = beats % 1.0 * 60.0 / shown.tempo
        strength = shown.punch * slowness(self._display.interval)
        return punch(since, strength), flare(since, strength)
