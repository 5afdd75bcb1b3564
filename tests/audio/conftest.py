"""Sound files of every kind, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from . import songs

CODECS = {
    "wav": "pcm_s16le",
    "flac": "flac",
    "ogg": "libopus",
    "mp3": "libmp3lame",
    "m4a": "aac",
}

Encoder = Callable[..., Path]


def encode(path: Path, samples: np.ndarray, rate: int, codec: str, picture: bool = False) -> Path:
    """Write samples (n,) or (n, channels) with PyAV; with ``picture``, beside a few video frames."""
    stereo = np.asarray(samples, np.float32).reshape(len(samples), -1)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[stereo.shape[1]]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        video = out.add_stream("mpeg4", rate=10) if picture else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
            for _ in range(int(len(stereo) / rate * 10)):
                image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                out.mux(video.encode(image))
            out.mux(video.encode())
        for begin in range(0, len(stereo), 1024):
            block = np.ascontiguousarray(stereo[begin : begin + 1024].T)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, begin
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def song() -> songs.Song:
    """Twelve seconds of rock at 120 BPM."""
    return songs.make_song("rock", 120.0, 12.0)


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    """Writes sound into the test's folder."""

    def write(
        name: str,
        samples: np.ndarray,
        rate: int = songs.RATE,
        codec: str = "",
        picture: bool = False,
    ) -> Path:
        kind = codec or CODECS[name.rpartition(".")[2]]
        if kind == "libopus" and rate != 48000:
            # opus knows few rates
            there = np.arange(int(len(samples) * 48000 / rate)) * (rate / 48000)
            samples, rate = np.interp(there, np.arange(len(samples)), samples), 48000
        return encode(tmp_path / name, samples, rate, kind, picture)

    return write
