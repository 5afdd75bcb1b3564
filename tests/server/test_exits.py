"""Exits: files, a real RTMP listener, and what happens when one breaks."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.errors import InputError, MissingExtraError, OutputError
from phosphene.show.display import Motion, Path, Way
from phosphene.show.sinks import clocked
from phosphene.show.sinks.choose import ExitOptions, choose_exits
from phosphene.show.sinks.clocked import ClockedExit
from phosphene.show.sinks.encoded import VideoSink
from phosphene.show.sinks.file import file_target
from phosphene.show.sinks.moving import Moving
from phosphene.show.sinks.remote import RemoteSink
from phosphene.show.sinks.rtmp import rtmp_target
from phosphene.show.sinks.sink import Sink
from tests.server.conftest import SIDE, serving

RATE = Fraction(30)


def until(condition, seconds=30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


@dataclass
class Picture:
    """As the channel hands it over."""

    image: np.ndarray
    sequence: int = 0
    tempo: float = 0.0
    path: Path = field(default_factory=Path)
    strobes: bool = True
    size: tuple[int, int] | None = None
    heard_at: float = 0.0
    punch: float = 0.0
    confidence: float = 1.0
    moment: Any = None

    @property
    def shown(self) -> Any:
        return self


def flat(value: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


class Memory(Sink):
    """A sink that keeps what it is given, and breaks when told to."""

    name = "memory"

    def __init__(self, *, retry: bool = False, break_at: tuple[int, ...] = ()) -> None:
        self.retry = retry
        self.frames: list[tuple[int, int]] = []
        self.opened = self.closed = 0
        self._break_at = list(break_at)

    def open(self) -> None:
        self.opened += 1

    def write(self, image, index) -> None:
        if self._break_at and len(self.frames) >= self._break_at[0]:
            self._break_at.pop(0)
            raise OSError("the cable was pulled")
        self.frames.append((index, int(image[0, 0, 0])))

    def close(self) -> None:
        self.closed += 1

    def abort(self) -> None:
        raise AssertionError("nothing hung")


def test_the_newest_picture_again_and_again_on_the_clock() -> None:
    sink = Memory()
    way_out = ClockedExit(sink, Fraction(100))
    way_out.start()
    way_out.offer(Picture(flat(1)))
    until(lambda: len(sink.frames) >= 5)
    way_out.offer(Picture(flat(2)))
    way_out.offer(Picture(flat(3)))
    until(lambda: sink.frames[-1][1] == 3)
    way_out.close()
    indices = [index for index, _ in sink.frames]
    assert indices[0] == 0
    assert indices == sorted(set(indices))
    assert [value for _, value in sink.frames][:5] == [1] * 5
    assert (sink.opened, sink.closed) == (1, 1)


def test_between_two_pictures_of_a_slow_model_the_camera_goes_on() -> None:
    """Keys five a second, an exit of thirty: every frame of it is another, and all are one size."""
    clock = 100.0
    scene = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    moving, path = Moving(float(RATE)), Path()
    frames = []
    for number in range(8):
        path.add(number, Way(Motion(1.05 + 0.1j), 0.2))
        moving.put(Picture(scene, number), path, clock)  # type: ignore[arg-type]
        for _ in range(6):
            frame = moving.at(clock)
            assert frame is not None and frame.shape == scene.shape
            frames.append(frame.copy())
            clock += 1 / 30
    late = frames[24:]
    assert all((one != two).any() for one, two in pairwise(late))
    # a fast model's pictures are shown as they are: moving them would cost, and add nothing
    for number in range(8, 40):
        path.add(number, Way(Motion(1.05 + 0.1j), 1 / 30))
        moving.put(Picture(scene, number), path, clock)  # type: ignore[arg-type]
        frame = moving.at(clock)
        clock += 1 / 30
    assert frame is scene


def test_a_beat_is_where_it_is_heard_and_not_where_its_key_came() -> None:
    ramp = np.broadcast_to(np.arange(0, 256, 4, np.uint8)[:, None], (48, 64, 3))
    path, shows = Path(), [Moving(float(RATE)), Moving(float(RATE))]
    struck, before = [], []
    for number in range(6):
        path.add(number, Way(Motion(), 0.4))
        clock = 100 + 0.4 * number
        for strength, show in enumerate(shows):
            # beats fall on 100.25, 100.75 and so on
            told = Picture(ramp, number, 120.0, heard_at=clock + 0.25, punch=float(strength))
            told.moment = SimpleNamespace(beat_position=2 * (clock - 100))
            show.put(told, path, clock)  # type: ignore[arg-type]
        for frame in range(40):
            now = clock + frame / 100
            still, hit = (np.asarray(show.at(now), float) for show in shows)
            since = (now - 100.25) % 0.5
            if number and not 0.05 <= since < 0.45:
                (struck if since < 0.05 else before).append(np.abs(hit - still).mean())
    assert np.mean(struck) > 5 * np.mean(before) + 1


def test_a_slow_sink_leaves_frames_out_and_stays_on_time() -> None:
    class Slow(Memory):
        def write(self, image, index) -> None:
            threading.Event().wait(0.05)
            super().write(image, index)

    sink = Slow()
    way_out = ClockedExit(sink, Fraction(200))
    way_out.start()
    began = time.monotonic()
    way_out.offer(Picture(flat(0)))
    until(lambda: len(sink.frames) >= 6)
    took = time.monotonic() - began
    way_out.close()
    steps = np.diff([index for index, _ in sink.frames])
    assert steps.min() >= 9
    assert sink.frames[5][0] <= took * 200


def test_a_broken_sink_says_so_once_and_is_not_waited_for(caplog) -> None:
    sink = Memory(break_at=(3,))
    way_out = ClockedExit(sink, Fraction(100))
    way_out.start()
    assert way_out.hungry
    with caplog.at_level(logging.INFO):
        way_out.offer(Picture(flat(0)))
        until(lambda: not way_out.hungry)
    way_out.offer(Picture(flat(1)))
    way_out.close()
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["memory failed: the cable was pulled; the show goes on."]
    assert len(sink.frames) == 3


def test_a_stream_comes_back(caplog, monkeypatch) -> None:
    monkeypatch.setattr(clocked, "RETRY_SECONDS", 0.05)
    sink = Memory(retry=True, break_at=(2, 2, 2))
    way_out = ClockedExit(sink, Fraction(100))
    way_out.start()
    with caplog.at_level(logging.INFO):
        way_out.offer(Picture(flat(0)))
        until(lambda: len(sink.frames) >= 6)
    assert way_out.hungry
    way_out.close()
    assert sink.opened == 4
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "memory: on air"
    assert sum("failed" in message for message in messages) >= 1
    assert messages[-1] == "memory: on air again"


def test_a_file_plays(tmp_path) -> None:
    path = tmp_path / "show.mp4"
    sink = VideoSink(file_target(str(path), 17, "veryfast"), (64, 48), RATE)
    sink.open()
    shades = [20, 60, 100, 140, 180, 220]
    for index, shade in enumerate(shades):
        # of any size: cut and scaled
        sink.write(flat(shade, 96, 160), index)
    # one left out
    sink.write(flat(240), 7)
    sink.close()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(video=0))
        assert (stream.width, stream.height) == (64, 48)
        times = [round(float(frame.pts * frame.time_base) * 30) for frame in frames]
        assert times == [0, 1, 2, 3, 4, 5, 7]
        means = [frame.to_ndarray(format="rgb24").mean() for frame in frames]
    assert np.abs(np.array(means) - [*shades, 240]).max() < 4


def test_a_file_that_was_never_finished_plays_too(tmp_path) -> None:
    path = tmp_path / "show.mp4"
    sink = VideoSink(file_target(str(path), 17, "veryfast"), (64, 48), RATE)
    sink.open()
    for index in range(300):
        sink.write(flat(index % 250), index)
    # what a power cut leaves
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(path.read_bytes())
    sink.close()
    with av.open(str(torn)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 60


class Listener:
    """Takes one RTMP stream, as a streaming service would."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"rtmp://127.0.0.1:{self.port}/live/secret-key"
        self.frames = 0
        self.sound = False
        self.size = (0, 0)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with av.open(self.url, options={"listen": "1"}, timeout=60) as container:
            self.sound = bool(container.streams.audio)
            # FFmpeg's listener takes the end of a stream for an error
            with suppress(OSError):
                for frame in container.decode(video=0):
                    self.size = frame.width, frame.height
                    self.frames += 1

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_rtmp_reaches_a_listener(base, config, caplog) -> None:
    listener = Listener()
    sink = RemoteSink(rtmp_target(listener.url, 1_000_000), (160, 90), RATE)
    with caplog.at_level(logging.INFO), serving(base, config, exits=[ClockedExit(sink, RATE)]):
        # nobody performs: the house plays for it
        until(lambda: listener.frames >= 10)
    listener.join()
    assert listener.size == (160, 90)
    assert listener.sound
    # the address is told without its key
    told = " ".join(record.getMessage() for record in caplog.records)
    assert f"stream to 127.0.0.1:{listener.port}" in told
    assert "secret-key" not in told


def test_recording_goes_on_from_the_house_to_a_performer(base, config, tmp_path) -> None:
    path = tmp_path / "show.mp4"
    exits = choose_exits(ExitOptions(record=str(path)), config, (SIDE, SIDE))
    with serving(base, config, exits=exits) as served:
        until(lambda: served.app_state.registry.house is not None)
        with served.socket() as performer:
            performer.acknowledge = False
            performer.until("hello")
            # the recording alone keeps the session going
            handle = served.app_state.registry.find(performer.session)
            until(lambda: handle.session.stats().frames > 20)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) > 5
    assert frames[0].width == SIDE


def test_an_address_that_nobody_listens_on_costs_nothing(base, config, caplog) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    target = rtmp_target(f"rtmp://127.0.0.1:{port}/live/k", 1_000_000)
    way_out = ClockedExit(RemoteSink(target, (64, 64), RATE), RATE)
    with serving(base, config, exits=[way_out]) as served, served.socket() as client:
        client.pictures(5)
        until(lambda: any("failed" in record.getMessage() for record in caplog.records))
        client.pictures(5)


def test_a_service_that_hangs_is_given_up(monkeypatch, caplog) -> None:
    monkeypatch.setattr(clocked, "STALL_SECONDS", 1.0)
    monkeypatch.setattr(clocked, "RETRY_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        target = rtmp_target(f"rtmp://127.0.0.1:{port}/live/k", 1_000_000)
        way_out = ClockedExit(RemoteSink(target, (64, 64), RATE), RATE)
        way_out.start()

        def failed() -> bool:
            way_out.offer(Picture(flat(0)))
            return any("failed" in record.getMessage() for record in caplog.records)

        until(failed)
        way_out.close()


@pytest.mark.parametrize(
    ("options", "error", "word"),
    [
        (ExitOptions(record="show.avi"), OutputError, ".mp4"),
        (ExitOptions(record="no/such/folder/show.mp4"), OutputError, "no/such/folder"),
        (ExitOptions(rtmp="http://example.com"), InputError, "rtmp://"),
    ],
)
def test_exits_that_cannot_be(options, error, word) -> None:
    with pytest.raises(error, match=word):
        choose_exits(options, PipelineConfig(), (64, 64))


def test_recordings_are_not_overwritten(tmp_path) -> None:
    path = tmp_path / "show.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="--overwrite"):
        choose_exits(ExitOptions(record=str(path)), PipelineConfig(), (64, 64))
    assert choose_exits(ExitOptions(record=str(path), overwrite=True), PipelineConfig(), (64, 64))


def test_a_camera_without_its_extra(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyvirtualcam", None)
    with pytest.raises(MissingExtraError, match="virtual-camera"):
        choose_exits(ExitOptions(virtual_camera=True), PipelineConfig(), (64, 64))
