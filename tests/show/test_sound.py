"""The show's sound for exits: read on an even clock, and leaving with the pictures that were made of it."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
import types
from fractions import Fraction

import av
import numpy as np
import pytest

from phosphene.audio.compose import write_wav
from phosphene.show.display import Path
from phosphene.show.live.song import SongClock
from phosphene.show.sinks.clocked import Behind, ClockedExit
from phosphene.show.sinks.encoded import VideoSink
from phosphene.show.sinks.file import file_target
from phosphene.show.sinks.ndi import NdiSink
from phosphene.show.sinks.sound import RATE, SEAM, Head, LiveTape, SongTape, Tap, write_tape
from phosphene.show.sinks.whip import WhipSink
from tests.show.receivers import Whip, near  # noqa: F401 (fixture)

BLOCK = 1600
TONE = 440.0


@pytest.fixture
def tape(tmp_path) -> SongTape:
    """Twenty seconds of a tone."""
    tone = 0.5 * np.sin(2 * np.pi * TONE * np.arange(20 * RATE) / RATE)
    path = tmp_path / "tape"
    path.write_bytes((np.repeat(tone[:, None], 2, 1) * 32767).astype("<i2").tobytes())
    return SongTape(path)


def steepest(sound: np.ndarray) -> float:
    return float(np.abs(np.diff(sound[0])).max())


def pitch(sound: np.ndarray) -> float:
    """Hz of what is strongest."""
    power = np.abs(np.fft.rfft(sound[0] * np.hanning(sound.shape[1])))
    return float(np.argmax(power) * RATE / sound.shape[1])


def test_a_clock_that_trembles_and_drifts_is_not_heard(tape) -> None:
    head, jitter, out = Head(), random.Random(1), []
    for number in range(300):
        at = number * BLOCK / RATE
        if number % 6 == 0:
            # five words a second, a few milliseconds off, from a player that runs 0.1 % fast
            told = at * 1.001 + 1.0 + jitter.uniform(-0.004, 0.004)
            tape.clock = SongClock(told, True, at=at)
        out.append(head.read(tape, at, BLOCK))
    sound = np.concatenate(out, axis=1)[:, BLOCK:]
    # no steeper than the tone itself: no seam, no step
    assert steepest(sound) < 0.5 * 2 * np.pi * TONE / RATE * 1.02
    assert pitch(sound) == pytest.approx(TONE, rel=3e-3)
    assert abs(head._place / RATE - (1.0 + 10.0 * 1.001)) < 0.02


def test_a_seek_a_pause_and_another_speed(tape) -> None:
    head = Head()
    tape.clock = SongClock(1.0, True, at=0.0)
    out = [head.read(tape, n * BLOCK / RATE, BLOCK) for n in range(10)]
    tape.clock = SongClock(15.0 + 0.25 / TONE, True, at=10 * BLOCK / RATE)
    out += [head.read(tape, n * BLOCK / RATE, BLOCK) for n in range(10, 20)]
    # where the tone begins and where it leaps it goes over, within 10 ms
    assert steepest(np.concatenate(out, axis=1)) < 0.04
    assert head._place / RATE == pytest.approx(15.0 + 10 * BLOCK / RATE, abs=0.01)
    tape.clock = SongClock(5.0, False, at=1.0)
    ends = head.read(tape, 1.0, BLOCK), head.read(tape, 1.1, BLOCK)
    assert np.abs(ends[0]).max() > 0.1 and not ends[1].any()
    tape.clock = SongClock(2.0, True, rate=1.5, at=2.0)
    fast = [head.read(tape, 2.0 + n * BLOCK / RATE, BLOCK) for n in range(30)]
    assert pitch(np.concatenate(fast, axis=1)) == pytest.approx(1.5 * TONE, rel=3e-3)
    tape.clock = SongClock(19.99, True, at=10.0)
    # after its end there is nothing but the seam
    assert not head.read(tape, 10.1, BLOCK)[:, SEAM:].any()


def test_a_microphone_of_another_rate_on_a_line_that_trembles() -> None:
    tap, jitter, rate, size = Tap(), random.Random(2), 44_100, 882
    tap.use(None, live=True)
    head, out = Head(), []
    now = time.monotonic()
    for number in range(400):
        places = number * size + np.arange(size)
        samples = (0.5 * np.sin(2 * np.pi * TONE * places / rate)).astype(np.float32)
        captured = now + (number + 1) * size / rate + jitter.uniform(-0.003, 0.003)
        tap.sound(samples, rate, captured)
        if number > 10:
            # 0.12 s after it was heard
            out.append(head.read(tap.tape, now + number * size / rate - 0.1, 960))
    sound = np.concatenate(out, axis=1)[:, 4800:]
    assert steepest(sound) < 0.5 * 2 * np.pi * TONE / RATE * 1.02
    assert pitch(sound) == pytest.approx(TONE, rel=3e-3)
    # what stays out is silence
    assert isinstance(tap.tape, LiveTape)
    head.read(tap.tape, captured + 2.0, BLOCK)
    assert not head.read(tap.tape, captured + 2.1, BLOCK).any()
    tap.use(None)
    tap.sound(samples, rate, captured)
    assert tap.tape is None


def test_an_exit_waits_as_long_as_its_pictures_need() -> None:
    behind = Behind()
    for lag in (0.08, 0.09, 0.1, 0.11, 0.1, 0.09, 0.1):
        behind.came(lag, 0.05)
    first = behind.seconds
    assert 0.09 < first < 0.12
    for _ in range(40):
        behind.came(0.08, 0.05)
    # a little earlier is no reason to go
    assert behind.seconds == first
    for lag, least, wanted in ((0.3, 0.05, 0.3), (-0.1, 0.05, 0.05), (9.0, 0.05, 1.0)):
        for _ in range(50):
            behind.came(lag, least)
        assert wanted - 0.02 <= behind.seconds <= wanted + 0.1


def test_any_song_becomes_a_tape(tmp_path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * TONE * np.arange(3 * 22050) / 22050)
    write_wav(tmp_path / "a.wav", tone.astype(np.float32), 22050)
    write_tape(tmp_path / "a.wav", tmp_path / "tape")
    tape = SongTape(tmp_path / "tape")
    sound = tape.take(0, 3 * RATE)
    assert pitch(sound[:, RATE : 2 * RATE]) == pytest.approx(TONE, abs=1)
    assert np.abs(sound[:, RATE:-RATE]).max() == pytest.approx(0.5, abs=0.02)
    assert np.abs(sound[:, -2000:-1000]).max() > 0.4


LEFT, RIGHT = 24_000, -16_000
"""16-bit levels of a click"""


class Clicking:
    """A song of a click every second, and pictures that are white where it is heard, some late."""

    offset = 0.0

    def __init__(self, folder, latest: float = 0.12) -> None:
        samples = np.zeros((60 * RATE, 2), "<i2")
        for second in range(60):
            samples[second * RATE : second * RATE + 480] = LEFT, RIGHT
        (folder / "clicks").write_bytes(samples.tobytes())
        self.tape = SongTape(folder / "clicks")
        self._latest = latest
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def feed(self, way_out: ClockedExit) -> None:
        """Begin to offer pictures, thirty a second."""
        self._way_out = way_out
        way_out.hear(self)
        way_out.start()
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._way_out.close(5.0)

    def _play(self) -> None:
        began, jitter = time.monotonic(), random.Random(3)
        self.tape.clock = SongClock(0.5, True, at=began)
        for number in itertools.count():
            heard_at = began + number / 30
            due = heard_at + jitter.uniform(0.3 * self._latest, self._latest)
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            lit = self.tape.clock.position_at(heard_at) % 1 < 0.2
            image = np.full((90, 160, 3), 255 if lit else 0, np.uint8)
            shown = types.SimpleNamespace(
                image=image, sequence=number, size=None, tempo=0.0, strobes=True, heard_at=heard_at
            )
            self._way_out.offer(types.SimpleNamespace(shown=shown, path=Path()))


def offsets(flashes: list[float], clicks: list[float]) -> list[float]:
    """Seconds from each flash to the click that is nearest."""
    return [min((click - flash for click in clicks), key=abs) for flash in flashes]


def begins(times, loud) -> list[float]:
    """When it becomes bright or loud after half a second that was not."""
    found, quiet = [], -1.0
    for at, on in zip(times, loud, strict=True):
        if on and at - quiet > 0.5:
            found.append(float(at))
        quiet = max(quiet, at) if on else quiet
    return found[1:]


def test_a_file_has_sound_and_picture_together(tmp_path) -> None:
    target = file_target(str(tmp_path / "show.mp4"), 20, "ultrafast", sound=True)
    rate = Fraction(30)
    sink = VideoSink(target, (160, 90), rate)
    show = Clicking(tmp_path)
    show.feed(ClockedExit(sink, rate, sounds=True))
    time.sleep(9.0)
    show.close()
    with av.open(str(tmp_path / "show.mp4")) as file:
        frames = [(float(f.time), f.to_ndarray(format="gray").mean()) for f in file.decode(video=0)]
    with av.open(str(tmp_path / "show.mp4")) as file:
        parts = [(float(f.time), f.to_ndarray()) for f in file.decode(audio=0)]
    flashes = begins(*zip(*((at, mean > 128) for at, mean in frames), strict=True))
    heard = np.concatenate([np.minimum(left, -1.5 * right) for _, (left, right) in parts])
    places = parts[0][0] + np.arange(len(heard)) / RATE
    clicks = begins(places[::48], heard[::48] > 0.2)
    assert len(flashes) >= 3
    off = offsets(flashes, clicks)
    print(
        f"flash to click: {np.median(off) * 1e3:.0f} ms, {min(off) * 1e3:.0f} to {max(off) * 1e3:.0f}"
    )
    # one frame, and what an encoder puts before the first sample
    assert abs(np.median(off)) < 0.045


NDI_RECEIVER = """
import json, sys, time
import numpy as np
from cyndilib.audio_frame import AudioFrameSync
from cyndilib.finder import Finder
from cyndilib.receiver import Receiver
from cyndilib.video_frame import VideoFrameSync
finder = Finder()
finder.open()
found = []
while not found:
    finder.wait_for_sources(0.5)
    found = [each for each in finder.get_source_names() if sys.argv[1] in each]
receiver = Receiver()
video, audio = VideoFrameSync(), AudioFrameSync()
receiver.frame_sync.set_video_frame(video)
receiver.frame_sync.set_audio_frame(audio)
receiver.set_source(finder.get_source(found[0]))
seen, heard, due = [], [], time.monotonic()
end = due + 11
while due < end:
    # as programs do that show a picture and play sound: each as much as the clock says
    due += 0.01
    time.sleep(max(0.0, due - time.monotonic()))
    receiver.frame_sync.capture_video()
    if video.get_buffer_size():
        seen.append((due, float(np.frombuffer(video, np.uint8)[1::2].mean())))
    if not receiver.frame_sync.capture_audio(480):
        continue
    left, right = audio.get_array()
    # louder left than right, the other way round there, and nowhere else: as the song has it
    block = np.minimum(left, -1.5 * right)
    heard += [(due + n / 48000, float(block[n : n + 48].max())) for n in range(0, len(block), 48)]
print(json.dumps([seen, heard]))
"""


def judged(seen, heard, what: str) -> float:
    """Median milliseconds from flash to click, printed."""
    flashes = begins(*zip(*((at, value > 128) for at, value in seen), strict=True))
    clicks = begins(*zip(*((at, value > 0.2) for at, value in heard), strict=True))
    assert len(flashes) >= 3 and len(clicks) >= 3
    off = [1e3 * each for each in offsets(flashes, clicks)]
    print(f"{what}, flash to click: {np.median(off):.0f} ms, {min(off):.0f} to {max(off):.0f}")
    return float(np.median(off))


def test_ndi_brings_sound_and_picture_together(tmp_path, near) -> None:  # noqa: F811
    name = f"phosphene sound {os.getpid()}"
    sink = NdiSink(name, (160, 90), Fraction(30), sound=True)
    show = Clicking(tmp_path)
    show.feed(ClockedExit(sink, Fraction(30), sounds=True))
    command = [sys.executable, "-c", NDI_RECEIVER, name]
    receiver = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)
    show.close()
    seen, heard = json.loads(receiver.stdout.splitlines()[-1])
    assert abs(judged(seen, heard, "NDI")) < 60


def test_whip_brings_sound_and_picture_together(tmp_path) -> None:
    whip = Whip()
    sink = WhipSink(whip.url, None, (160, 90), Fraction(30), sound=True)
    show = Clicking(tmp_path)
    show.feed(ClockedExit(sink, Fraction(30), sounds=True))
    time.sleep(10.0)
    show.close()
    seen = [(at, frame.mean()) for at, frame in whip.came]
    heard = [
        (at + n / RATE, float(np.abs(block[n : n + 96]).max()) / 32768)
        for at, block in whip.heard
        for n in range(0, block.size, 96)
    ]
    whip.close()
    # the peer holds sound back: four packets of 20 ms
    heard = [(at - 0.08, value) for at, value in heard]
    assert abs(judged(seen, heard, "WHIP")) < 60
