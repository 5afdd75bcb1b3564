"""How a live session runs on this machine, without a browser.

python benchmarks/live.py dream|song|sound|see [--seconds 20] [--sessions 1] [--size 256x256] [--fps 30]

`see` sends moving synthetic JPEGs at 30 pictures a second, as many as the session gives credit for. Prints
frames per second, the age of pictures when they are finished, the time of every stage, and how memory grew.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import compose, write_wav
from phosphene.audio.types import AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion import load_pipeline
from phosphene.profiling import memory_mb
from phosphene.show.live import Session, Shown, Source, side_by_side
from phosphene.show.settings import parse_size

PIECE_SECONDS = 20.0
CAMERA_FPS = 30.0
CAMERA_SIZE = (640, 480)
CHUNK_SECONDS = 0.02


class Watcher:
    """Remembers when pictures came and how old they were."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.times: list[float] = []
        self.ages: list[float] = []
        self.errors: list[str] = []
        session.subscribe(self.see)
        session.on_error(self.errors.append)

    def see(self, shown: Shown) -> None:
        """One picture."""
        now = time.monotonic()
        self.times.append(now)
        self.ages.append((now - shown.captured) * 1e3)

    def forget(self) -> None:
        """Begin to measure."""
        self.times.clear()
        self.ages.clear()

    def report(self) -> str:
        """One line of figures."""
        stats = self.session.stats()
        gaps = np.diff(self.times) * 1e3
        fps = len(gaps) / (self.times[-1] - self.times[0])
        level = stats.level
        return (
            f"{fps:5.1f} fps; age p50 {np.percentile(self.ages, 50):5.1f} p95"
            f" {np.percentile(self.ages, 95):5.1f} ms; gap p95 {np.percentile(gaps, 95):5.1f} ms;"
            f" intake {stats.intake_ms:4.1f} step {stats.step_ms:4.1f} finish {stats.finish_ms:4.1f} ms;"
            f" {level.width}x{level.height}, {level.steps} step(s); {stats.dropped} inputs dropped"
            f" {stats.reason} {' '.join(self.errors)}"
        )


class Camera:
    """Sends JPEGs of moving discs while it has credit, the newest only, at most 30 a second."""

    def __init__(self, session: Session, stop: threading.Event) -> None:
        self._session = session
        self._stop = stop
        self._credits = threading.Semaphore(0)
        self._pictures = [_jpeg(phase / 30) for phase in range(30)]
        session.on_credit(lambda count: self._credits.release(count))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            tick = int((time.monotonic() - began) * CAMERA_FPS) + 1
            self._stop.wait(began + tick / CAMERA_FPS - time.monotonic())
            if self._credits.acquire(blocking=False):
                self._session.picture(self._pictures[tick % 30], time.monotonic())


def _jpeg(phase: float) -> bytes:
    width, height = CAMERA_SIZE
    y, x = np.mgrid[:height, :width].astype(np.float32)
    turn = 2 * np.pi * phase
    centres = [(0.5 + 0.3 * np.cos(turn + k), 0.5 + 0.3 * np.sin(turn + 2 * k)) for k in range(3)]
    planes = [np.hypot(x / width - a, y / height - b) < 0.15 for a, b in centres]
    pixels = np.stack(planes, axis=-1) * 200 + (x * 50 / width)[..., None]
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def _speak(session: Session, sound: np.ndarray, rate: int, stop: threading.Event) -> None:
    chunk = int(rate * CHUNK_SECONDS)
    began, sent = time.monotonic(), 0
    while not stop.wait(began + (sent + chunk) / rate - time.monotonic()):
        place = sent % (len(sound) - chunk)
        session.sound(sound[place : place + chunk], rate, time.monotonic())
        sent += chunk


def _piece(config: PipelineConfig) -> tuple[AudioFeatures, np.ndarray, int]:
    samples, rate = compose(PIECE_SECONDS)
    with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
        song = Path(folder) / "piece.wav"
        write_wav(song, samples, rate)
        features = AudioAnalyzer(config.audio).analyze(song)
    mono = np.asarray(samples, np.float32)
    return features, mono if mono.ndim == 1 else mono.mean(axis=int(np.argmin(mono.shape))), rate


def main() -> None:
    """Run, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("show", choices=("dream", "song", "sound", "see"))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--size", default="256x256", help="of the picture (default 256x256)")
    parser.add_argument("--fps", type=float, default=30.0, help="aimed at (default 30)")
    parser.add_argument("--buffer", type=int, default=1, help="frames per model call")
    parser.add_argument("--fixed", action="store_true", help="never draw less to keep time")
    parser.add_argument("--threads", type=int, help="per network (default: half the cores)")
    args = parser.parse_args()
    config = PipelineConfig()
    config.inference.width, config.inference.height = parse_size(args.size)
    config.live.fps, config.live.adapt = args.fps, not args.fixed
    config.stream.frame_buffer_size = args.buffer
    config.diffusion.threads = args.threads
    base = load_pipeline(side_by_side(config.diffusion), config.inference)
    stop = threading.Event()
    piece = _piece(config) if args.show in ("song", "sound") else None
    sessions = [Session(base, config) for _ in range(args.sessions)]
    watchers = [Watcher(session) for session in sessions]
    for session in sessions:
        if args.show == "see":
            session.use(Source(see=True))
            Camera(session, stop)
        elif args.show == "song" and piece is not None:
            session.use(Source("song", features=piece[0]))
            session.clock(0.0, True, 1.0, 0.0, time.monotonic())
        elif args.show == "sound" and piece is not None:
            session.use(Source("sound"))
            speech = session, piece[1], piece[2], stop
            threading.Thread(target=_speak, args=speech, daemon=True).start()
        session.start()
    time.sleep(3.0)
    for watcher in watchers:
        watcher.forget()
    memory, processor = memory_mb()["resident"], time.process_time()
    time.sleep(args.seconds)
    used = (time.process_time() - processor) / args.seconds
    growth = memory_mb()["resident"] - memory
    for watcher in watchers:
        print(watcher.report())
    print(f"memory {memory:.0f} MB, {growth:+.1f} MB in {args.seconds:g} s; {used:.2f} cores busy")
    stop.set()
    for session in sessions:
        session.close()


if __name__ == "__main__":
    main()
