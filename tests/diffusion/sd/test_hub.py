"""A hub that cannot be reached costs a moment, not half a minute."""

from __future__ import annotations

import socket
import time

import pytest

from phosphene.diffusion.checkpoints import hub
from phosphene.diffusion.checkpoints.errors import explained
from phosphene.errors import ModelError


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No proxy, and nothing remembered."""
    monkeypatch.setattr(hub, "_asked", (0.0, True))
    monkeypatch.setattr("urllib.request.getproxies", dict)


def test_a_closed_port_is_no_hub():
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert hub.reachable(place)
    hub._asked = (0.0, True)
    assert not hub.reachable(place)
    # once known it is not asked again with every file, nor believed for long
    hub._asked = (time.monotonic() - 2 * hub.FRESH_SECONDS, True)
    assert not hub.reachable(place)


def test_a_name_that_is_looked_up_for_ever(monkeypatch):
    def look_up(*_: object) -> None:
        time.sleep(2)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "create_connection", look_up)
    monkeypatch.setattr(hub, "PATIENCE_SECONDS", 0.2)
    begin = time.monotonic()
    assert not hub.reachable("https://hub.invalid")
    assert time.monotonic() - begin < 1.5


def test_loading_offline_takes_no_half_minute(monkeypatch, tmp_path):
    from diffusers import AutoencoderTiny
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    begin = time.monotonic()
    with (
        pytest.raises(ModelError, match="cannot be reached"),
        explained("owner/not-here", "autoencoder"),
    ):
        assert constants.HF_HUB_OFFLINE
        AutoencoderTiny.from_pretrained("owner/not-here", cache_dir=tmp_path)
    assert time.monotonic() - begin < 8
    # the next load may find it there again
    assert not constants.HF_HUB_OFFLINE


def test_what_lies_here_asks_nobody(monkeypatch, tmp_path):
    monkeypatch.setattr(hub, "_connects", lambda _: pytest.fail("it asked"))
    with explained(str(tmp_path), "model"):
        pass
