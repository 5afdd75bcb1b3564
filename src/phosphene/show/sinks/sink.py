"""What every sink is."""

from __future__ import annotations

from phosphene.sound_file import Samples
from phosphene.video.writer import Frame


class Sink:
    """Takes finished pictures, offline as fast as they come or live by :class:`~.clocked.ClockedExit`.

    Whoever uses it opens it, writes from one thread, and closes it in the end, whatever happened.
    """

    name = "sink"
    """for the log; without keys"""
    retry = False
    """whether a broken one may be opened again"""
    hears = False
    """whether it takes sound, too"""

    def open(self) -> None:
        """Connect, create; may take its time."""

    def write(self, image: Frame, index: int) -> None:
        """Frame ``index`` of the video: uint8 RGB (height, width, 3). Indices grow; late ones are missing."""
        raise NotImplementedError

    def sound(self, samples: Samples) -> None:
        """(2, n) float32 at 48 kHz, which goes on where the last ended; the first begins with frame 0."""

    def cut(self, state: bytes) -> None:
        """A good place to go on from later; ``state`` is what the next frame needs. Most keep nothing."""

    def close(self) -> None:
        """Finish; what was not opened may be closed too."""

    def abort(self) -> None:
        """Give up from another thread: a call that hangs ends, with an error. Most never hang."""
