"""Link by two real peers in two processes; MIDI clock through a real port, or the nearest thing there is."""

from __future__ import annotations

import asyncio
import importlib.util
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from phosphene.errors import InputError
from phosphene.integrations import midi
from phosphene.integrations.link import LinkCompanion
from phosphene.integrations.midi import ClockReader, MidiClockOut, MidiIn, open_port
from phosphene.server.companion import Hands
from phosphene.show import doctor
from tests.server.client import PATIENCE
from tests.server.conftest import base, config, serving  # noqa: F401 (fixtures)

PEER = """
import asyncio, sys, time, warnings
warnings.simplefilter("ignore")
import aalink

async def main():
    link = aalink.Link(float(sys.argv[1]), asyncio.get_running_loop())
    link.quantum = 4
    link.start_stop_sync_enabled = True
    link.enabled = True
    loop = asyncio.get_running_loop()
    print("up", flush=True)
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if line.startswith("tempo"):
            link.tempo = float(line.split()[1])
        if line.startswith("playing"):
            link.playing = line.endswith("1")
        a = time.monotonic()
        beat = link.beat
        print(0.5 * (a + time.monotonic()), beat, link.tempo, link.num_peers, flush=True)
asyncio.run(main())
"""


class Peer:
    """Another program on Link."""

    def __init__(self, tempo: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PEER, str(tempo)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout.readline() == "up\n"

    def ask(self, what: str = "look") -> tuple[float, float, float, float]:
        """Monotonic time, beats then, tempo, peers."""
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return tuple(map(float, self.process.stdout.readline().split()))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def eventually(what, patience=PATIENCE) -> None:
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_link_in_two_processes(base, config) -> None:  # noqa: F811
    companion, peer = LinkCompanion(), Peer(97.0)
    try:
        with serving(base, config, companions=[companion]) as served, served.socket() as page:
            page.until("heard", beat_from="link")
            peer.ask("tempo 133")
            heard = page.until("heard", beat_from="link", tempo=133.0)
            assert heard["beats_per_bar"] == 4 and heard["confidence"] == 1.0
            session = served.app_state.registry.on_show.session
            offs = []
            for _ in range(40):
                outer = session._audio_input._outer["link"]
                at, beats, tempo, _ = peer.ask()
                off = (outer.beat.beats_at(at) - beats) * 60 / tempo
                offs.append(abs(off))
                time.sleep(0.01)
            assert max(offs) < 0.005, f"{max(offs) * 1e3:.2f} ms"
            print(f"Link: {np.median(offs) * 1e3:.2f} ms off, most {max(offs) * 1e3:.2f} ms")
            # start and stop are followed
            peer.ask("playing 1")
            time.sleep(0.3)
            peer.ask("playing 0")
            eventually(lambda: page.until("heard")["tempo"] == 0.0)
            peer.ask("playing 1")
            page.until("heard", beat_from="link", tempo=133.0)
            # its own beat is what is left when nobody else is there
            peer.close()
            page.until("heard", beat_from="own")
            assert '"source": "link", "tempo": 133' in session.score()
    finally:
        peer.close()


def test_link_is_led_by_the_show(base, config) -> None:  # noqa: F811
    companion, peer = LinkCompanion("lead"), Peer(97.0)
    try:
        with serving(base, config, companions=[companion]) as served, served.socket() as page:
            page.until("hello")
            session = served.app_state.registry.on_show.session
            for _ in range(4):
                session.beat("tap", time.monotonic())
                time.sleep(0.4)
            eventually(lambda: abs(peer.ask()[2] - 150.0) < 6.0)
            heard = page.until("heard", beat_from="hand")
            assert heard["tempo"] == pytest.approx(peer.ask()[2], abs=0.1)
    finally:
        peer.close()


def fed(tempo: float, seconds: float, jitter: float, reader: ClockReader, begin=0.0) -> float:
    """Pulses of a made clock; the time of the last."""
    generator = random.Random(3)
    step, at = 60 / tempo / 24, begin
    for number in range(round(seconds / step)):
        at = begin + number * step
        reader.pulse(at + generator.uniform(-jitter, jitter))
    return at


@pytest.mark.parametrize("tempo", [60.0, 93.7, 120.0, 174.0, 220.0])
def test_a_clock_is_read_to_a_thousandth_through_jitter(tempo) -> None:
    reader = ClockReader()
    reader.start()
    last = fed(tempo, 8.0, 0.001, reader)
    beat = reader.beat(last)
    assert beat.tempo == pytest.approx(tempo, rel=1e-3)
    assert beat.beats_at(last) == pytest.approx(last * tempo / 60, abs=0.01)
    assert reader.beat(last + 1.0) is None


def test_transport_and_another_tempo() -> None:
    reader = ClockReader()
    reader.start()
    last = fed(120.0, 4.0, 0.0005, reader)
    reader.stop()
    fed(120.0, 1.0, 0.0005, reader, last + 60 / 120 / 24)
    stood = reader.beat(last + 1.0)
    assert not stood.running and stood.beats == pytest.approx(191 / 24, abs=0.05)
    reader.place(32)
    reader.go_on()
    last = fed(150.0, 3.0, 0.0005, reader, last + 1.02)
    beat = reader.beat(last)
    assert beat.running and beat.tempo == pytest.approx(150.0, rel=2e-3)
    assert beat.beats_at(last) == pytest.approx(8 + 3.0 * 150 / 60, abs=0.1)


@contextmanager
def line():
    """A virtual input and an output that leads to it, and what carries them.

    ALSA's sequencer where the machine has it, else the library's own ports over TCP.
    """
    import mido

    for api in ("LINUX_ALSA", "MACOSX_CORE"):
        with suppress(Exception):
            backend = mido.Backend(f"mido.backends.rtmidi/{api}")
            inlet = backend.open_input("phosphene test", virtual=True)
            name = next(n for n in backend.get_output_names() if "phosphene test" in n)
            yield inlet, backend.open_output(name), api
            return
    from mido.sockets import PortServer, connect

    with PortServer("127.0.0.1", 0) as server:
        port = server._socket.getsockname()[1]
        outlet = connect("127.0.0.1", port)
        yield server.accept(), outlet, "mido's ports over TCP"


def test_a_clock_through_a_port_holds_its_tempo(base, config) -> None:  # noqa: F811
    import mido

    with line() as (inlet, outlet, carried):
        companion = MidiIn("virtual", inlet)
        stop = threading.Event()

        def play(tempo=126.0) -> None:
            outlet.send(mido.Message("start"))
            begin, number = time.monotonic(), 0
            while not stop.is_set():
                due = begin + number * 60 / tempo / 24
                time.sleep(max(0.0, due - time.monotonic()))
                outlet.send(mido.Message("clock"))
                number += 1

        thread = threading.Thread(target=play)
        with serving(base, config, companions=[companion]) as served, served.socket() as page:
            thread.start()
            page.until("heard", beat_from="midi")
            outlet.send(mido.Message("control_change", control=7, value=127))
            time.sleep(4.5)
            tempi = [page.until("heard", beat_from="midi")["tempo"] for _ in range(30)]
            stop.set()
            thread.join()
            text = served.app_state.registry.on_show.session.score()
            page.until("heard", beat_from="own")
        print(f"MIDI clock over {carried}: {np.median(tempi):.3f} of 126")
        assert np.median(tempi) == pytest.approx(126.0, rel=1e-3)
        assert '"cc 7": 1.0' in text and '"source": "midi"' in text


def test_a_clock_that_is_sent_holds_the_tempo_of_the_hand(base, config) -> None:  # noqa: F811
    sent: list[tuple[float, str]] = []
    stop = threading.Event()
    with line() as (inlet, outlet, carried):

        def listen() -> None:
            while not stop.is_set():
                sent.extend((time.monotonic(), each.type) for each in inlet.iter_pending())
                time.sleep(0.0005)

        thread = threading.Thread(target=listen)
        thread.start()
        out = MidiClockOut(None, outlet)
        try:
            with serving(base, config, companions=[out]) as served, served.socket() as page:
                page.until("hello")
                session = served.app_state.registry.on_show.session
                began = time.monotonic() - 2.0
                for number in range(4):
                    session.beat("tap", began + number * 0.5)
                eventually(lambda: len(sent) > 400)
        finally:
            stop.set()
            thread.join()
    kinds = [kind for _, kind in sent]
    assert kinds[0] == "start" and set(kinds[1:-1]) == {"clock"}
    times = np.array([at for at, kind in sent if kind == "clock"])
    tempo = 60 / 24 / np.polyfit(np.arange(len(times)), times, 1)[0]
    print(f"MIDI clock out over {carried}: {tempo:.3f} of 120")
    assert tempo == pytest.approx(120.0, rel=1e-3)
    # the first pulse falls on a beat of the hand
    assert abs((times[0] - began + 0.25) % 0.5 - 0.25) < 0.08


def test_no_port_is_a_sentence() -> None:
    with pytest.raises(
        InputError, match=r"called 'nothing at all'|cannot be used here|need python-"
    ):
        open_port("nothing at all", "input")
    assert asyncio.iscoroutinefunction(LinkCompanion.start) and Hands


def test_without_a_driver_it_is_said_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    here = importlib.util.find_spec
    for module in (midi, importlib.util):
        monkeypatch.setattr(
            module, "find_spec", lambda name: None if name == "rtmidi" else here(name)
        )
    with pytest.raises(InputError, match=r"python-rtmidi.* Python 3\.12"):
        open_port(None, "input")
    found = {finding.topic: finding.text for finding in doctor.examine()}
    assert "Python 3.12" in found["MIDI ports"]
