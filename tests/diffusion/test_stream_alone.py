"""Without the stream batch every frame takes all its steps at once and is shown at once."""

from __future__ import annotations

import numpy as np

from phosphene.config import StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from tests.show.toy import toy


def play(config, calls=6, **told):
    stream = StreamDiffusionPipeline(toy(), config)
    embeds = stream.encode_prompt("a prompt")
    rng = np.random.default_rng(0)
    shown, latents = [], []
    for _ in range(calls):
        noise = rng.normal(size=stream.get_latent_shape()).astype(np.float32)
        latents.append(stream.step_latent(noise, embeds, **told))
        shown.append(stream.shown)
    return stream, shown, latents


def test_no_latency_with_several_steps() -> None:
    stream, shown, _ = play(StreamConfig(denoising_steps=3, stream_batch=False))
    assert stream.latency == 0
    assert shown == list(range(6))
    assert stream.flush_latents() == []
    stream, shown, _ = play(StreamConfig(denoising_steps=3))
    assert stream.latency == 2
    assert shown == [0, 0, 0, 1, 2, 3]


def test_equal_to_the_batch_where_frames_are_independent() -> None:
    settings = {"denoising_steps": 2, "enable_temporal_coherence": False}
    _, _, alone = play(StreamConfig(stream_batch=False, **settings))
    stream, _, shared = play(StreamConfig(**settings))
    rest = stream.flush_latents()
    for a, b in zip(alone, [shared[0], *shared[2:], *rest], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_anchor_reaches_the_picture() -> None:
    shape = np.zeros((1, 3, 8, 8), np.float32)
    shape[..., 4:] = 1.0
    _, _, drawn = play(StreamConfig(), anchor=shape, anchor_weight=0.8)
    _, _, free = play(StreamConfig())
    for a, b in zip(drawn[1:], free[1:], strict=True):
        step = a[..., 4:].mean() - a[..., :4].mean()
        assert step > b[..., 4:].mean() - b[..., :4].mean() + 0.05
