"""A sink in a process of its own, for networks.

PyAV connects to a network while it holds the interpreter: in this process, a slow service would freeze
every picture. Whatever hangs there can be killed.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction

import av
import numpy as np

from phosphene.errors import OutputError
from phosphene.show.sinks.encoded import Target, VideoSink
from phosphene.show.sinks.sink import Sink
from phosphene.sound_file import Samples
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

FRAME = struct.Struct("<QII")
"""index, height, width; the pixels follow. Of sound: samples, 0, channels"""
ON_AIR = "on air"
FINISH_SECONDS = 1.0


class RemoteSink(Sink):
    """A :class:`~.encoded.VideoSink` there: `python -m phosphene.show.sinks.remote`."""

    def __init__(self, target: Target, size: Size, rate: Fraction) -> None:
        self.name = target.name
        self.retry = target.retry
        self.hears = target.sound
        self._task = json.dumps({"target": asdict(target), "size": size, "rate": str(rate)})
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Start the process; returns when it is connected. Raises :class:`OutputError`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "phosphene.show.sinks.remote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the server, which ends the process itself
            start_new_session=True,
        )
        self._send(self._task.encode() + b"\n")
        if self._answer() != ON_AIR:
            raise OutputError("it broke off")

    def write(self, image: Frame, index: int) -> None:
        """Hand a frame over; waits while the network does."""
        self._send(FRAME.pack(index, *image.shape[:2]) + image.tobytes())

    def sound(self, samples: Samples) -> None:
        """Hand sound over."""
        channels, count = samples.shape
        self._send(FRAME.pack(count, 0, channels) + samples.astype(np.float32).tobytes())

    def close(self) -> None:
        """Let it finish, for a moment."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError, ValueError, subprocess.TimeoutExpired):
            # no more frames: that is how it ends
            process.communicate(timeout=FINISH_SECONDS)
        process.kill()
        process.wait()

    def abort(self) -> None:
        """Kill it, from any thread: what hangs on it ends with an error."""
        if self._process is not None:
            self._process.kill()

    def _send(self, data: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError:
            raise OutputError(self._answer() or "it took nothing any more") from None

    def _answer(self) -> str:
        """The next line it says; an error is raised."""
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline().decode(errors="replace").strip()
        if line.startswith("failed: "):
            raise OutputError(line.removeprefix("failed: "))
        return line


def main() -> None:
    """Read what to do, connect, stream until the input ends; say in a line what fails."""
    source = sys.stdin.buffer
    task = json.loads(source.readline())
    width, height = task["size"]
    sink = VideoSink(Target(**task["target"]), (width, height), Fraction(task["rate"]))
    try:
        sink.open()
        print(ON_AIR, flush=True)
        while header := source.read(FRAME.size):
            index, rows, columns = FRAME.unpack(header)
            if rows == 0:
                samples = np.frombuffer(source.read(4 * index * columns), np.float32)
                sink.sound(samples.reshape(columns, index))
                continue
            pixels = source.read(rows * columns * 3)
            sink.write(np.frombuffer(pixels, np.uint8).reshape(rows, columns, 3), index)
        sink.close()
    except (av.FFmpegError, OSError) as error:
        print(f"failed: {getattr(error, 'strerror', None) or error}", flush=True)


if __name__ == "__main__":
    main()
