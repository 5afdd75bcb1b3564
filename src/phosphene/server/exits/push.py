"""`python -m phosphene.server.exits.push`: frames on standard input to a network stream."""

from __future__ import annotations

import json
import sys
from fractions import Fraction

import av
import numpy as np

from phosphene.server.exits.encoder import Target, VideoSink
from phosphene.server.exits.remote import FRAME, ON_AIR


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
            pixels = source.read(rows * columns * 3)
            sink.write(np.frombuffer(pixels, np.uint8).reshape(rows, columns, 3), index)
        sink.close()
    except (av.FFmpegError, OSError) as error:
        print(f"failed: {getattr(error, 'strerror', None) or error}", flush=True)


if __name__ == "__main__":
    main()
