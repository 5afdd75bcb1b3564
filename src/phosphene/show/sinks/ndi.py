"""NDI: a picture on the local network that OBS, Resolume, TouchDesigner, vMix and others take."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import numpy as np

from phosphene.errors import MissingExtraError, OutputError
from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.sized import Sized
from phosphene.show.sinks.sound import CHANNELS, RATE
from phosphene.sound_file import Samples
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

BLOCK = RATE // 100
"""samples that are sent at once, always as many: cyndilib 0.1 says how far apart channels lie once, for its
largest block, and of any shorter one a receiver would hear all but the first from somewhere else"""


class NdiSink(Sink):
    """A :class:`~.sink.Sink` through cyndilib, seen as ``name`` on the network."""

    retry = True

    def __init__(self, name: str, size: Size, rate: Fraction, sound: bool = False) -> None:
        """Raises :class:`MissingExtraError`."""
        if find_spec("cyndilib") is None:
            raise MissingExtraError("NDI", "ndi")
        self.name = f"NDI '{name}'"
        self.hears = sound
        self._called = name
        self._size = size
        self._rate = rate
        self._sender: Any = None
        self._sized = Sized(size, "rgba")

    def open(self) -> None:
        """Be there for whoever looks. Raises :class:`OutputError`."""
        try:
            from cyndilib.audio_frame import AudioSendFrame
            from cyndilib.sender import Sender
            from cyndilib.video_frame import VideoSendFrame
            from cyndilib.wrapper.ndi_structs import FourCC
        except ImportError as error:
            raise OutputError(f"NDI's library does not load here ({error})") from error
        # the exit keeps time itself
        sender = Sender(self._called, clock_video=False, clock_audio=False)
        frame = VideoSendFrame()
        frame.set_resolution(*self._size)
        frame.set_frame_rate(self._rate)
        frame.set_fourcc(FourCC.RGBX)
        sender.set_video_frame(frame)
        if self.hears:
            track = AudioSendFrame()
            track.sample_rate, track.num_channels = RATE, CHANNELS
            track.set_max_num_samples(BLOCK)
            sender.set_audio_frame(track)
        # what a line that failed still held is long past
        self._unsent = np.empty((CHANNELS, 0), np.float32)
        sender.open()
        self._sender = sender

    def write(self, image: Frame, index: int) -> None:
        """Send one frame; without a receiver it costs next to nothing."""
        self._sender.write_video_async(self._sized.pixels(image).reshape(-1))

    def sound(self, samples: Samples) -> None:
        """Send a stretch of sound; what is left of a block, under 10 ms, goes with the next."""
        waiting = np.concatenate((self._unsent, samples), axis=1)
        whole = waiting.shape[1] // BLOCK * BLOCK
        for first in range(0, whole, BLOCK):
            self._sender.write_audio(np.ascontiguousarray(waiting[:, first : first + BLOCK]))
        self._unsent = waiting[:, whole:]

    def close(self) -> None:
        """Be gone."""
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()
