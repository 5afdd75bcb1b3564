"""What runs on the machines of a cluster: hears songs, draws segments."""

from __future__ import annotations

import os
import platform
import queue
import tempfile
import threading
import time
import traceback
from collections import deque
from dataclasses import replace
from pathlib import Path

import phosphene
from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.cluster.orders import (
    Answer,
    Done,
    Hello,
    Order,
    Parcel,
    Refused,
    SongOrder,
    VideoOrder,
)
from phosphene.config import AudioConfig, PipelineConfig
from phosphene.diffusion import BasePipeline, load_pipeline
from phosphene.errors import InputError, PhospheneError
from phosphene.show.drawing import draw
from phosphene.show.render import apply_size
from phosphene.show.sinks.segments import SegmentSink
from phosphene.show.transform.job import prepare
from phosphene.show.transform.line import Line
from phosphene.show.transform.segments import stages_of
from phosphene.video.files import content_mark
from phosphene.video.sizes import even_size
from phosphene.video.spec import VideoSpec, frame_rate
from phosphene.video.target import clamp_fps

WAITING = 1
"""finished segments; while one waits to be fetched the next is drawn, and then the worker waits"""


class Outbox:
    """A :class:`~phosphene.show.sinks.segments.Shelf` whose segments become parcels.

    Args:
        folder: for the segment that is being written.
        idle_since: time.perf_counter() at which the worker ran out of work.
    """

    def __init__(self, folder: Path, idle_since: float) -> None:
        self._folder = folder
        self._answers: queue.Queue[Answer] = queue.Queue(WAITING)
        self._since = idle_since
        self._cpu = time.process_time()
        self._waited = time.perf_counter() - idle_since

    @property
    def next_path(self) -> Path:
        """Where the open segment is written."""
        return self._folder / "segment.mp4"

    def add(self, frames: int, state: bytes) -> None:
        """Hand over the segment at :attr:`next_path`."""
        video = self.next_path.read_bytes()
        self.next_path.unlink()
        now = time.perf_counter()
        worked = now - self._since - self._waited
        cpu = time.process_time()
        self._answers.put(Parcel(video, frames, state, self._waited, worked, cpu - self._cpu))
        self._cpu = cpu
        self._since, self._waited = now, time.perf_counter() - now

    def end(self, answer: Answer) -> None:
        """Hand over the last answer."""
        self._answers.put(answer)

    def take(self) -> Answer:
        """The next answer, when there is one."""
        return self._answers.get()


class Ear:
    """Hears songs, so that those who draw need not."""

    def hear(
        self, song: bytes, name: str, config: AudioConfig, start: float, duration: float | None
    ) -> AudioFeatures | Refused:
        """Features of a song that came along as bytes; ``name`` is what it is called at home."""
        with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
            path = Path(folder) / ("song" + Path(name).suffix)
            path.write_bytes(song)
            try:
                return AudioAnalyzer(config).analyze(path, start, duration)
            except Exception as error:
                refused = _refusal(error)
                return replace(refused, error=refused.error.replace(str(path), name))


class Worker:
    """Carries out one order at a time, with a model that stays loaded.

    ``threads`` are those of each network on a CPU; None leaves it to the model.
    """

    def __init__(self, threads: int | None) -> None:
        self._threads = threads
        self._loaded: tuple[str, BasePipeline] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="phosphene-")
        self._outbox: Outbox | None = None
        self._idle_since = time.perf_counter()

    def hello(self) -> Hello:
        """Who this is; answered once it is up."""
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return Hello(
            phosphene.__version__,
            platform.node(),
            os.getpid(),
            tuple(filter(None, gpus.split(","))),
        )

    def begin(self, order: Order) -> Answer:
        """Start on an order, the last one being over; gives the first answer."""
        self._outbox = Outbox(Path(self._folder.name), self._idle_since)
        threading.Thread(
            target=self._run, args=(order, self._outbox), name="phosphene-order", daemon=True
        ).start()
        return self._outbox.take()

    def take(self) -> Answer:
        """The next answer, until the order is over."""
        if self._outbox is None:
            raise LookupError("this worker was started anew and has no order")
        return self._outbox.take()

    def _run(self, order: Order, outbox: Outbox) -> None:
        try:
            answer: Answer = self._carry_out(order, outbox)
        except Exception as error:
            answer = _refusal(error)
        self._idle_since = time.perf_counter()
        outbox.end(answer)

    def _carry_out(self, order: Order, outbox: Outbox) -> Done:
        base = self._model(order.config)
        if isinstance(order, SongOrder):
            return draw_song(order, base, outbox)
        return draw_video(order, base, outbox)

    def _model(self, config: PipelineConfig) -> BasePipeline:
        key = config.diffusion.model_dump_json()
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # two models at a time may not fit
            diffusion = config.diffusion.model_copy()
            if self._threads is not None:
                diffusion.suggest(threads=self._threads)
            self._loaded = key, load_pipeline(diffusion, config.inference.model_copy())
        return self._loaded[1]


def draw_song(order: SongOrder, base: BasePipeline, outbox: Outbox) -> Done:
    """Draw a part of a song's video as :func:`~phosphene.show.render.render_source` does."""
    config = order.config.model_copy(deep=True)
    view = base.view(config.inference)
    view.suggest(config)
    plan = apply_size(view, config, order.size)
    size = even_size(plan.output)
    rate = frame_rate(config.audio.fps)
    sink = SegmentSink(outbox, VideoSpec.of(config.video, size, rate))
    deque(draw(order.part, sink, rate, order.features, config, view), maxlen=0)
    return Done(size)


def draw_video(order: VideoOrder, base: BasePipeline, outbox: Outbox) -> Done:
    """Draw over a video as :func:`~phosphene.show.transform.transform` does."""
    source = order.source
    try:
        same = content_mark(source) == order.content
    except OSError:
        same = False
    if not same:
        raise InputError(
            f"{source} is not the same file on {platform.node()}: videos must lie on a path that every"
            " machine of the cluster sees."
        )
    job = prepare(source, order.config, order.options, base)
    size, rate = even_size(job.wanted), frame_rate(clamp_fps(job.tempo.rate))
    batcher, stages = stages_of(job, size, rate, outbox, order.first, order.state)
    with Line(stages, 2 * job.config.transform.batch) as line:
        deque(line, maxlen=0)
    return Done(size, (*job.clip.notes, *batcher.notes(source.name)))


def _refusal(error: Exception) -> Refused:
    if isinstance(error, PhospheneError):
        return Refused(str(error))
    last = traceback.format_exception_only(error)[-1].strip()
    return Refused(f"the worker met a fault ({last}).", "".join(traceback.format_exception(error)))
