"""The sound card: PortAudio is played by a stand-in, everything behind it is real."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from phosphene.errors import InputError, MissingExtraError
from phosphene.server.limits import Limits
from phosphene.server.microphone import Microphone
from tests.server.client import now
from tests.server.conftest import serving

RATE = 44100


class PortAudioError(Exception):
    pass


class PortAudio:
    """One stereo input called "Line in" that plays what it is told to."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.stream: SimpleNamespace | None = None

    def query_devices(self, device=None, kind=None):
        found = {"name": "Line in", "default_samplerate": 44100.0, "max_input_channels": 2}
        if kind is None:
            return [found]
        if device not in (None, 0, "Line"):
            raise ValueError(f"No input device matching {device!r}")
        return found

    def InputStream(self, **options):
        self.stream = SimpleNamespace(
            **options, start=lambda: None, abort=lambda: None, close=lambda: None
        )
        return self.stream

    def play(self, samples: np.ndarray) -> None:
        times = SimpleNamespace(currentTime=10.02, inputBufferAdcTime=10.0)
        self.stream.callback(samples, len(samples), times, None)


@pytest.fixture
def portaudio(monkeypatch) -> PortAudio:
    fake = PortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


def test_a_performer_hears_it(base, config, portaudio) -> None:
    microphone = Microphone("Line")
    block = RATE // 100
    times = np.arange(block * 400) / RATE
    tone = np.repeat(0.5 * np.sin(2 * np.pi * 440 * times)[:, None], 2, axis=1).astype(np.float32)
    with (
        serving(base, config, Limits(), microphone=microphone) as served,
        served.socket() as client,
    ):
        assert client.until("hello")["sources"] == {"soundcard": True}
        client.send(type="clock", t=now())
        client.send(type="source", hear="soundcard", see=False, id=1)
        client.until("source", id=1)
        stop = threading.Event()

        def play() -> None:
            for start in range(0, len(tone), block):
                portaudio.play(tone[start : start + block])
                if stop.wait(0.01):
                    return

        playing = threading.Thread(target=play)
        playing.start()
        try:
            # A is the tenth pitch class
            assert any(client.until("heard")["chroma"][9] > 0.9 for _ in range(150))
        finally:
            stop.set()
            playing.join()
        # whoever turns elsewhere is unplugged
        client.send(type="source", hear="nothing", see=False, id=2)
        client.until("source", id=2)
        assert microphone._takers == ()


def test_the_house_plays_to_it(base, config, portaudio) -> None:
    microphone = Microphone(None)
    with (
        serving(base, config, microphone=microphone) as served,
        served.socket("?watch=latest") as watcher,
    ):
        watcher.pictures(1)
        assert microphone._takers == (served.app_state.registry.house.sound,)
    assert microphone._takers == ()


def test_devices_go_by_name_number_or_not_at_all(portaudio) -> None:
    for device in (None, "0", "Line"):
        assert Microphone(device).name == "Line in"
    with pytest.raises(InputError, match=r"'Drums' cannot be opened: inputs: Line in\."):
        Microphone("Drums")


def test_without_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match="soundcard"):
        Microphone(None)
