"""A model that fails: said once, the last good picture holds, the show goes on when it can."""

from __future__ import annotations

import threading

import pytest

from phosphene.errors import InputError
from phosphene.show.live import inference_loop
from tests.show.live.running_shows import quick_config, show
from tests.show.toy import ToyPipeline


class Damage:
    """What is broken now; shared by all views of a model."""

    def __init__(self):
        self.what = ""
        self.felt = threading.Event()


class Fragile(ToyPipeline):
    """Fails where and while it is told to."""

    def load_model(self):
        super().load_model()
        self.damage = Damage()

    def _maybe(self, what):
        if self.damage.what == what:
            self.damage.felt.set()
            raise RuntimeError(f"{what} is broken")

    def denoise(self, *args):
        self._maybe("denoise")
        return super().denoise(*args)

    def decode(self, latents, palettes=None):
        self._maybe("decode")
        return super().decode(latents)

    def encode_prompt(self, prompt):
        if "forbidden" in prompt:
            raise InputError("this word is forbidden: choose another.")
        return super().encode_prompt(prompt)


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    monkeypatch.setattr(inference_loop, "FIRST_RETRY", 0.01)
    monkeypatch.setattr(inference_loop, "LAST_RETRY", 0.05)


def fragile():
    config = quick_config()
    return Fragile(config.diffusion, config.inference)


@pytest.mark.parametrize("what", ["denoise", "decode"])
def test_said_once_and_on_again(what):
    base = fragile()
    with show(base=base) as (_, watcher):
        watcher.frames(3)
        for _ in range(2):
            errors = len(watcher.errors)
            base.damage.felt.clear()
            base.damage.what = what
            for _ in range(4):
                assert base.damage.felt.wait(20)
                base.damage.felt.clear()
            count = len(watcher.shown)
            assert len(watcher.errors) == errors + 1
            assert f"RuntimeError: {what} is broken" in watcher.errors[-1]
            base.damage.what = ""
            watcher.until(lambda count=count: len(watcher.shown) >= count + 3)


def test_a_model_that_is_broken_from_the_start():
    base = fragile()
    base.damage.what = "denoise"
    with show(base=base) as (_, watcher):
        watcher.until(lambda: bool(watcher.errors))
        base.damage.what = ""
        watcher.frames(2)


def test_a_prompt_that_cannot_be_drawn_leaves_the_old_one():
    with show(base=fragile()) as (session, watcher):
        watcher.frames(2)
        session.set({"prompt.base_prompt": "forbidden"})
        watcher.until(lambda: watcher.errors == ["this word is forbidden: choose another."])
        watcher.frames(5)
        session.set({"prompt.base_prompt": "allowed"})
        watcher.frames(3)
    assert len(watcher.errors) == 1


def test_a_first_prompt_that_cannot_be_drawn_waits_for_another():
    config = quick_config()
    config.prompt.base_prompt = "forbidden"
    with show(config, fragile()) as (session, watcher):
        watcher.until(lambda: bool(watcher.errors))
        assert watcher.shown == []
        session.set({"prompt.base_prompt": "allowed"})
        watcher.frames(2)


def test_closing_does_not_wait_for_a_retry(monkeypatch):
    monkeypatch.setattr(inference_loop, "FIRST_RETRY", 60.0)
    monkeypatch.setattr(inference_loop, "LAST_RETRY", 60.0)
    base = fragile()
    base.damage.what = "denoise"
    with show(base=base) as (session, watcher):
        watcher.until(lambda: bool(watcher.errors))
        closing = threading.Thread(target=session.close)
        closing.start()
        closing.join(10)
        assert not closing.is_alive()
