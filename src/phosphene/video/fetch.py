"""A process that fetches pictures, `python -m phosphene.video.fetch`: NDI, network streams, cameras.

It imports little, so that it is there soon.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, PhospheneError
from phosphene.video.sizes import cover

Frame = npt.NDArray[np.uint8]
HEADER = struct.Struct("<dII")
"""monotonic seconds at which it came, height, width; the pixels follow"""
ON_AIR = "on air"
CONNECT_SECONDS = 5.0
SILENT_SECONDS = 10.0
"""without a picture, after which another try is made"""
LOOK_SECONDS = 0.004
"""between two looks for NDI's next picture"""
NDI, CAMERA = "ndi:", "camera"
FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's names of a system's cameras"""
LIVE = {"fflags": "nobuffer", "flags": "low_delay", "probesize": "500000"}
"""FFmpeg's options for what must not be late"""
RTSP = LIVE | {"rtsp_transport": "tcp"}


def read_pictures(stream: IO[bytes]) -> Iterator[tuple[Frame, float]]:
    """What the process writes, to its end."""
    while len(header := stream.read(HEADER.size)) == HEADER.size:
        captured, height, width = HEADER.unpack(header)
        pixels = stream.read(height * width * 3)
        if len(pixels) < height * width * 3:
            return
        yield np.frombuffer(pixels, np.uint8).reshape(height, width, 3), captured


def main() -> None:
    """Read what to fetch, fetch it until nobody reads; say in a line what fails."""
    task = json.loads(sys.stdin.buffer.readline())
    out = sys.stdout.buffer
    address, size, rate = task["address"], tuple(task["size"]), task["rate"]
    began, due = False, 0.0
    try:
        pictures = (
            from_ndi(address.removeprefix(NDI)) if address.startswith(NDI) else from_av(address)
        )
        for frame in pictures:
            now = time.monotonic()
            if now < due:
                continue
            # a little early is on time
            due = now + 0.8 / rate
            if not began:
                began = True
                out.write(f"{ON_AIR}\n".encode())
            image = fit(frame, size)
            out.write(HEADER.pack(now, *image.shape[:2]) + image.tobytes())
            out.flush()
    except BrokenPipeError:
        return
    except Exception as error:  # libraries and drivers raise what they like
        if not began:
            reason = (
                error if isinstance(error, PhospheneError) else getattr(error, "strerror", None)
            )
            print(f"cannot be opened ({reason or error})", flush=True)


def fit(frame: Any, size: tuple[int, int]) -> Frame:
    """The middle of a picture of PyAV's, scaled to fill ``size`` (width, height)."""
    rows, columns = cover((frame.width, frame.height), size)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    # scaled as a whole, for that needs no copy, then cut
    wide, high = size[0] / width, size[1] / height
    whole = max(size[0], round(frame.width * wide)), max(size[1], round(frame.height * high))
    image: Frame = frame.to_ndarray(width=whole[0], height=whole[1], format="rgb24")
    top, left = (whole[1] - size[1]) // 2, (whole[0] - size[0]) // 2
    return np.ascontiguousarray(image[top : top + size[1], left : left + size[0]])


def from_av(address: str) -> Iterator[Any]:
    """Frames of a network stream or a camera, as they come."""
    import av

    kind, options, place = None, LIVE, address
    if address.startswith(CAMERA):
        kind = FORMATS.get(sys.platform)
        known = {name for names in av.formats_available for name in names.split(",")}
        if kind not in known:
            raise InputError(
                "this PyAV has no cameras: let the page's camera see, or stream it by RTSP"
            )
        place, options = camera_name(address.partition(":")[2]), {}
    else:
        options = RTSP if address.startswith("rtsp") else LIVE
    try:
        container = av.open(place, format=kind, options=options, timeout=CONNECT_SECONDS)
    except av.ProtocolNotFoundError:
        raise InputError(f"this PyAV was built without {urlsplit(address).scheme}") from None
    with container:
        stream = next((s for s in container.streams if s.type == "video"), None)
        if stream is None:
            raise InputError("there is no picture in it")
        stream.thread_type = "SLICE"
        yield from container.decode(stream)


def camera_name(which: str) -> str:
    """FFmpeg's name of a camera by its number or name."""
    if sys.platform == "linux":
        return which if which.startswith("/") else f"/dev/video{which or 0}"
    return f"video={which}" if sys.platform == "win32" else which or "0"


def from_ndi(name: str) -> Iterator[Any]:
    """Frames of the first sender whose name has ``name`` in it."""
    import av

    with ndi_frames(name) as (look, frame):
        quiet = time.monotonic()
        while time.monotonic() - quiet < SILENT_SECONDS:
            if not look():
                time.sleep(LOOK_SECONDS)
                continue
            quiet = time.monotonic()
            # a copy: the memory is the library's
            pixels = np.array(frame, np.uint8).reshape(frame.yres, -1, 4)[:, : frame.xres]
            yield av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgba")


@contextmanager
def ndi_frames(name: str) -> Iterator[tuple[Callable[[], bool], Any]]:
    """A look for the next picture of a sender, and the frame that then holds it as bytes of RGBA.

    By the library's frame synchronizer, which always has the newest: its plain receiver wakes so late that
    four to nine of thirty pictures a second came through. Raises :class:`InputError`.
    """
    from cyndilib.finder import Finder
    from cyndilib.receiver import Receiver
    from cyndilib.video_frame import VideoFrameSync
    from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

    with Finder() as finder:
        found: list[str] = []
        end = time.monotonic() + CONNECT_SECONDS
        while not found and time.monotonic() < end:
            finder.wait_for_sources(0.5)
            found = [each for each in finder.get_source_names() if name.lower() in each.lower()]
        if not found:
            raise InputError(f"no NDI sender is called '{name}'")
        receiver = Receiver(color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest)
        frame, seen = VideoFrameSync(), 0.0
        receiver.frame_sync.set_video_frame(frame)
        receiver.set_source(finder.get_source(found[0]))

        def look() -> bool:
            nonlocal seen
            receiver.frame_sync.capture_video()
            before, seen = seen, frame.get_timestamp_posix()
            return bool(seen != before and frame.get_buffer_size() > 0)

        yield look, frame


if __name__ == "__main__":
    main()
