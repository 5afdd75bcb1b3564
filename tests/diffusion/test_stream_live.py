"""Everything that may happen to a running stream: changed settings, skips, cuts, restarts."""

from itertools import pairwise, permutations, product

import numpy as np
import pytest

from phosphene.config import StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.camera import CameraMove
from phosphene.stream.noise import gaussian
from tests.stream.sequential import denoise_alone
from tests.stream.toy import BACKENDS, CHANNELS, ToyPipeline

SHAPE = (1, CHANNELS, 16, 16)
MODES = ("none", "full", "self", "initialize")


def make(backend="numpy", **config):
    return StreamDiffusionPipeline(ToyPipeline(backend), StreamConfig(**config))


def noise(frame):
    return gaussian(42, frame, 0, SHAPE)


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)


def run(stream, frames, **told):
    embeds = stream.encode_prompt("x")
    return [stream.generate_frame_with_coherence(noise(k), embeds, **told) for k in frames]


def collect_alone(stream, monkeypatch):
    """Record every frame in flight as it begins."""
    from phosphene.diffusion import stream as module

    frames_in_flight, begin = {}, module.begin

    def recording(*args):
        in_flight = begin(*args)
        frames_in_flight[in_flight.frame] = in_flight
        return in_flight

    monkeypatch.setattr(module, "begin", recording)
    return frames_in_flight


def change_everything(stream, k, mode):
    """Live changes before frame ``k``."""
    stream.stream_config.guidance_mode = mode
    stream.stream_config.guidance_scale = 1.0 + 0.3 * (k % 4)
    stream.stream_config.delta = (1.0, 0.7)[k % 2]
    stream.stream_config.stepper = ("lcm", "tcd")[k % 2]
    stream.stream_config.temporal_blend_ratio = 0.3 + 0.05 * (k % 5)
    if k % 3 == 0:
        stream.set_negative_prompt("n" * k)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("steps", "buffer"), [(1, 1), (2, 1), (3, 2)])
def test_every_setting_may_change_live(backend, steps, buffer, monkeypatch):
    """All 16 transitions of guidance, with prompts, seeds and strengths changing along."""
    stream = make(backend, denoising_steps=steps, frame_buffer_size=buffer)
    frames_in_flight = collect_alone(stream, monkeypatch)
    walk = ["none", *(mode for pair in product(MODES, MODES) for mode in pair)]
    assert set(product(MODES, MODES)) <= set(pairwise(walk))
    for k, mode in enumerate(walk):
        change_everything(stream, k, mode)
        embeds = stream.encode_prompt("p" * (k % 4 + 1))
        strength = (None, 0.5, 0.8)[k % 3]
        latent = stream.step_latent(noise(k), embeds, 0.4, seed=k % 5, strength=strength)
        assert stream.shown == max(0, k - stream.latency)
        alone = denoise_alone(frames_in_flight[stream.shown])
        scale = np.abs(alone).max()
        np.testing.assert_allclose(np.asarray(latent) / scale, alone / scale, atol=2e-3)


def test_one_step_self_guidance_carries_nothing_over():
    """The frame depends on its own start only, whatever the frames before were guided by."""

    def last(before):
        stream = make(guidance_scale=1.8, guidance_mode=before, enable_temporal_coherence=False)
        embeds = stream.encode_prompt("x")
        for k in range(3):
            stream.generate_frame(image(k), embeds, strength=0.5, latent=noise(k))
        stream.stream_config.guidance_mode = "self"
        return stream.generate_frame(image(9), embeds, strength=0.5, latent=noise(9))

    results = [last(mode) for mode in MODES]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_self_guidance_leads_away_from_what_the_frame_started_from(monkeypatch):
    stream = make(guidance_mode="self", guidance_scale=1.5, strength=0.5)
    frames_in_flight = collect_alone(stream, monkeypatch)
    embeds = stream.encode_prompt("x")
    stream.step_latent(noise(0), embeds)
    stream.step_latent(noise(1), embeds, camera=CameraMove(zoom=1.1))
    stream.step_latent(noise(2), embeds, image=image())
    stream.step_latent(noise(3), embeds, image=image(), strength=1.0)
    assert frames_in_flight[0].reference is None
    assert frames_in_flight[1].reference is frames_in_flight[1].context.previous
    source = stream.base.encode_image(image()[None])
    np.testing.assert_array_equal(frames_in_flight[2].reference, source)
    assert frames_in_flight[3].reference is None  # it started from pure noise


def test_an_image_is_dressed_for_its_prompt_and_strength(monkeypatch):
    stream = make(strength=0.5)
    asked = []

    def dress(frames, embeds, strength):
        asked.append((np.asarray(embeds).copy(), strength))
        return 255 - frames

    monkeypatch.setattr(stream.base, "dress", dress)
    frames_in_flight = collect_alone(stream, monkeypatch)
    embeds = stream.encode_prompt("x")
    stream.step_latent(noise(0), embeds, image=image(), strength=0.0)
    stream.step_latent(noise(1), embeds, image=image())
    assert [strength for _, strength in asked] == [0.0, 0.5]
    for given, _ in asked:
        np.testing.assert_array_equal(given, np.asarray(embeds))
    negative = stream.base.encode_image(255 - image()[None])
    np.testing.assert_allclose(np.asarray(frames_in_flight[0].x), np.asarray(negative), atol=1e-6)


@pytest.mark.parametrize(("one", "other"), list(permutations([1, 2, 4], 2)))
def test_the_number_of_steps_may_change_live(one, other):
    stream = make(denoising_steps=one)
    shown = []
    for k in range(14):
        if k == 6:
            stream.stream_config.denoising_steps = other
        run(stream, [k])
        shown.append(stream.shown)
    assert shown == sorted(shown)
    assert shown[-1] == 13 - stream.latency
    assert len(stream.state.frames_in_flight) == other - 1


def test_the_buffer_may_change_live_without_leaving_a_queue():
    stream = make(denoising_steps=2)
    for k, buffer in enumerate([1] * 4 + [4] * 12 + [1] * 6 + [3] * 9 + [1] * 5):
        stream.stream_config.frame_buffer_size = buffer
        before = stream.shown
        run(stream, [k])
        assert stream.shown >= before
    assert stream.shown == k - stream.latency
    assert not stream.state.ready


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("steps", "buffer"), [(1, 1), (3, 1), (2, 3)])
def test_a_stream_goes_on_exactly_after_a_restart(backend, steps, buffer, tmp_path):
    config = {
        "denoising_steps": steps,
        "frame_buffer_size": buffer,
        "guidance_mode": "initialize",
        "guidance_scale": 1.5,
        "enable_similarity_filter": True,
    }
    whole, first, second = (make(backend, **config) for _ in range(3))
    move = CameraMove(zoom=1.01)
    expected = run(whole, range(12), camera=move)
    start = run(first, range(5), camera=move)
    first.save_state(tmp_path / "state.npz")
    second.load_state(tmp_path / "state.npz")
    frames = start + run(second, range(5, 12), camera=move)
    np.testing.assert_array_equal(frames, expected)
    assert second.shown == whole.shown
    second.restore_state(first.dump_state())
    np.testing.assert_array_equal(run(second, range(5, 12), camera=move), expected[5:])


def test_reset_starts_the_show_again():
    stream = make(denoising_steps=2)
    once = run(stream, range(6))
    stream.reset()
    assert stream.shown == -1
    np.testing.assert_array_equal(run(stream, range(6)), once)


@pytest.mark.parametrize("steps", [1, 3])
def test_a_cut_shows_a_clean_new_picture_at_once(steps):
    stream = make(denoising_steps=steps)
    run(stream, range(6))
    [frame] = run(stream, [6], cut=True)
    assert stream.shown == 6
    clean = stream.base.generate_batch(noise(6), stream.encode_prompt("x"))[0]
    np.testing.assert_array_equal(frame, clean)


def test_flushing_before_a_cut_keeps_every_frame():
    stream = make(denoising_steps=3)
    run(stream, range(6))
    assert stream.shown == 3
    assert stream.flush().shape == (2, 64, 64, 3)
    assert stream.shown == 5
    assert stream.flush().shape == (0, 64, 64, 3)
    run(stream, [6], cut=True)
    assert stream.shown == 6


def test_the_state_does_not_grow():
    stream = make(denoising_steps=3, frame_buffer_size=2, enable_similarity_filter=True)

    def size():
        state = stream.state
        return len(state.frames_in_flight), len(state.ready), len(state.moves) <= 8

    run(stream, range(24), camera=CameraMove(zoom=1.01))
    early = size()
    run(stream, range(24, 324), camera=CameraMove(zoom=1.01))
    assert size() == early


# the similarity filter


def filtered(**config):
    return make(
        enable_similarity_filter=True,
        similarity_threshold=0.9,
        enable_temporal_coherence=False,
        strength=0.5,
        **config,
    )


@pytest.mark.parametrize("max_skip", [1, 4])
def test_a_still_silent_scene_is_processed_once_every_so_often(max_skip):
    stream = filtered(similarity_max_skip=max_skip)
    embeds, calls = stream.encode_prompt("x"), []
    for _ in range(3 * (max_skip + 1)):
        before = len(stream.base.calls)
        stream.generate_frame(image(), embeds, 0.0)
        calls.append(len(stream.base.calls) - before)
    assert calls == ([1] + [0] * max_skip) * 3
    assert stream.base.decoded == 3


def test_the_loudest_music_never_skips_and_the_filter_off_never_looks():
    stream = filtered()
    embeds = stream.encode_prompt("x")
    for _ in range(10):
        stream.generate_frame(image(), embeds, 1.0)
    assert len(stream.base.calls) == 10
    stream.stream_config.enable_similarity_filter = False
    watch = stream.state.watch
    stream.generate_frame(image(), embeds, 0.0)
    assert len(stream.base.calls) == 11
    assert stream.state.watch is watch


@pytest.mark.parametrize(
    "change",
    [
        lambda stream: stream.generate_frame(image(1), stream.encode_prompt("x"), 0.0),
        lambda stream: stream.generate_frame(image(), stream.encode_prompt("xyz"), 0.0),
        lambda stream: stream.generate_frame(image(), stream.encode_prompt("x"), 0.0, seed=9),
        lambda stream: stream.generate_frame(image(), stream.encode_prompt("x"), 0.0, strength=0.9),
        lambda stream: stream.generate_frame(
            image(), stream.encode_prompt("x"), 0.0, camera=CameraMove(zoom=1.1)
        ),
        lambda stream: stream.generate_frame(image(), stream.encode_prompt("x"), 0.0, cut=True),
    ],
    ids=["image", "prompt", "seed", "strength", "camera", "cut"],
)
def test_any_change_is_processed(change):
    stream = filtered()
    for _ in range(3):
        stream.generate_frame(image(), stream.encode_prompt("x"), 0.0)
    assert len(stream.base.calls) == 1
    change(stream)
    assert len(stream.base.calls) == 2


def test_a_changed_setting_is_processed():
    stream = filtered()
    for _ in range(3):
        stream.generate_frame(image(), stream.encode_prompt("x"), 0.0)
    stream.stream_config.guidance_scale = 1.5
    stream.generate_frame(image(), stream.encode_prompt("x"), 0.0)
    assert len(stream.base.calls) == 2


@pytest.mark.parametrize("buffer", [1, 2])
@pytest.mark.parametrize("steps", [2, 4])
def test_a_skip_shows_the_newest_processed_picture_finished(steps, buffer, monkeypatch):
    stream = filtered(denoising_steps=steps, frame_buffer_size=buffer, similarity_max_skip=3)
    frames_in_flight = collect_alone(stream, monkeypatch)
    embeds, processed, skips = stream.encode_prompt("x"), 0, 0
    for k in range(24):
        scene = image(min(k, 8) if k < 16 else k)
        before = set(frames_in_flight)
        frame = stream.generate_frame(scene, embeds, 0.0)
        processed = max(frames_in_flight)
        if set(frames_in_flight) == before:
            skips += 1
            assert stream.shown == processed
        finished = denoise_alone(frames_in_flight[stream.shown]).astype(np.float32)
        gap = np.abs(stream.base.decode(finished)[0].astype(int) - frame)
        assert gap.max() <= 1
    assert skips >= 5


def test_music_that_stands_still_is_skipped_by_its_noise():
    stream = make(enable_similarity_filter=True, similarity_max_skip=5)
    embeds = stream.encode_prompt("x")
    for _ in range(6):
        stream.generate_frame_with_coherence(noise(0), embeds, 0.0)
    assert len(stream.base.calls) == 4  # the first picture only
    stream.generate_frame_with_coherence(noise(1), embeds, 0.0)
    assert len(stream.base.calls) == 5
