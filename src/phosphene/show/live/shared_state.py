"""What the threads of one session share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from phosphene.arrays import Array
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BasePipeline
from phosphene.diffusion.stream import Key
from phosphene.errors import PhospheneError
from phosphene.show.display import Way
from phosphene.show.live.credits import Credits
from phosphene.show.live.feature_frame import FeatureFrame
from phosphene.show.live.mailbox import Mailbox
from phosphene.show.live.types import Frame
from phosphene.stream.conditioning import Context
from phosphene.video.spec import Size

RATE_SECONDS = 2.0
"""what a rate is counted over"""
AVERAGE_WEIGHT = 0.05
"""of a new value in an average: about the last twenty count"""


class Average:
    """A smoothed value that begins with the first one."""

    def __init__(self) -> None:
        self.value = 0.0
        self._count = 0

    def add(self, value: float) -> None:
        """One more."""
        self._count += 1
        self.value += max(AVERAGE_WEIGHT, 1.0 / self._count) * (value - self.value)


class Rate:
    """Events per second; falls to 0 when none come any more."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=512)

    def add(self, now: float) -> None:
        """One more event."""
        self._times.append(now)

    def per_second(self, now: float) -> float:
        """Events of the last two seconds, per second; less time counts while there was less."""
        times = [time for time in tuple(self._times) if time > now - RATE_SECONDS]
        if len(times) < 2:
            return len(times) / RATE_SECONDS
        span = RATE_SECONDS if self._times[0] <= now - RATE_SECONDS else now - times[0]
        return len(times) / max(span, 1e-3)


@dataclass(frozen=True)
class Picture:
    """An input picture, compressed or as an array."""

    data: bytes | Frame
    captured: float
    """monotonic seconds"""


@dataclass(frozen=True)
class Input:
    """An input picture, ready for the model."""

    latent: Array
    """(1 c h w)"""
    told: Context
    """what else the model is told of it"""
    image: Frame
    """as it came, at the size that was drawn then"""
    captured: float


@dataclass(frozen=True)
class Stamp:
    """What a finished picture must be able to tell of its beginning."""

    heard: FeatureFrame
    captured: float
    image: Frame | None = None
    """the input picture it was drawn over"""


@dataclass(frozen=True)
class Drawn:
    """A finished picture on its way to the viewer."""

    key: Key
    stamp: Stamp
    way: Way = field(default_factory=Way)
    """of the camera, since the one before"""
    routes: tuple[float, ...] = ()
    """what each route adds to its setting"""


@dataclass
class Meters:
    """Figures, each written by one thread and read by any."""

    intake: Average = field(default_factory=Average)
    step: Average = field(default_factory=Average)
    finish: Average = field(default_factory=Average)
    age: Average = field(default_factory=Average)
    fps: Rate = field(default_factory=Rate)
    frames: int = 0
    dropped: int = 0


class SharedState:
    """Boxes between the threads, one bell to wake them all, and what is in force.

    ``config`` is replaced as a whole, never changed.
    """

    def __init__(self, view: BasePipeline, config: PipelineConfig) -> None:
        depth = config.stream.frame_buffer_size
        self.wake = threading.Condition()
        self.view = view
        self.config = config
        self.closed = False
        self.held = False
        self.see = False
        self.size: Size = (config.inference.width, config.inference.height)
        """what pictures are drawn at now"""
        self.goal: Array | None = None
        """(1 seq hidden) of the prompt that is drawn, or on its way"""
        self.pictures = Mailbox[Picture](self.wake, depth)
        self.inputs = Mailbox[Input](self.wake, depth)
        self.latents = Mailbox[Drawn](self.wake, depth)
        self.credits = Credits(2 * depth)
        self.meters = Meters()
        self.newest_age: float | None = None
        """milliseconds, of a picture finished since it was last looked at"""
        self.seen_age: float | None = None
        """the same where it is seen, said by the viewer since it was last looked at"""
        self._listeners: tuple[Callable[[str], None], ...] = ()
        self._said: dict[str, str] = {}

    def ring(self) -> None:
        """Something changed: everybody looks again."""
        with self.wake:
            self.wake.notify_all()

    def drop(self, count: int) -> None:
        """Input pictures were thrown away."""
        self.meters.dropped += count
        self.credits.left(count)

    def on_error(self, listener: Callable[[str], None]) -> None:
        """Tell ``listener`` of everything that goes wrong."""
        self._listeners = (*self._listeners, listener)

    def complain(self, where: str, error: Exception, otherwise: str) -> None:
        """Say it once, until :meth:`fine` or another error.

        ``otherwise`` begins the sentence for errors that are not phosphene's own.
        """
        known = isinstance(error, PhospheneError)
        text = str(error) if known else f"{otherwise} ({type(error).__name__}: {error})."
        if self._said.get(where) == text:
            return
        self._said[where] = text
        self.say(text)

    def say(self, text: str) -> None:
        """Tell everybody who listens."""
        for listener in self._listeners:
            listener(text)

    def fine(self, where: str) -> None:
        """It works again."""
        self._said.pop(where, None)
