"""WHIP (RFC 9725): WebRTC to media servers, half a second behind the show."""

from __future__ import annotations

import asyncio
import threading
import urllib.error
import urllib.request
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from fractions import Fraction
from importlib.util import find_spec
from typing import Any
from urllib.parse import urljoin, urlsplit

import av
import numpy as np

from phosphene.errors import InputError, MissingExtraError, OutputError
from phosphene.show.sinks.sink import Sink
from phosphene.show.sinks.sized import Sized
from phosphene.show.sinks.sound import CHANNELS, RATE
from phosphene.sound_file import Samples
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 2.0
OPUS_SAMPLES = RATE // 50
"""of a packet: 20 ms"""
OPUS_BITS = 160_000
"""a second of stereo music"""
MOST_PACKETS = 10
"""of sound that wait: 0.2 s; what is older is not sent"""
CLOCK = 90_000
"""ticks a second of video on RTP"""
LONGEST_ANSWER = 1 << 20
BROKEN = ("failed", "closed", "disconnected")


class WhipSink(Sink):
    """A :class:`~.sink.Sink` through aiortc, on an event loop of its own. ``token`` is not logged.

    Raises MissingExtraError, InputError.
    """

    retry = True

    def __init__(
        self, url: str, token: str | None, size: Size, rate: Fraction, sound: bool = False
    ) -> None:
        if find_spec("aiortc") is None:
            raise MissingExtraError("WHIP", "webrtc")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InputError("--whip takes an address that begins with http:// or https://.")
        self.name = f"WHIP to {urlsplit(url).hostname}"
        self._url, self._token = url, token
        self._rate = rate
        self._sized = Sized(size, "yuv420p")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._peer: Any = None
        self.hears = sound
        self._track: Any = None
        self._sound: Any = None
        self._place: str | None = None

    def open(self) -> None:
        """Connect. Raises :class:`OutputError`."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="phosphene-whip", daemon=True
        )
        self._thread.start()
        self._wait(self._call(self._connect()), CONNECT_SECONDS)

    def write(self, image: Frame, index: int) -> None:
        """Make this the picture that is sent next. Raises :class:`OutputError` for a line that broke."""
        assert self._loop is not None
        if self._peer is None or self._peer.connectionState in BROKEN:
            raise OutputError("the line broke")
        frame = self._sized.frame(image)
        frame.pts, frame.time_base = round(index / self._rate * CLOCK), Fraction(1, CLOCK)
        self._loop.call_soon_threadsafe(self._track.put, frame)

    def sound(self, samples: Samples) -> None:
        """Send a stretch of sound."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._sound.put, samples)

    def close(self) -> None:
        """Say goodbye, for a moment."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        with suppress(OutputError):
            self._wait(asyncio.run_coroutine_threadsafe(self._leave(), loop), CLOSE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            loop.close()

    def _call(self, work: Any) -> Future[Any]:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _wait(self, future: Future[Any], seconds: float) -> None:
        try:
            future.result(seconds)
        except OutputError:
            raise
        except TimeoutError:
            future.cancel()
            raise OutputError(f"no answer within {seconds:g} s") from None
        except Exception as error:  # a library that meets a stranger's answer may raise anything
            raise OutputError(f"{type(error).__name__}: {error}") from error

    async def _connect(self) -> None:
        from aiortc import (
            RTCConfiguration,
            RTCPeerConnection,
            RTCRtpSender,
            RTCSessionDescription,
        )

        # none of the public servers that tell an address: nothing is asked that was not named
        self._peer = peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track = _track()
        peer.addTransceiver(self._track, direction="sendonly")
        if self.hears:
            self._sound = _sound_track()
            line = peer.addTransceiver(self._sound, direction="sendonly")
            known = RTCRtpSender.getCapabilities("audio").codecs
            line.setCodecPreferences([each for each in known if each.mimeType == "audio/opus"])
        await peer.setLocalDescription(await peer.createOffer())
        answer = await asyncio.to_thread(self._post, peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        while peer.connectionState != "connected":
            if peer.connectionState in BROKEN:
                raise OutputError("the other side cannot be reached")
            await asyncio.sleep(0.02)

    def _post(self, offer: str) -> str:
        request = urllib.request.Request(self._url, offer.encode(), self._headers(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as answer:
                place = answer.headers.get("location")
                self._place = None if place is None else urljoin(self._url, place)
                return str(answer.read(LONGEST_ANSWER), "utf-8", "replace")
        except urllib.error.HTTPError as error:
            raise OutputError(f"refused with {error.code} {error.reason}") from error
        except OSError as error:
            raise OutputError(f"cannot be reached ({getattr(error, 'reason', error)})") from error

    def _headers(self) -> dict[str, str]:
        found = {"content-type": "application/sdp"}
        return found if self._token is None else found | {"authorization": f"Bearer {self._token}"}

    async def _leave(self) -> None:
        if self._peer is not None:
            await self._peer.close()
            self._peer = None
        place, self._place = self._place, None
        if place is not None and urlsplit(place).scheme in ("http", "https"):
            request = urllib.request.Request(place, headers=self._headers(), method="DELETE")
            with suppress(OSError):
                await asyncio.to_thread(urllib.request.urlopen, request, timeout=1.0)


def _track() -> Any:
    """A track that sends the newest picture, each once; what is late is not sent at all."""
    from aiortc import MediaStreamTrack

    class Newest(MediaStreamTrack):  # type: ignore[misc]
        kind = "video"

        def __init__(self) -> None:
            super().__init__()
            self._frame: av.VideoFrame | None = None
            self._came = asyncio.Event()

        def put(self, frame: av.VideoFrame) -> None:
            self._frame = frame
            self._came.set()

        async def recv(self) -> av.VideoFrame:
            await self._came.wait()
            self._came.clear()
            assert self._frame is not None
            return self._frame

    return Newest()


def _sound_track() -> Any:
    """A track of Opus made for music: the one that the library makes is for speech."""
    from aiortc import MediaStreamTrack

    class Sound(MediaStreamTrack):  # type: ignore[misc]
        kind = "audio"

        def __init__(self) -> None:
            super().__init__()
            self._packets: deque[av.Packet] = deque(maxlen=MOST_PACKETS)
            self._came = asyncio.Event()
            self._count = 0
            self._codec: Any = av.CodecContext.create("libopus", "w")
            self._codec.sample_rate, self._codec.layout = RATE, "stereo"
            self._codec.format, self._codec.bit_rate = "flt", OPUS_BITS
            self._codec.time_base = Fraction(1, RATE)
            self._codec.options = {"application": "audio", "frame_duration": "20"}
            self._rest = np.zeros((CHANNELS, 0), np.float32)

        def put(self, samples: Samples) -> None:
            joined = np.concatenate([self._rest, samples], axis=1)
            whole = joined.shape[1] // OPUS_SAMPLES * OPUS_SAMPLES
            self._rest = joined[:, whole:]
            for begin in range(0, whole, OPUS_SAMPLES):
                part = np.ascontiguousarray(joined[:, begin : begin + OPUS_SAMPLES].T).reshape(
                    1, -1
                )
                frame = av.AudioFrame.from_ndarray(part, "flt", "stereo")
                frame.sample_rate = RATE
                frame.pts, frame.time_base = self._count, Fraction(1, RATE)
                self._count += OPUS_SAMPLES
                self._packets.extend(self._codec.encode(frame))
            self._came.set()

        async def recv(self) -> av.Packet:
            while not self._packets:
                self._came.clear()
                await self._came.wait()
            return self._packets.popleft()

    return Sound()
