"""Mutated files through every decoder: no traceback, no hang over 10 s, no growth over 300 MB.

`make fuzz` takes 2,000 of each; the gate takes a few. A file that breaks something is kept, and named.
"""

from __future__ import annotations

import io
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from phosphene.config import PipelineConfig
from tests.fuzz.mutate import mutated

COUNT = int(os.environ.get("PHOSPHENE_FUZZ", "16"))
SEED = int(os.environ.get("PHOSPHENE_FUZZ_SEED", "0"))
HANG_SECONDS = 10.0
GROWTH = 300 * 2**20
MOST_SECONDS = float(os.environ.get("PHOSPHENE_FUZZ_SECONDS", "100"))
"""for one kind of file, after which the rest is left out, and that is said"""

SOUND = (
    *(("wav", codec) for codec in ("pcm_s16le", "pcm_u8", "pcm_f32le", "adpcm_ms", "pcm_alaw")),
    *(("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libvorbis"), ("opus", "libopus")),
    *(
        ("m4a", "aac"),
        ("mkv", "flac"),
        ("aiff", "pcm_s16be"),
        ("avi", "pcm_s16le"),
        ("nut", "flac"),
    ),
)
VIDEO = (
    *(("mp4", "libx264"), ("mov", "mpeg4"), ("mkv", "libx264"), ("avi", "mjpeg"), ("gif", "gif")),
    *(
        ("webm", "libvpx"),
        ("ts", "mpeg2video"),
        ("flv", "flv1"),
        ("ogv", "libtheora"),
        ("apng", "apng"),
    ),
)
PICTURES = ("JPEG", "PNG", "WEBP")


def sound(suffix: str, codec: str) -> bytes:
    """A fifth of a second of noise."""
    file = io.BytesIO()
    noise = np.random.default_rng(1).standard_normal((1, 9600)).astype(np.float32) * 0.1
    form = {"m4a": "mp4", "mkv": "matroska"}.get(suffix, suffix)
    with av.open(file, "w", format=form) as out:
        stream = out.add_stream(codec, rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        resampler = av.AudioResampler(stream.format, "mono", 48000, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return file.getvalue()


def video(suffix: str, codec: str) -> bytes:
    """Six small frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clip.{suffix}"
        with av.open(str(path), "w") as out:
            stream = out.add_stream(codec, rate=25)
            stream.width = stream.height = 48
            stream.pix_fmt = {"mjpeg": "yuvj420p", "gif": "rgb8", "apng": "rgb24"}.get(
                codec, "yuv420p"
            )
            for index in range(6):
                pixels = np.random.default_rng(index).integers(0, 255, (48, 48, 3), np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            out.mux(stream.encode(None))
        return path.read_bytes()


def pictures() -> list[bytes]:
    """Of all formats and some modes."""
    found = []
    for form in PICTURES:
        for mode in ("RGB", "RGBA", "L", "P"):
            if form == "JPEG" and mode in ("RGBA", "P"):
                continue
            file = io.BytesIO()
            pixels = np.random.default_rng(2).integers(0, 255, (24, 24, 3), np.uint8)
            Image.fromarray(pixels).convert(mode).save(file, form)
            found.append(file.getvalue())
    return found


def seeds(kind: str) -> list[bytes]:
    """Good files, as far as this FFmpeg writes them."""
    if kind == "look":
        return pictures()
    if kind == "configure":
        return [PipelineConfig().dumps_toml().encode(), b'[prompt]\nbase_prompt = "\xc3\xa9"\n']
    make, table = (sound, SOUND) if kind == "hear" else (video, VIDEO)
    found = []
    for suffix, codec in table:
        try:
            found.append(make(suffix, codec))
        except (av.FFmpegError, ValueError):
            continue
    assert len(found) > len(table) // 2
    return found


class Reader:
    """The process that reads files; a new one whenever it was ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, way: str, path: Path) -> dict[str, object] | None:
        """What came of it; None where the process ended or hung."""
        if self._process is None:
            command = (sys.executable, "-m", "tests.fuzz.worker")
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{way} {path}\n".encode())
        process.stdin.flush()
        # the first answer waits for the imports, too
        ready, _, _ = select.select([process.stdout], [], [], HANG_SECONDS)
        line = process.stdout.readline() if ready else b""
        if not line:
            self.close()
            return None
        told: dict[str, object] = json.loads(line)
        return told

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be waited for")
@pytest.mark.parametrize("way", ["hear", "see", "look", "configure"])
def test_mutated_files(way, tmp_path) -> None:
    good, reader = seeds(way), Reader()
    suffix = ".toml" if way == "configure" else ""
    failures: list[str] = []
    began = time.monotonic()
    done = 0
    try:
        path = tmp_path / f"warm{suffix}"
        for data in good:
            path.write_bytes(data)
            told = reader.read(way, path)
            assert told is not None and "traceback" not in told and not told["said"], told
        at_rest = int(str(told["memory"]))
        for number in range(COUNT):
            if time.monotonic() - began > MOST_SECONDS:
                break
            data = mutated(good, random.Random(f"{SEED} {way} {number}"))
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(data)
            told = reader.read(way, path)
            done += 1
            if told is None:
                failures.append(f"{path}: ended or hung")
            elif "traceback" in told:
                failures.append(f"{path}: {told['traceback']}")
            elif int(str(told["memory"])) - at_rest > GROWTH:
                failures.append(f"{path}: {int(str(told['memory'])) / 2**20:.0f} MB")
                reader.close()
            else:
                assert "\n" not in str(told["said"])
                path.unlink()
    finally:
        reader.close()
    print(f"{way}: {done} of {COUNT} files, {time.monotonic() - began:.0f} s")
    assert not failures, "\n".join(failures[:5])
