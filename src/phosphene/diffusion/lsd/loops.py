"""The film of what the model remembers: short loops of fields, one after another in one video file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.errors import ModelError

FILM = "remembered.mp4"
FRAMES = 48
"""of a loop"""
PART = 16
"""frames from one key frame to the next: what is read at once, as a whole loop would hold a show up"""
RATE = 16
"""frames a second at the pace they were drawn for"""
PIXELS = "yuv444p"
"""luma holds the place in the palette, the first chroma plane the light, the second nothing"""
NOTHING = 128

Fields = npt.NDArray[np.uint8]
"""(frames, 2, s, s), see `fields.Field`"""


def read_part(film: Path, number: int) -> Fields:
    """(PART, 2, s, s): the frames from PART * ``number`` on. Takes some 8 ms.

    Raises :class:`~phosphene.errors.ModelError`.
    """
    import av

    try:
        with av.open(f"file:{film}") as container:
            stream = container.streams.video[0]
            # threads that take a frame each would hold the first ones back
            stream.thread_type = "SLICE"
            assert stream.time_base is not None
            start = Fraction(number * PART, RATE) / stream.time_base
            container.seek(round(start), stream=stream)
            planes = []
            for frame in container.decode(stream):
                if frame.pts is None or frame.pts < start:
                    continue
                planes.append(frame.to_ndarray(format=PIXELS)[:2])
                if len(planes) == PART:
                    return np.stack(planes)
    except (OSError, av.FFmpegError) as error:
        raise ModelError(f"cannot read {film}: {error}.") from error
    raise ModelError(f"{film} ends before its frame {(number + 1) * PART}.")


def write_film(film: Path, loops: list[Fields], crf: int) -> None:
    """All loops as H.264; ``crf`` as of x264, lower is finer."""
    import av

    size = loops[0].shape[-1]
    with av.open(f"file:{film}", "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = size, size, PIXELS
        keys = f"keyint={PART}:min-keyint={PART}:scenecut=0:open-gop=0"
        stream.options = {"crf": str(crf), "preset": "slow", "x264-params": keys}
        for loop in loops:
            for field in loop:
                planes = np.full((3, size, size), NOTHING, np.uint8)
                planes[:2] = field
                frame = av.VideoFrame.from_ndarray(planes, format=PIXELS)
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
