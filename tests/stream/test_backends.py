"""The engine on NumPy, torch and MLX: the same numbers, and nothing put off from one frame to the next."""

from __future__ import annotations

import threading

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.arrays import like, place
from phosphene.config import StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.namespaces import array_namespace, device, evaluate, to_device
from phosphene.prompt.blend import weighted
from phosphene.stream.coherence import noisy_start
from phosphene.stream.guidance import Guidance, guide_full, guide_residual
from phosphene.stream.memory import STRIDE, ContextMemory, read, remember
from phosphene.stream.noise import HeldNoise, gaussian
from phosphene.stream.resize import resize
from phosphene.stream.similarity import Watch, likeness
from tests.stream.toy import BACKENDS, CHANNELS, HIDDEN, OTHERS, SD, SEQUENCE, ToyPipeline, home_of

SHAPE = (1, CHANNELS, 16, 16)
seeds = st.integers(0, 100)


def arrays(seed, home, *shapes):
    return [home.float32(gaussian(seed, 0, slot, shape)) for slot, shape in enumerate(shapes)]


def agree(function, backend, seed, *shapes, atol=1e-4):
    """``function`` of the same numbers, there and on NumPy."""
    there = function(*arrays(seed, home_of(backend), *shapes))
    here = function(*arrays(seed, home_of("numpy"), *shapes))
    assert here.dtype == np.float32
    # the device's own type, so that nothing fell back to the host on the way
    assert type(there) is type(home_of(backend).float32(here))
    np.testing.assert_allclose(np.asarray(there), here, atol=atol)


@pytest.mark.parametrize("backend", OTHERS)
@settings(max_examples=20)
@given(seeds, st.floats(0, 1), st.integers(3, 24), st.integers(3, 24))
def test_every_sum_of_the_engine_is_the_same(backend, seed, share, height, width):
    latent, text = (2, 3, 12, 16), (1, SEQUENCE, HIDDEN)
    agree(lambda x: resize(x, height, width), backend, seed, latent)
    agree(lambda x, y: guide_full(x, y, 1 + share), backend, seed, latent, latent)
    guidance = Guidance("self", 1 + share, share)
    agree(lambda x, y, z: guide_residual(x, y, z, 0.4, guidance), backend, seed, *[latent] * 3)
    agree(lambda x, n: noisy_start(SD, x, n, 999 * share), backend, seed, latent, latent)
    weights = np.array([share, 1 - share], np.float32)
    agree(lambda x, y: weighted(_pair(x, y), like(weights, x), "slerp"), backend, seed, text, text)


def _pair(one, other):
    return array_namespace(one).concat([one, other], axis=0)


@pytest.mark.parametrize("backend", OTHERS)
@settings(max_examples=20)
@given(seeds, st.floats(0, 1))
def test_likeness_is_the_same(backend, seed, share):
    def compared(home):
        one, other, text = arrays(seed, home, SHAPE, SHAPE, (1, SEQUENCE, HIDDEN))
        mixed = share * one + (1 - share) * other
        return likeness(Watch(one, text), Watch(mixed, text))

    assert compared(home_of(backend)) == pytest.approx(compared(home_of("numpy")), abs=1e-4)


@pytest.mark.parametrize("backend", OTHERS)
def test_numbers_in_a_row_are_the_same(backend):
    def rows(home):
        xp, where = home.namespace, home.device
        return [
            xp.arange(5, device=where),
            xp.arange(2, 7, device=where),
            xp.arange(7, 1, -2, device=where),
            xp.arange(5, dtype=xp.float32, device=where),
            xp.arange(0, dtype=xp.float32, device=where),
        ]

    for there, here in zip(rows(home_of(backend)), rows(home_of("numpy")), strict=True):
        np.testing.assert_array_equal(np.asarray(there), here)
        # whole numbers stay whole, whatever their width
        assert np.asarray(there).dtype.kind == here.dtype.kind


@pytest.mark.parametrize("backend", OTHERS)
def test_the_context_memory_is_the_same(backend):
    def remembered(home):
        memory = ContextMemory()
        for frame in range(3 * STRIDE):
            memory = remember(memory, home.float32(gaussian(frame, 0, 0, SHAPE)), frame)
        return [np.asarray(array) for array in read(memory, 3 * STRIDE)]

    for there, here in zip(remembered(home_of(backend)), remembered(home_of("numpy")), strict=True):
        np.testing.assert_array_equal(there, here)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_go_home_and_keep_their_values(backend):
    home, host = home_of(backend), gaussian(1, 0, 0, SHAPE)
    there = home.float32(host)
    assert home.float32(there) is there
    assert device(to_device(there, device(there))) == home.device
    np.testing.assert_array_equal(np.asarray(home.float32(host.astype(np.float64))), host)
    np.testing.assert_array_equal(np.asarray(place(host, "cpu", there.dtype)), host)
    np.testing.assert_array_equal(np.asarray(like(host, there)), host)
    for other in BACKENDS:
        np.testing.assert_array_equal(np.asarray(home_of(other).float32(there)), host)


def play(stream, frames, first=0):
    embeds = stream.encode_prompt("a prompt")
    return [
        stream.step_latent(gaussian(1, frame, 0, SHAPE), embeds)
        for frame in range(first, first + frames)
    ]


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("settings_", [{}, {"denoising_steps": 3, "guidance_mode": "full"}])
def test_a_stream_shows_the_same_pictures(backend, settings_):
    config = StreamConfig(guidance_scale=1.5, **settings_)
    there = play(StreamDiffusionPipeline(ToyPipeline(backend), config), 8)
    here = play(StreamDiffusionPipeline(ToyPipeline(), config), 8)
    for one, other in zip(there, here, strict=True):
        np.testing.assert_allclose(np.asarray(one), other, atol=5e-3)


@pytest.mark.parametrize("steps", [1, 3])
def test_mlx_is_asked_once_a_frame(steps, monkeypatch):
    stream = StreamDiffusionPipeline(ToyPipeline("mlx"), StreamConfig(denoising_steps=steps))
    play(stream, 4)
    calls = []
    for name in ("eval", "async_eval"):
        real = getattr(mx, name)
        monkeypatch.setattr(mx, name, lambda *a, real=real: (calls.append(1), real(*a)))
    play(stream, 5, first=4)
    assert len(calls) == 5


def test_what_a_frame_leaves_is_computed_and_any_thread_may_go_on():
    config = StreamConfig(denoising_steps=3, frame_buffer_size=2)
    alone, shared = (StreamDiffusionPipeline(ToyPipeline("mlx"), config) for _ in range(2))
    expected = play(alone, 9)
    got = play(shared, 4)
    thread = threading.Thread(target=lambda: got.extend(play(shared, 5, first=4)))
    thread.start()
    thread.join()
    assert len(got) == 9
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_evaluating_leaves_other_arrays_and_nothing_alone():
    evaluate([None, np.zeros(2), mx.zeros(2) + 1])
    evaluate([])


@pytest.mark.parametrize("backend", BACKENDS)
def test_noise_is_the_same_for_one_key(backend):
    held = HeldNoise(home_of(backend))
    for seed, step in ((0, 1), (7, 2)):
        np.testing.assert_array_equal(
            np.asarray(held(seed, step, SHAPE)), gaussian(seed, 0, step, SHAPE)
        )
