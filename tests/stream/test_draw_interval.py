"""Frames that a firm guide carries, between those that the model draws."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.config import StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.arrays import to_numpy
from phosphene.stream.camera import CameraMove, warp
from tests.stream.toy import BACKENDS, CHANNELS, ToyPipeline

SHAPE = (1, CHANNELS, 16, 16)
CAMERA = CameraMove(1.02, 0.01, 0.02)


def guides(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.normal(size=SHAPE).astype(np.float32) for _ in range(count)]


def stream_of(backend: str = "numpy", **settings) -> StreamDiffusionPipeline:
    told = {"draw_interval": 2, "stream_batch": False, **settings}
    return StreamDiffusionPipeline(ToyPipeline(backend), StreamConfig(**told))


def play(stream: StreamDiffusionPipeline, followed, **told) -> list[np.ndarray]:
    embeds = stream.encode_prompt("a prompt")
    told = {"anchor_weight": 0.9, "camera": CAMERA, **told}
    return [
        to_numpy(stream.step_latent(None, embeds, anchor=stream.base.asarray(each), **told))
        for each in followed
    ]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("interval", [2, 3, 8])
def test_between_two_calls_what_was_made_of_the_guide_moves_on(backend, interval) -> None:
    followed = guides(10)
    stream = stream_of(backend, draw_interval=interval)
    drawn = play(stream, followed)
    assert len(stream.base.calls) == len(range(0, 10, interval))
    for k in range(1, 10):
        carried = followed[k] + warp(drawn[k - 1] - followed[k - 1], CAMERA)
        same = np.allclose(drawn[k], carried, atol=1e-4)
        assert same == (k % interval > 0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"draw_interval": 1}, {}),
        ({"stream_batch": True}, {}),
        ({"enable_temporal_coherence": False}, {}),
        ({}, {"anchor_weight": 0.7}),
        ({}, {"source": np.ones(SHAPE, np.float32)}),
        ({}, {"image": np.zeros((64, 64, 3), np.uint8)}),
        ({}, {"cut": True}),
    ],
)
def test_without_a_firm_guide_every_frame_is_drawn(settings, told) -> None:
    stream = stream_of(**settings)
    play(stream, guides(6), **told)
    assert len(stream.base.calls) >= 6


def test_a_stream_goes_on_in_the_middle_and_at_another_size() -> None:
    followed, whole, half = guides(9), stream_of(), stream_of()
    expected = play(whole, followed)
    for at in (3, 4):
        half.reset()
        before = play(half, followed[:at])
        again = stream_of()
        again.restore_state(half.dump_state())
        np.testing.assert_array_equal([*before, *play(again, followed[at:])], expected)
    calls = len(whole.base.calls)
    whole.base.inference_config.width = whole.base.inference_config.height = 128
    # the ninth frame was drawn, the tenth would be carried: what is known of the guide has another size
    play(whole, [each.repeat(2, -1).repeat(2, -2) for each in guides(2)])
    assert len(whole.base.calls) == calls + 2
