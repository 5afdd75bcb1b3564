"""What a model that looks back further than one picture is shown, in streams of every kind."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from phosphene.config import StreamConfig
from phosphene.diffusion import stream as module
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import InputError
from phosphene.stream.camera import STILL, CameraMove, warp
from phosphene.stream.memory import SLOTS, STRIDE
from phosphene.stream.noise import gaussian
from phosphene.stream.resize import resize
from phosphene.stream.state import FORMAT, restore
from tests.diffusion.remembering import RememberingToy
from tests.stream.toy import BACKENDS, CHANNELS, ToyPipeline

SHAPE = (1, CHANNELS, 16, 16)
MOVE = CameraMove(zoom=1.01, rotate=0.02)


def make(backend="numpy", **config):
    return StreamDiffusionPipeline(RememberingToy(backend), StreamConfig(**config))


def noise(frame):
    return gaussian(42, frame, 0, SHAPE)


def play(stream, frames, **told):
    embeds = stream.encode_prompt("x")
    return [np.asarray(stream.step_latent(noise(k), embeds, **told)) for k in frames]


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("steps", "buffer"), [(1, 1), (2, 1), (2, 3)])
def test_every_frame_is_shown_its_own_past(backend, steps, buffer, monkeypatch):
    """Of the frames that are finished when it enters: the newest two, the first, and the ring."""
    stream = make(backend, denoising_steps=steps, frame_buffer_size=buffer)
    frames_in_flight, begin = [], module.begin
    monkeypatch.setattr(
        module,
        "begin",
        lambda *given: frames_in_flight.append(begin(*given)) or frames_in_flight[-1],
    )
    embeds, shown, count = stream.encode_prompt("x"), {}, 4 * STRIDE + 8
    for k in range(count):
        latent = stream.step_latent(noise(k), embeds, camera=MOVE if k % 2 else STILL)
        shown[stream.shown] = stream.base.asarray(np.asarray(latent))
    late = stream.flush_latents()
    shown |= {count - len(late) + i: latent for i, latent in enumerate(late)}

    def moves(first, last):
        return [MOVE if frame % 2 else STILL for frame in range(first, last + 1)]

    for k, told in enumerate(in_flight.context for in_flight in frames_in_flight):
        newest = max(0, (k - 1) // buffer - steps + 1) * buffer
        if k == 0:
            assert told.before is told.memory is told.memory_age is None
            continue
        same = np.testing.assert_array_equal
        same(told.previous, warp(shown[newest], *moves(newest + 1, k)))
        if newest == 0:
            assert told.before is None
        else:
            then = warp(shown[newest - 1], *moves(newest, newest))
            same(told.before, warp(then, *moves(newest + 1, k)))
        # written down: the first, and one of every stride
        ring = list(range(STRIDE, newest + 1, STRIDE))[-(SLOTS - 1) :]
        kept = [0, *[None] * (SLOTS - 1 - len(ring)), *ring]
        same(told.memory_age, [[0 if frame is None else k - frame for frame in kept]])
        for slot, frame in enumerate(kept):
            want = np.zeros(SHAPE[1:]) if frame is None else shown[frame][0]
            same(told.memory[0, slot], want)


def test_frames_of_one_call_each_bring_their_own():
    stream = make(denoising_steps=3)
    play(stream, range(2 * STRIDE + 9))
    context = stream.base.contexts[-1]
    assert stream.base.calls[-1] == 3
    assert context.memory.shape == (3, SLOTS, *SHAPE[1:])
    assert context.memory_age[:, 0].tolist() == [30, 31, 32]
    assert not np.array_equal(context.before[0], context.before[2])


def test_other_models_are_shown_and_keep_nothing_of_it():
    stream = StreamDiffusionPipeline(ToyPipeline(), StreamConfig(strength=0.5))
    play(stream, range(20), camera=MOVE)
    play(stream, range(2), image=image())
    for context in stream.base.contexts:
        assert context.before is context.memory is context.memory_age is context.source is None
    assert stream.state.before is stream.state.memory.latents is None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("steps", "buffer"), [(1, 1), (3, 2)])
def test_a_restarted_stream_remembers_exactly_the_same(backend, steps, buffer):
    whole, first, second = (
        make(backend, denoising_steps=steps, frame_buffer_size=buffer) for _ in range(3)
    )
    expected = play(whole, range(44), camera=MOVE)
    start = play(first, range(29), camera=MOVE)
    second.restore_state(first.dump_state())
    np.testing.assert_array_equal(start + play(second, range(29, 44), camera=MOVE), expected)
    # and the memory is no ornament: without it other frames are drawn
    first.state = module.engine.forget(first.state)
    assert not np.array_equal(play(first, range(29, 44), camera=MOVE)[-1], expected[-1])


def test_a_cut_forgets_all_of_it():
    stream = make()
    play(stream, range(30))
    play(stream, [30], cut=True)
    entered = stream.base.contexts[-1]
    assert entered.previous is entered.before is entered.memory is None
    assert stream.state.memory.frames == (30, *[-1] * (SLOTS - 1))
    assert stream.state.before is None


def test_another_prompt_keeps_the_picture_and_forgets_the_memory():
    stream = make()
    play(stream, range(30))
    play(stream, [30], forget=True)
    entered = stream.base.contexts[-1]
    assert entered.previous is not None and entered.before is not None
    assert entered.memory is None
    play(stream, range(31, 31 + STRIDE))
    assert stream.state.memory.frames[0] == 30 + STRIDE


def test_an_input_picture_is_shown_as_it_is_unless_it_is_to_be_ignored():
    stream = make(strength=0.5)
    embeds = stream.encode_prompt("x")
    clean = stream.base.encode_image(image()[None])
    stream.step_latent(noise(0), embeds, image=image())
    np.testing.assert_array_equal(stream.base.contexts[-1].source, clean)
    stream.step_latent(noise(1), embeds, source=clean)
    np.testing.assert_array_equal(stream.base.contexts[-1].source, clean)
    stream.step_latent(noise(2), embeds, image=image(), strength=1.0)
    assert stream.base.contexts[-1].source is None
    stream.step_latent(noise(3), embeds)
    assert stream.base.contexts[-1].source is None


def test_without_coherence_nothing_is_looked_back_at():
    stream = make(enable_temporal_coherence=False)
    play(stream, range(30))
    assert all(c.memory is c.before is c.previous is None for c in stream.base.contexts)


def test_memories_change_their_size_with_the_picture():
    stream = make()
    before = play(stream, range(STRIDE + 2))[-2]
    kept = stream.state.memory
    inference = stream.base.inference_config
    inference.width = inference.height = 96
    larger = gaussian(1, 0, 0, (1, CHANNELS, 24, 24))
    stream.step_latent(larger, stream.encode_prompt("x"))
    context = stream.base.contexts[-1]
    np.testing.assert_allclose(context.before, resize(before, 24, 24), atol=1e-6)
    np.testing.assert_allclose(context.memory, resize(kept.latents, 24, 24), atol=1e-6)
    assert stream.state.memory.frames == kept.frames


def test_the_state_is_as_large_after_an_hour_as_after_a_minute():
    stream = make(denoising_steps=2)
    play(stream, range(4 * STRIDE), camera=MOVE)
    early = len(stream.dump_state())
    play(stream, range(4 * STRIDE, 40 * STRIDE), camera=MOVE)
    assert len(stream.dump_state()) <= early + 64  # longer numbers


def test_a_state_of_an_older_version_is_refused_in_one_sentence():
    stream = make()
    play(stream, range(2))
    with np.load(io.BytesIO(stream.dump_state())) as file:
        kept = dict(file)
    told = json.loads(str(kept["meta"]))
    assert told["format"] == FORMAT
    kept["meta"] = np.array(json.dumps(told | {"format": FORMAT - 1}))
    old = io.BytesIO()
    np.savez(old, **kept)
    with pytest.raises(InputError, match="another version of phosphene: start afresh"):
        restore(old.getvalue(), lambda array: array)


@pytest.mark.parametrize("mode", ["none", "full"])
def test_the_device_is_never_waited_for(mode):
    """On tensors without values: whatever would read one fails."""
    stream = make("meta", denoising_steps=2, guidance_mode=mode, guidance_scale=1.5)
    embeds = stream.encode_prompt("x")
    for k in range(STRIDE + 3):
        told = {"forget": k == 5, "image": image() if k % 3 == 0 else None}
        latent = stream.step_latent(noise(k), embeds, 0.3, camera=MOVE, **told)
    assert latent.device.type == "meta"
