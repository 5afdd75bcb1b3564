"""Features of an imaginary song, for everything that does not need to hear a real one."""

from __future__ import annotations

import os
import signal
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

from phosphene.audio.types import AudioFeatures

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

# no test fails because a machine is busy; with CI set, hypothesis takes the same examples every time
EXAMPLES = 40 if os.environ.get("CI") else 100
"""of a property, where a test does not say"""
settings.register_profile("patient", parent=settings(), deadline=None, max_examples=EXAMPLES)
settings.load_profile("patient")

LONGEST = ("cluster",)
"""folders whose tests share what takes long to start, and wait for it more than they compute"""


ALONE = (
    "browser",
    "integrations/test_beats.py",
    "server/test_exits.py",
    "server/test_live_command.py",
    "show/test_sound.py",
    "show/test_stage_sinks.py",
)
"""folders and files whose tests play in real time: ``make test`` runs them last, with nothing beside them"""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # as in a shell's background; tests of Ctrl-C and the programs they start want to hear it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _in_float32() -> Iterator[None]:
    """Networks count in float32 whatever the processor has: tests compare to the last bits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phosphene.diffusion.checkpoints.device.has_bfloat16", lambda: False)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that play in real time are marked; of the others the longest begin first."""
    for item in items:
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        if path.startswith(ALONE):
            item.add_marker(pytest.mark.alone)
    items.sort(key=lambda item: not set(LONGEST).intersection(item.path.parts))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Several processes share the tests by files, and by whole folders of the longest.

    Tests of a file often share a server or a page, in order. Groups by mark (``--dist loadgroup``) would say
    the same, but xdist 3.8 loses them under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.split("::")[0]
            folder = Path(path).parts[1]
            return folder if folder in LONGEST else path

        def remove_node(self, node: WorkerController) -> str | None:
            # where a process dies, xdist 3.8 hands its files on whole: one that is done already gives the
            # next process no test to report, which then is waited for without end, and the test that
            # killed one process would kill them all
            mine = self.assigned_work.pop(node)
            left = [
                (unit, test) for unit in mine.values() for test, ended in unit.items() if not ended
            ]
            crashed = None
            if left:
                unit, crashed = left[0]
                unit[crashed] = True
            self.workqueue.update(
                {scope: unit for scope, unit in mine.items() if not all(unit.values())}
            )
            for other in self.assigned_work:
                self._reschedule(other)
            return crashed

    return Together(config, log)


class ToldAtOnce:
    """What fails is told when it fails: a run that is ended before its summary would keep it to itself."""

    LINES = 12
    """of the end of what a failure says"""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            terminal = self.config.pluginmanager.get_plugin("terminalreporter")
            told = report.longreprtext.splitlines()[-self.LINES :]
            terminal.write_line("\n".join(["", f"{report.nodeid} ({report.when})", *told]))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(ToldAtOnce(config))


def make_features(
    num_frames: int = 96, fps: float = 24.0, tempo: float = 120.0, seed: int = 0, start: float = 0.0
) -> AudioFeatures:
    """A song with a steady beat, moving harmony and one section change in the middle."""
    rng = np.random.default_rng(seed)
    times = start + np.arange(num_frames) / fps
    position = times * tempo / 60.0
    end = times[-1]
    beat_times = np.arange(np.ceil(start * tempo / 60), end * tempo / 60 + 1e-9) * 60.0 / tempo
    beat_frames = np.rint((beat_times - start) * fps).astype(np.int64)
    phase = position % 1.0
    onset = np.exp(-6 * phase).astype(np.float32)
    chroma = rng.random((12, num_frames)).astype(np.float32)
    return AudioFeatures(
        fps=fps,
        start=start,
        duration=num_frames / fps,
        sample_rate=44100,
        tempo=tempo,
        tempo_confidence=0.9,
        beat_times=beat_times,
        beat_frames=beat_frames[beat_frames < num_frames],
        beat_position=position.astype(np.float32),
        onset_strength=onset,
        energy=(0.3 + 0.5 * rng.random(num_frames)).astype(np.float32),
        bass=(0.5 + onset).astype(np.float32),
        mid=np.ones(num_frames, np.float32),
        treble=np.ones(num_frames, np.float32),
        centroid=np.full(num_frames, 1500, np.float32),
        chroma_cq=chroma / chroma.max(axis=0),
        section_frames=np.array([0, num_frames // 2]),
    )


def make_silence(num_frames: int = 48) -> AudioFeatures:
    """Nothing to hear: no tempo, no beats, all zeros."""
    zero = np.zeros(num_frames, np.float32)
    return AudioFeatures(
        fps=24.0,
        start=0.0,
        duration=num_frames / 24.0,
        sample_rate=44100,
        tempo=0.0,
        tempo_confidence=0.0,
        beat_times=np.zeros(0),
        beat_frames=np.zeros(0, np.int64),
        beat_position=zero.copy(),
        onset_strength=zero.copy(),
        energy=zero.copy(),
        bass=zero.copy(),
        mid=zero.copy(),
        treble=zero.copy(),
        centroid=zero.copy(),
        chroma_cq=np.zeros((12, num_frames), np.float32),
        section_frames=np.array([0]),
    )


@pytest.fixture
def features() -> AudioFeatures:
    return make_features()


@pytest.fixture
def silence() -> AudioFeatures:
    return make_silence()


@pytest.fixture
def wav(tmp_path_factory):
    """Two seconds of clicks at 120 BPM over a soft tone, 22050 Hz mono."""
    rate, seconds = 22050, 2
    times = np.arange(rate * seconds) / rate
    clicks = np.exp(-40 * (times % 0.5)) * np.sin(2 * np.pi * 180 * times)
    sound = 0.6 * clicks + 0.1 * np.sin(2 * np.pi * 440 * times)
    path = tmp_path_factory.mktemp("song") / "song.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32000).astype("<i2").tobytes())
    return path
