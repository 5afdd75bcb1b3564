"""What else of Scope's contract is used: its LoRA panel, its downloads, its audio port."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch

from phosphene.audio.compose import compose
from phosphene.config import AudioConfig
from phosphene.integrations.scope.configure import checkpoint
from phosphene.integrations.scope.loras import LoraPanel
from phosphene.integrations.scope.parameters import DEFAULT_FILES, STABLE_DIFFUSION
from phosphene.integrations.scope.session import read_sound
from phosphene.integrations.scope.tempo import Beat, Pulse
from phosphene.integrations.scope.values import Values
from phosphene.show.live.sound import Chunk, Sound
from tests.diffusion.sd.loras import make_lora
from tests.integrations.scope.host import see, stamp, until

RATE = 48_000


def test_what_scope_is_told(listed):
    for name, loras in (("phosphene", False), ("phosphene-sd", True)):
        told = listed[name].get_config_class()
        assert told.docs_url.startswith("https://")
        assert told.supports_lora is loras
        assert bool(told.artifacts) is loras
        ports = [port for port in told.inputs if not isinstance(port, str)]
        assert [(port.name, port.port_type, port.required) for port in ports] == [
            ("audio", "audio", False)
        ]
        assert told.inputs[0] == "video"


def test_what_scope_has_fetched_is_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("DAYDREAM_SCOPE_MODELS_DIR", str(tmp_path))
    place = lambda: checkpoint(Values(STABLE_DIFFUSION)).model  # noqa: E731
    assert place() == "stabilityai/sd-turbo"
    for name in DEFAULT_FILES["stabilityai/sd-turbo"]:
        path = tmp_path / "sd-turbo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert place() == "stabilityai/sd-turbo"
        path.touch()
    assert place() == str(tmp_path / "sd-turbo")


def test_the_lora_panel():
    panel = LoraPanel()
    start = {"loras": [{"path": "/a", "scale": 0.5}, {"path": "/b", "merge_mode": "runtime_peft"}]}
    first = panel.update(start)
    assert [(lora.id, lora.scale, lora.live) for lora in first] == [
        ("/a", 0.5, False),
        ("/b", 1.0, True),
    ]
    # sent with every call
    assert panel.update(start) is first
    scaled = panel.update(
        {**start, "lora_scales": [{"path": "/b", "scale": 0.2}, {"path": "/a", "scale": 2}]}
    )
    assert [lora.scale for lora in scaled] == [0.5, 0.2]
    # scales come once, the list goes on coming
    assert panel.update(start) is scaled
    odd = [{"path": "/a", "scale": math.nan}, {}, 3, {"path": "/c", "scale": 99}]
    assert [(lora.id, lora.scale) for lora in panel.update({"loras": odd})] == [("/c", 4.0)]
    assert panel.update({"loras": [], "lora_scales": 7}) == ()


def test_loras_of_the_panel_are_drawn_with(make, tmp_path):
    from tests.diffusion.sd.trees import make_tree

    tree = str(make_tree(tmp_path / "eps", tiny_vae=True))
    path = tmp_path / "style.safetensors"
    make_lora(path, "peft")
    loras = [{"path": str(path), "scale": 40.0, "merge_mode": "runtime_peft"}]
    node = make("phosphene-sd", model_path=tree, batch_denoising=False, loras=loras, strength=0.9)
    node.prepare(video=True)

    def draw(pts, **given):
        see(node, 90, pts, init_cache=True, loras=loras, **given)
        return until(node, lambda answer: answer["video_timestamps"] == [stamp(pts)])["video"]

    with_it = draw(1)
    base = node._session._worker._base
    against = draw(2, lora_scales=[{"path": str(path), "scale": -4.0}])
    assert node._session._worker._base is base, "a scale loads no other model"
    assert base.diffusion_config.loras[0].scale == -4.0
    # the walk goes on meanwhile
    drift = (draw(3).float() - against.float()).abs().mean()
    assert (with_it.float() - against.float()).abs().mean() > 2 * drift


@pytest.mark.parametrize(
    "piece",
    [
        torch.ones(960),
        torch.ones(2, 960),
        torch.ones(1, 2, 960, dtype=torch.float16),
        np.ones((2, 960), np.float64),
        [torch.ones(2, 480), torch.ones(2, 480)],
    ],
)
def test_sound_of_any_shape(piece):
    chunks = read_sound({"audio": piece}, 5.0)
    samples = np.concatenate([chunk.samples for chunk in chunks])
    assert samples.shape == (960,) and samples.dtype == np.float32 and (samples == 1).all()
    assert {(chunk.rate, chunk.captured) for chunk in chunks} == {(RATE, 5.0)}


@pytest.mark.parametrize(
    "given",
    [
        {"audio": None},
        {"audio": "loud"},
        {"audio": torch.zeros(0)},
        {"audio": torch.zeros(2, 2, 2, 2)},
        {"audio": torch.ones(2, 9), "audio_sample_rate": 3},
        {"audio": torch.ones(2, 9), "audio_sample_rate": math.nan},
    ],
)
def test_what_is_no_sound_is_left_out(given):
    assert read_sound(given, 0.0) == []


def test_pictures_move_to_sound_and_to_the_beats_of_the_host():
    sound = Sound(AudioConfig())
    pulse = Pulse(0.0, sound)
    quiet = pulse.hear(None, 0.0, 0.5)
    samples, rate = compose(6.0)
    mono = np.asarray(samples, np.float32)
    mono = mono if mono.ndim == 1 else mono.mean(axis=int(np.argmin(mono.shape)))
    step = rate // 20
    for index in range(len(mono) // step):
        sound.put(Chunk(mono[index * step : (index + 1) * step], rate, (index + 1) / 20))
    now = len(mono) // step / 20
    heard = pulse.hear(None, now, 0.5)
    assert heard.origin is sound and quiet.origin is not sound
    assert 115 < heard.tempo < 125
    both = pulse.hear(Beat(128.0, 40.25), now, 0.5)
    assert (both.tempo, both.moment.beat_position, both.moment.beat_phase) == (128.0, 40.25, 0.25)
    # a second after the last sample it dreams again
    assert pulse.hear(None, now + 2.0, 0.5).origin is not sound


def test_sound_reaches_the_picture(make):
    node = make("phosphene", width=128, height=128)
    node.prepare(input_mode="text")
    samples, rate = compose(2.0)
    stereo = torch.as_tensor(np.asarray(samples, np.float32)).reshape(-1)[: rate * 2].repeat(2, 1)
    end = time.monotonic() + 20
    place = 0
    while time.monotonic() < end:
        piece = stereo[:, place : place + 2000].clone()
        place = (place + 2000) % (stereo.shape[1] - 2000)
        node(input_mode="text", audio=piece, audio_sample_rate=rate)
        if node._session._worker._sound.hear(time.monotonic(), 0.0) is not None:
            return
        time.sleep(0.02)
    raise AssertionError("nothing was heard")
