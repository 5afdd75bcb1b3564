"""Songs, pictures and a small render for the tests of phosphene.video."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from phosphene.config import VideoConfig
from phosphene.show.drawing import Numbered
from phosphene.show.sinks.segments import SegmentSink
from phosphene.video.encoder import ThreadedWriter
from phosphene.video.flash import FlashLimiter
from phosphene.video.mux import Clock, Sound, Tags, assemble
from phosphene.video.project import Project
from phosphene.video.spec import VideoSpec, segment_frames

RATE = Fraction(24)
CONFIG = VideoConfig(segment_seconds=0.5, encoder_preset="ultrafast")


def make_song(path: Path, rate: int, channels: int, seconds: float) -> np.ndarray:
    """Write low-passed noise, which has one clear place in time; returns it (channels, n)."""
    rng = np.random.default_rng(7)
    noise = rng.standard_normal((channels, int(rate * seconds)))
    sound = 0.15 * (noise + np.roll(noise, 1, 1) + np.roll(noise, 2, 1))
    codec = {".wav": "pcm_f32le", ".mp3": "libmp3lame", ".flac": "flac"}[path.suffix]
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return sound


def picture(index: int, side: int = 64) -> np.ndarray:
    """A colourful moving picture that also strobes, so that the flash limiter has work."""
    y, x = np.mgrid[0:side, 0:side] / side
    waves = [np.sin(9 * x + 0.2 * index + k + 3 * np.sin(4 * y + 0.1 * index)) for k in range(3)]
    bright = 1.0 if index % 4 < 2 else 0.3
    return ((127 + 120 * np.stack(waves, -1)) * bright).astype(np.uint8)


def render(
    out: Path,
    frames: int,
    song: Path | None = None,
    *,
    start: float = 0.0,
    resume: bool = False,
    side: int = 64,
    slow: float = 0.0,
) -> None:
    """The whole way of a render: limiter, threaded encoder, segments, state, join."""
    with Project(out, f"test {frames}", resume=resume) as project:
        limiter = FlashLimiter(float(RATE))
        limiter.set_state(project.state or b"")
        length = segment_frames(CONFIG, RATE)
        spec = VideoSpec.of(CONFIG, (side, side), RATE)
        with ThreadedWriter(Numbered(SegmentSink(project, spec))) as writer:
            for index in range(project.next_frame, frames):
                writer.write(limiter(picture(index)))
                time.sleep(slow)
                if (index + 1) % length == 0 or index + 1 == frames:
                    writer.cut(limiter.get_state())
        sound = None if song is None else Sound(song, start, CONFIG.audio_bitrate)
        assemble(
            project.paths, out, clock=Clock.even(RATE, frames), sound=sound,
            tags=Tags("a title", "a comment"), work=project.folder, overwrite=False,
        )  # fmt: skip
        project.remove()


def pictures(path: Path) -> np.ndarray:
    """All decoded frames of a file as RGB (n, h, w, 3)."""
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])


def sound_of(path: Path) -> np.ndarray:
    """All decoded samples of a file (channels, n)."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        blocks = np.concatenate([frame.to_ndarray() for frame in file.decode(stream)], axis=1)
        return blocks if stream.format.is_planar else blocks.reshape(-1, stream.channels).T


def lag(heard: np.ndarray, source: np.ndarray) -> int:
    """Samples by which ``heard`` is later than ``source``, by cross-correlation."""
    n = len(heard) + len(source)
    spectrum = np.fft.rfft(heard, n) * np.conj(np.fft.rfft(source, n))
    peak = int(np.argmax(np.fft.irfft(spectrum, n)))
    return peak - n if peak > n // 2 else peak
