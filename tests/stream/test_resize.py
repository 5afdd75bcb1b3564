"""A picture that changes its size stays the same picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.config import StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.noise import gaussian
from phosphene.stream.resize import resize
from tests.stream.toy import BACKENDS, CHANNELS, ToyPipeline, home_of

SIDES = st.integers(2, 24)


def ramp(height: int, width: int) -> np.ndarray:
    """Rises evenly from left to right and from top to bottom, at pixel centres of a unit square."""
    y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    return (2 * y[:, None] + 3 * x[None, :]).astype(np.float32)[None, None]


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_ramp_stays_the_same_ramp(height, width, tall, wide):
    """Except for half a pixel at the edges, which has no neighbour outside."""
    got, want = resize(ramp(height, width), tall, wide), ramp(tall, wide)
    inner_y = np.abs((np.arange(tall) + 0.5) / tall - 0.5) <= 0.5 - 0.5 / height
    inner_x = np.abs((np.arange(wide) + 0.5) / wide - 0.5) <= 0.5 - 0.5 / width
    np.testing.assert_allclose(
        got[0, 0][inner_y][:, inner_x], want[0, 0][inner_y][:, inner_x], atol=1e-5
    )


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 9))
def test_never_brighter_or_darker_than_before(height, width, tall, wide, seed):
    latent = gaussian(seed, 0, 0, (1, 2, height, width))
    new = resize(latent, tall, wide)
    assert new.shape == (1, 2, tall, wide)
    assert new.max() <= latent.max() + 1e-5
    assert new.min() >= latent.min() - 1e-5


def test_the_same_size_is_the_very_same_picture():
    latent = ramp(8, 8)
    assert resize(latent, 8, 8) is latent


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("steps", "buffer"), [(1, 1), (3, 1), (2, 2)])
def test_a_stream_goes_on_at_another_size(backend, steps, buffer):
    base = ToyPipeline(backend)
    stream = StreamDiffusionPipeline(
        base, StreamConfig(denoising_steps=steps, frame_buffer_size=buffer)
    )
    embeds = stream.encode_prompt("x")

    def play(frame, side):
        base.inference_config.width = base.inference_config.height = side
        shape = (1, CHANNELS, side // 4, side // 4)
        return stream.step_latent(gaussian(1, frame, 0, shape), embeds)

    for frame in range(8):
        before = play(frame, 64)
    shown = stream.shown
    after = play(8, 96)
    assert tuple(after.shape) == (1, CHANNELS, 24, 24)
    if stream.latency:
        # frames on their way are dropped: the last picture stays, at the new size
        assert stream.shown == shown
        home = home_of(backend)
        want = resize(home.float32(before), 24, 24)
        np.testing.assert_allclose(np.asarray(after), np.asarray(want), atol=1e-6)
    for frame in range(9, 9 + stream.latency + 1):
        play(frame, 96)
    assert stream.shown == 9
    assert tuple(play(99, 64).shape) == (1, CHANNELS, 16, 16)


def test_the_model_is_shown_the_resampled_past():
    base = ToyPipeline()
    stream = StreamDiffusionPipeline(base, StreamConfig())
    embeds = stream.encode_prompt("x")
    first = stream.step_latent(gaussian(1, 0, 0, (1, CHANNELS, 16, 16)), embeds)
    base.inference_config.width = base.inference_config.height = 128
    stream.step_latent(gaussian(1, 1, 0, (1, CHANNELS, 32, 32)), embeds)
    np.testing.assert_allclose(base.contexts[-1].previous, resize(first, 32, 32), atol=1e-6)
