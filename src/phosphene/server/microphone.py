"""The sound card of this machine, heard by every session that wants it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from phosphene.audio.types import FloatArray
from phosphene.errors import InputError, MissingExtraError

BLOCK_SECONDS = 0.01
Taker = Callable[[FloatArray, int, float], None]
"""is given mono samples, their rate, and the monotonic time at which the last was heard"""


class Microphone:
    """One open input of the sound card; the samples go to whoever is plugged in."""

    def __init__(self, device: str | None) -> None:
        """Open ``device``, a name, part of one or a number; ``None``: the system's default.

        Raises :class:`InputError` where there is no such input, or it cannot be opened.
        """
        try:
            import sounddevice
        except ImportError as error:
            raise MissingExtraError("the sound card", "soundcard") from error
        except OSError as error:
            raise InputError(
                "the sound card needs the PortAudio library: install libportaudio2."
            ) from error
        self._takers: tuple[Taker, ...] = ()
        self._lock = threading.Lock()
        wanted = int(device) if device is not None and device.isdigit() else device
        try:
            found = sounddevice.query_devices(wanted, "input")
            self.name = str(found["name"])
            self._rate = int(found["default_samplerate"])
            self._stream = sounddevice.InputStream(
                samplerate=self._rate,
                blocksize=int(self._rate * BLOCK_SECONDS),
                device=wanted,
                channels=min(2, int(found["max_input_channels"])),
                dtype="float32",
                callback=self._heard,
            )
            self._stream.start()
        except (ValueError, sounddevice.PortAudioError) as error:
            inputs = [d["name"] for d in sounddevice.query_devices() if d["max_input_channels"]]
            known = f"inputs: {', '.join(inputs)}" if inputs else "this machine has none"
            raise InputError(
                f"the sound card input '{device or 'default'}' cannot be opened: {known}."
            ) from error

    def plug(self, taker: Taker) -> Callable[[], None]:
        """Let ``taker`` hear; the returned function ends that."""
        with self._lock:
            self._takers = (*self._takers, taker)

        def unplug() -> None:
            with self._lock:
                self._takers = tuple(other for other in self._takers if other is not taker)

        return unplug

    def close(self) -> None:
        """Let go of the sound card."""
        self._stream.abort()
        self._stream.close()

    def _heard(self, samples: FloatArray, frames: int, times: Any, status: object) -> None:
        # how long ago the last sample was in the air
        age = times.currentTime - (times.inputBufferAdcTime + frames / self._rate)
        captured = time.monotonic() - max(0.0, age)
        mono = samples.mean(axis=1)
        with self._lock:
            for taker in self._takers:
                taker(mono, self._rate, captured)
