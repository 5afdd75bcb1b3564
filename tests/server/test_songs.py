"""Songs: uploaded, heard elsewhere, played along to, deleted."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import math
import socket
import struct
import tempfile
import threading
import time
import urllib.error
import urllib.request
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from phosphene.audio.compose import compose, write_wav
from phosphene.audio.decode import decode
from phosphene.errors import InputError
from phosphene.server import songs
from phosphene.server.hearing import __main__ as hearing
from phosphene.server.hearing.archive import load_features, save_features
from phosphene.server.limits import Limits
from phosphene.show.sinks.choose import ExitOptions, choose_exits
from tests.server.client import now
from tests.server.conftest import serving


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("song") / "song.wav"
    write_wav(path, *compose(12.0))
    return path.read_bytes()


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    """Where songs are kept for a moment."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def upload(served, session: str, body: bytes, **headers) -> tuple[int, dict]:
    url = f"{served.http}/api/sessions/{session}/songs"
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_song_is_received_heard_and_played_along_to(served, song, temporary) -> None:
    with served.socket() as client:
        client.until("hello")
        status, answer = upload(served, client.session, song)
        assert status == 202
        id = answer["id"]
        states, progress = [], []
        while not states or states[-1] != "ready":
            news = client.until("song", id=id)
            assert news["state"] != "failed", news
            states.append(news["state"])
            progress.append((news["state"], news["progress"]))
        assert states == sorted(states, key=["receiving", "analysing", "ready"].index)
        analysing = [share for state, share in progress if state == "analysing"]
        assert analysing == sorted(analysing)
        assert any(0 < share < 1 for share in analysing)
        assert news["duration"] == pytest.approx(12.0, abs=0.1)
        assert 60 < news["tempo"] < 200
        assert len(news["beats"]) > 10
        assert news["sections"][0] == 0
        assert len(news["loudness"]) == 200
        assert 0.5 < max(news["loudness"]) <= 1
        # the file is gone as soon as it was heard
        assert list(temporary.iterdir()) == []
        client.send(type="source", hear="song", song=id, see=False, id=9)
        assert client.until("source", id=9)["song"] == id
        client.send(type="clock", t=now(), position=5.0, playing=True, rate=1.0, lead=0.1)
        client.until("clock")
        values = [picture.value for picture in client.pictures(20)]
        assert 5.0 <= max(value for value in values if not math.isnan(value)) < 12.0


def test_a_song_leaves_with_the_pictures_where_exits_take_sound(base, config, temporary) -> None:
    video = temporary / "show.mp4"
    exits = choose_exits(ExitOptions(record=str(video), with_sound=True), config, (64, 64))
    with serving(base, config, exits=exits) as served, served.socket() as client:
        client.until("hello")
        id = upload(served, client.session, _tone(20.0))[1]["id"]
        client.until("song", id=id, state="ready")
        client.send(type="source", hear="song", song=id, see=False)
        client.until("source", hear="song")
        begin = now()
        for _ in range(25):
            at = now()
            place = {"position": (at - begin) / 1e3, "playing": True, "rate": 1.0, "lead": 0.1}
            client.send(type="clock", t=at, **place)
            client.quiet(0.0)
            time.sleep(0.2)
        # the file is gone, what exits read is here
        (folder,) = temporary.glob("phosphene-song-*")
        assert [each.name for each in folder.iterdir() if each.suffix != ".npz"] == ["sound"]
    assert not list(temporary.glob("phosphene-song-*"))
    with av.open(str(video)) as file:
        parts = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
    heard = np.concatenate(parts)
    loud = np.flatnonzero(np.abs(heard) > 0.05)
    assert len(loud) > 48_000
    tone = heard[loud[0] : loud[0] + 48_000]
    power = np.abs(np.fft.rfft(tone * np.hanning(len(tone))))
    assert int(np.argmax(power)) == pytest.approx(2000 / (2 * math.pi), abs=2)


def test_who_comes_back_finds_the_songs(served, song) -> None:
    with served.socket() as client:
        client.until("hello")
        id = upload(served, client.session, song)[1]["id"]
        client.until("song", id=id, state="ready")
        client.send(type="source", hear="song", song=id, see=False, id=1)
        client.until("source", id=1)
    with served.socket(f"?resume={client.session}") as again:
        assert again.until("source")["song"] == id
        assert again.until("song")["state"] == "ready"


def test_many_songs_are_heard_one_after_the_other(served, song, temporary) -> None:
    with served.socket() as client:
        client.until("hello")
        ids = {upload(served, client.session, song)[1]["id"] for _ in range(3)}
        ready = set()
        while ready != ids:
            ready.add(client.until("song", state="ready")["id"])
        assert list(temporary.iterdir()) == []


def test_a_refusal_is_heard_by_who_is_still_sending(base, config, temporary) -> None:
    """Twenty times what sockets hold: a server that closes at once would break the pipe."""
    limits = Limits(upload_bytes=1_000_000)
    with serving(base, config, limits) as served, served.socket() as client:
        client.until("hello")
        for body in (bytes(50_000_000), (bytes(1_000_000) for _ in range(50))):
            status, answer = upload(served, client.session, body)
            assert (status, answer["code"]) == (413, "size")
        status, answer = upload(served, "nobody", bytes(50_000_000))
        assert (status, answer["code"]) == (404, "unknown")


def test_what_is_no_song_is_said(served, temporary) -> None:
    with served.socket() as client:
        client.until("hello")
        id = upload(served, client.session, b"these are words, not sound\n" * 50)[1]["id"]
        news = client.until("song", id=id, state="failed")
        # without telling where the server keeps its files
        assert str(temporary) not in news["text"]
        assert "sound" in news["text"]
        client.send(type="source", hear="song", song=id, see=False, id=2)
        assert client.until("error", id=2)["code"] == "song"


@pytest.mark.parametrize("id", ["", "nope", "../../etc/passwd", "x" * 64])
def test_songs_that_are_not_there(served, id) -> None:
    with served.socket() as client:
        client.send(type="source", hear="song", song=id, see=False, id=2)
        assert client.until("error", id=2)["code"] == "song"


def test_too_much_is_refused(base, config, song, temporary) -> None:
    with (
        serving(base, config, Limits(upload_bytes=1_000_000, song_seconds=5.0)) as served,
        served.socket() as client,
    ):
        client.until("hello")
        status, answer = upload(served, client.session, bytes(1_000_001))
        assert (status, answer["code"]) == (413, "size")
        assert "1 MB" in answer["message"]
        # the same without telling the length beforehand
        chunks = iter([bytes(600_000), bytes(600_000)])
        status, answer = upload(served, client.session, chunks)
        assert (status, answer["code"]) == (413, "size")
        client.until("song", state="failed")
        id = upload(served, client.session, _tone(8.0))[1]["id"]
        assert "minutes" in client.until("song", id=id, state="failed")["text"]
        status, answer = upload(served, client.session, b"")
        assert (status, answer["code"]) == (400, "upload")
        status, answer = upload(served, "nobody", song)
        assert (status, answer["code"]) == (404, "unknown")
        assert list(temporary.iterdir()) == []


def test_a_session_holds_so_many_songs(base, config) -> None:
    with serving(base, config, Limits(songs=1)) as served, served.socket() as client:
        client.until("hello")
        id = upload(served, client.session, _tone(2.0))[1]["id"]
        client.until("song", id=id, state="ready")
        # one that is not played makes way: a set is longer than the limit
        status, answer = upload(served, client.session, _tone(2.0))
        assert status == 202
        client.until("song", id=answer["id"], state="ready")
        client.send(type="source", hear="song", song=answer["id"])
        client.until("source", song=answer["id"])
        status, answer = upload(served, client.session, _tone(2.0))
        assert (status, answer["code"]) == (409, "songs")


def test_an_upload_that_breaks_off_leaves_nothing(served, temporary) -> None:
    with served.socket() as client:
        client.until("hello")
        with socket.create_connection(("127.0.0.1", served.port)) as link:
            head = (
                f"POST /api/sessions/{client.session}/songs HTTP/1.1\r\n"
                "host: 127.0.0.1\r\ncontent-length: 1000000\r\n\r\n"
            )
            link.sendall(head.encode() + bytes(100_000))
            client.until("song", state="receiving")
        assert "broke off" in client.until("song", state="failed")["text"]
        assert list(temporary.iterdir()) == []


def test_a_server_that_stops_ends_the_hearing(base, config, temporary) -> None:
    with serving(base, config) as served, served.socket() as client:
        client.until("hello")
        upload(served, client.session, _tone(120.0))
        client.until("song", state="analysing")
    end = time.monotonic() + 10
    while list(temporary.iterdir()):
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def test_pictures_go_on_while_a_song_is_heard(served) -> None:
    with served.socket() as client:
        client.until("hello")
        id = upload(served, client.session, _tone(60.0))[1]["id"]
        pictures = 0
        while True:
            message = client.receive()
            if not isinstance(message, dict):
                pictures += 1
            elif message.get("id") == id and message.get("state") == "ready":
                break
        assert pictures > 3


def test_features_survive_the_file(features, tmp_path) -> None:
    path = tmp_path / "features.npz"
    save_features(features, path)
    loaded = load_features(path)
    for name, value in features.to_dict().items():
        assert loaded.to_dict()[name] == value
    assert isinstance(loaded.tempo, float)
    assert not loaded.energy.flags.writeable


def test_a_small_file_of_many_hours_is_found_out(tmp_path) -> None:
    import av

    path = tmp_path / "silence.flac"
    rate = 8000
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=rate, layout="mono")
        silence = np.zeros((1, rate * 10), np.int16)
        for index in range(100):
            frame = av.AudioFrame.from_ndarray(silence, "s16", "mono")
            frame.sample_rate, frame.pts = rate, index * rate * 10
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert path.stat().st_size < 400_000
    assert decode(path, most=1001.0).duration == pytest.approx(1000.0)
    with pytest.raises(InputError, match="longer than 10 minutes"):
        decode(path, most=600.0)


def _tone(seconds: float, rate: int = 8000) -> bytes:
    import io

    out = io.BytesIO()
    times = np.arange(int(rate * seconds)) / rate
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((8000 * np.sin(times * 2000)).astype("<i2").tobytes())
    return out.getvalue()


@pytest.mark.parametrize(
    "sent",
    [
        b"content-length: 1000\r\n\r\n",
        b"content-length: 1000\r\n\r\n" + bytes(400),
        b"content-length: 1000\r\nexpect: 100-continue\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n5\r\nhel",
        b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        # no chunk: an answer may have begun
        b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"transfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n",
    ],
)
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("known", [True, False])
def test_an_upload_that_breaks_off_is_one_line(
    served, temporary, caplog, sent, reset, known
) -> None:
    """A closed tab does it."""
    caplog.set_level(logging.INFO)
    with served.socket() as client:
        client.until("hello")
        session = client.session if known else "nowhere"
        link = socket.create_connection(("127.0.0.1", served.port), 10)
        head = f"POST /api/sessions/{session}/songs HTTP/1.1\r\nhost: localhost\r\n".encode()
        link.sendall(head + sent)
        if known:
            client.until("song", state="receiving")
        if reset:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
        if known:
            assert "broke off" in client.until("song", state="failed")["text"]
        client.pictures(1)
    assert not [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((34, bytes(2)), (34, b"\xff\xff"), (34, b"\x03\x00"), (22, bytes(2)), (22, b"\xff\xff")),
        *((24, bytes(4)), (24, b"\xff\xff\xff\xff"), (20, b"\x00\x00"), (20, b"\x34\x12")),
        *(
            (32, bytes(2)),
            (28, bytes(4)),
            (16, bytes(4)),
            (16, b"\xff\xff\xff\x7f"),
            (40, bytes(4)),
        ),
    ],
)
def test_a_wav_with_a_mad_header_is_told_in_a_sentence(tmp_path, monkeypatch, capsys, place, value):
    """Fields that are nothing, or far too much: heard all the same, or refused."""
    monkeypatch.setattr(hearing, "be_humble", lambda: None)
    data = bytearray(_tone(1.0))
    data[place : place + len(value)] = value
    song = tmp_path / "song"
    song.write_bytes(data)
    hearing.main(str(song), str(tmp_path / "out.npz"), "60", "{}")
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failed = [line["failed"] for line in said if "failed" in line]
    assert failed or (tmp_path / "out.npz").exists()
    assert all(text.endswith(".") and "Error" not in text for text in failed)


def test_a_decoder_that_breaks_is_one_line_in_the_log(served, caplog) -> None:
    data = bytearray(_tone(1.0))
    # no decoder is known for it
    data[20:22] = b"\x34\x12"
    with served.socket() as client:
        client.until("hello")
        upload(served, client.session, bytes(data))
        assert client.until("song", state="failed")["text"].endswith(".")
    assert not [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]


@pytest.mark.parametrize("place", ["folder", "file", "process"])
def test_a_server_that_is_short_of_everything(served, monkeypatch, caplog, place) -> None:
    """No room, no descriptor, no process: said, in one line, and the show goes on."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    target = {
        "folder": (tempfile, "TemporaryDirectory"),
        "file": (Path, "open"),
        "process": (asyncio, "create_subprocess_exec"),
    }[place]
    with served.socket() as client:
        client.until("hello")
        monkeypatch.setattr(*target, refuse)
        status, _ = upload(served, client.session, _tone(1.0))
        assert status == (202 if place == "process" else 507)
        assert "server" in client.until("song", state="failed")["text"]
        monkeypatch.undo()
        client.pictures(1)
    assert not [one for one in caplog.records if one.exc_info]


@pytest.mark.parametrize("kind", ["header", "body"])
def test_an_upload_that_drips_is_given_up(served, monkeypatch, kind) -> None:
    monkeypatch.setattr(songs, "IDLE_SECONDS", 0.5)
    with served.socket() as client, socket.create_connection(("127.0.0.1", served.port)) as link:
        client.until("hello")
        head = f"POST /api/sessions/{client.session}/songs HTTP/1.1\r\nhost: localhost\r\n"
        link.sendall(f"{head}content-length: 100000\r\n\r\n".encode())
        end = time.monotonic() + 10
        if kind == "body":
            # each byte in time, all together too slow
            for _ in range(12):
                link.sendall(b"x")
                time.sleep(0.1)
        assert "upload" in client.until("song", state="failed")["text"]
        assert time.monotonic() < end


def test_a_set_is_played_on_its_bars_at_four_times_the_speed(served, song) -> None:
    with served.socket() as client:
        client.until("hello")
        _, answer = upload(served, client.session, song)
        news = client.until("song", id=answer["id"], state="ready")
        bars = news["bars"]
        told = {
            "phosphene_set": 1,
            "looks": {"one": {"camera.zoom": 1.0}, "two": {"camera.zoom": 2.0}},
            "songs": [
                {
                    "name": "song.wav",
                    "sha256": news["sha256"],
                    "cues": [{"bar": k, "look": ("one", "two")[k % 2]} for k in range(1, 5)],
                }
            ],
        }
        address = f"{served.http}/api/sessions/{client.session}/set"
        body = json.dumps(told).encode()
        with urllib.request.urlopen(urllib.request.Request(address, body, method="PUT")) as said:
            [laid] = json.load(said)["songs"]
        assert laid["laid"] and [cue["at"] for cue in laid["cues"]] == pytest.approx(
            bars[:4], abs=1e-3
        )
        with urllib.request.urlopen(address) as said:
            assert json.load(said) == told
        client.send(type="source", hear="song", song=answer["id"])
        client.until("source")
        client.send(type="clock", t=now(), position=0.0, playing=True, rate=4.0)
        cues, shown = [], []
        while len(cues) < 4:
            message = client.receive()
            if not isinstance(message, dict):
                shown += [] if math.isnan(message.value) else [message.value]
            elif message["type"] == "config":
                cues.append(message)
        gap = max(later - before for before, later in itertools.pairwise([0.0, *shown]))
        for k, (cue, bar) in enumerate(zip(cues, bars, strict=False), start=1):
            assert cue["look"] == ("one", "two")[k % 2]
            assert cue["values"] == {"camera.zoom": 1.0 + k % 2}
            assert bar <= cue["position"] + 1e-3 < bar + gap + 0.2
        # what waits for a bar is answered when it begins, and newer wishes take its place
        client.send(type="set", values={"camera.zoom": 3.0}, on="bar", id=7)
        client.send(type="set", values={"camera.zoom": 0.5}, on="beat", id=8)
        assert client.until("config")["id"] == 7
        assert client.until("config", id=8)["values"] == {"camera.zoom": 0.5}
        client.send(type="set", values={"camera.zoom": 99}, on="bar", id=9)
        assert client.until("error")["id"] == 9
        broken = urllib.request.Request(address, b'{"phosphene_set": 1, "songs": 3}', method="PUT")
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(broken)
        assert error.value.code == 400 and b"songs" in error.value.read()
