"""The HTTP interface."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.parse
import urllib.request
import wave

import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

import phosphene
from phosphene.config import PipelineConfig
from phosphene.show.looks import looks
from phosphene.show.score import parse


def get(served, path):
    with urllib.request.urlopen(served.http + path) as answer:
        return answer.read().decode()


def test_health_models_and_looks(served) -> None:
    assert json.loads(get(served, "/api/health")) == {
        "status": "ok",
        "version": phosphene.__version__,
    }
    models = json.loads(get(served, "/api/models"))
    assert models["current"]["name"] == "lsd"
    assert {"lsd", "sd15"} <= set(models["known"])
    assert [look["name"] for look in json.loads(get(served, "/api/presets"))] == [
        look.name for look in looks()
    ]


def test_every_look_has_its_picture(served) -> None:
    for look in looks():
        address = f"{served.http}/api/presets/{urllib.parse.quote(look.name)}.webp"
        with urllib.request.urlopen(address) as answer:
            picture = Image.open(io.BytesIO(answer.read()))
        assert picture.format == "WEBP" and picture.size == (256, 144)
        assert np.asarray(picture).std() > 10
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{served.http}/api/presets/none.webp")


def test_state_follows_what_happens(served) -> None:
    assert json.loads(get(served, "/api/state"))["sessions"] == []
    with served.socket() as client:
        client.pictures(3)
        state = json.loads(get(served, "/api/state"))
        assert state["connections"] == 1
        (session,) = state["sessions"]
        assert session["id"] == client.session
        assert session["performed"] is True
        assert session["stats"]["frames"] >= 3
        assert state["load"]["memory_mb"] > 10


def test_schema_says_what_can_change(served) -> None:
    schema = json.loads(get(served, "/api/schema"))
    sections = schema["properties"]
    live = {name for name, section in sections.items() if section["x-live"]}
    assert {"prompt", "camera", "react", "stream", "audio", "live"} <= live
    assert "diffusion" not in live
    audio = schema["$defs"]["AudioConfig"]["properties"]
    assert audio["fps"]["x-live"] is False
    assert audio["attack_ms"]["x-live"] is True


def test_config_can_be_rendered_with(served, tmp_path) -> None:
    with served.socket() as client:
        client.until("hello")
        client.send(type="set", values={"prompt.base_prompt": "ruby cells"}, id=1)
        client.until("config")
        path = tmp_path / "show.toml"
        path.write_text(get(served, f"/api/sessions/{client.session}/config.toml"))
    assert PipelineConfig.from_toml(path).prompt.base_prompt == "ruby cells"


def test_a_show_can_be_saved_after_the_fact_and_drawn_again(served) -> None:
    with served.socket() as client:
        client.until("hello")
        client.pictures(2)
        client.send(type="controllers", values={"fader": 0.5})
        client.send(type="set", values={"prompt.base_prompt": "ruby cells"}, id=1)
        client.until("config")
        address = f"/api/sessions/{client.session}/show"
        early = parse(get(served, address + ".score"))
        client.send(type="record", on=True, id=2)
        assert client.until("record") == {"type": "record", "on": True, "id": 2}
        client.pictures(3)
        client.send(type="set", values={"camera.zoom": 2.0}, id=3)
        client.until("config")
        late = parse(get(served, address + ".score"))
        with pytest.raises(urllib.error.HTTPError) as error:
            get(served, address + ".wav")
        assert error.value.code == 404
    assert [c.set for c in early.changes if c.set] == [{"prompt.base_prompt": "ruby cells"}]
    assert [c.controllers for c in early.changes if c.controllers] == [{"fader": 0.5}]
    assert late.config.prompt.base_prompt == "ruby cells"
    assert [c.set for c in late.changes if c.set] == [{"camera.zoom": 2.0}]
    assert late.seconds < early.seconds + 60


def test_a_look_is_seen_small_before_it_is_taken(served) -> None:
    with served.socket() as client:
        client.until("hello")
        address = f"{served.http}/api/sessions/{client.session}/preview"

        def draw(values):
            head = {"content-type": "application/json"}
            ask = urllib.request.Request(address, json.dumps(values).encode(), head)
            with urllib.request.urlopen(ask) as answer:
                return np.asarray(Image.open(io.BytesIO(answer.read())), float)

        crimson, blue = (
            draw({"prompt.base_prompt": f"{name} waves"}) for name in ("crimson", "blue")
        )
        assert crimson.shape == blue.shape == (128, 192, 3)
        assert crimson[..., 0].mean() > 1.5 * crimson[..., 2].mean()
        assert blue[..., 2].mean() > 1.5 * blue[..., 0].mean()
        # the show goes on as it is
        text = get(served, f"/api/sessions/{client.session}/config.toml")
        assert "waves" not in text.split("base_prompt", 1)[1].split("\n", 1)[0]
        with pytest.raises(urllib.error.HTTPError) as error:
            draw({"camera.zoom": 99})
        assert error.value.code == 400


@pytest.mark.parametrize(
    "path", ["/api/sessions/nobody/config.toml", "/api/sessions/..%2f..%2fetc/config.toml"]
)
def test_unknown_sessions(served, path) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(served, path)
    assert caught.value.code == 404


@pytest.mark.parametrize("path", ["/assets/..%2f..%2fapp.py", "/assets/%2e%2e/app.py", "/page"])
def test_no_other_files(served, path) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(served, path)
    assert caught.value.code == 404


def test_metrics(served) -> None:
    with served.socket() as client:
        client.pictures(5)
        found = {
            sample.name: sample
            for family in text_string_to_metric_families(get(served, "/metrics"))
            for sample in family.samples
        }
        assert found["phosphene_sessions"].value == 1
        assert found["phosphene_sent_pictures_total"].value >= 5
        assert found["phosphene_frames_total"].labels == {"session": client.session}
        assert found["phosphene_memory_bytes"].value > 1e7
        assert found["phosphene_sent_bytes_total"].value > 1000


def test_routes_are_listed_without_help_from_elsewhere(served) -> None:
    page = get(served, "/docs")
    for path in ("/api/state", "/api/sessions/{session}/songs", "/stream.mjpg", "/metrics"):
        assert path in page
        assert path in get(served, "/openapi.json")
    assert "<script" not in page
    assert "http" not in page


def test_the_demo_song_is_composed_once_and_is_music(served) -> None:
    def ask() -> bytes:
        with urllib.request.urlopen(f"{served.http}/api/demo.wav") as answer:
            return answer.read()

    first = ask()
    with wave.open(io.BytesIO(first)) as song:
        assert 50 < song.getnframes() / song.getframerate() < 70
        assert np.abs(np.frombuffer(song.readframes(10**7), "<i2").astype(int)).max() > 3000
    assert ask() == first
