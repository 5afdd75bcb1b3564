"""The stream around a model: what comes out, when, and what it started from."""

import numpy as np
import pytest

from phosphene.config import StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import ConfigError, InputError
from phosphene.stream.batch import InFlightFrame, Plan
from phosphene.stream.camera import CameraMove, warp
from phosphene.stream.coherence import coherent_strength, energy_noise
from phosphene.stream.conditioning import Context
from phosphene.stream.guidance import Guidance
from phosphene.stream.noise import gaussian
from tests.stream.sequential import denoise_alone
from tests.stream.toy import BACKENDS, CHANNELS, SD, ToyPipeline

SHAPE = (1, CHANNELS, 16, 16)
FIRST_STEPS = 4


def make(backend="numpy", **config):
    return StreamDiffusionPipeline(ToyPipeline(backend), StreamConfig(**config))


def noise(frame):
    return gaussian(42, frame, 0, SHAPE)


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8)


def moves(count):
    rng = np.random.default_rng(3)
    return [
        CameraMove(1 + 0.02 * z, 0.02 * r, 0.03 * p)
        for z, r, p in rng.uniform(-1, 1, (count, 3)).tolist()
    ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_usage_example(backend):
    stream = make(backend)
    embeds = stream.encode_prompt("abstract flowing shapes")
    latent = stream.base.asarray(gaussian(0, 0, 0, stream.get_latent_shape()))
    frame = stream.generate_frame_with_coherence(
        latent=latent, prompt_embeds=embeds, music_energy=0.8
    )
    assert frame.shape == (64, 64, 3) and frame.dtype == np.uint8
    frames = stream.base.generate_batch(latent, embeds)
    assert frames.shape == (1, 64, 64, 3) and frames.dtype == np.uint8
    np.testing.assert_array_equal(frames[0], frame)


def expected_latents(count, steps, buffer, embeds, energies, camera):
    """Every frame denoised alone, from the newest frame that is finished when it enters."""
    finished = []
    for k in range(count):
        alone = InFlightFrame(k, Plan(tuple(SD.steps(FIRST_STEPS).tolist())), noise(k), embeds)
        if k:
            # the buffer runs when its last frame enters; a group lands ``steps`` runs later.
            group = max(0, (k - 1) // buffer - steps + 1)
            newest = group * buffer
            previous = warp(finished[newest], *camera[newest + 1 : k + 1])
            strength = coherent_strength(
                SD, 0.5, energies[k], energy_noise(1.0, energies[k]), adaptive=True
            )
            timesteps = tuple(SD.steps(steps, strength).tolist())
            alpha, sigma = SD.levels(timesteps[0])
            x = alpha * previous + sigma * noise(k)
            alone = InFlightFrame(k, Plan(timesteps), x, embeds, context=Context(previous))
        finished.append(denoise_alone(alone).astype(np.float32))
    return finished


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("buffer", [1, 2, 3])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_coherent_stream_equals_frames_alone(backend, steps, buffer):
    count = 11
    stream = make(
        backend, denoising_steps=steps, frame_buffer_size=buffer, temporal_blend_ratio=0.5
    )
    embeds = np.full((1, 2, 4), 0.3, np.float32)
    energies, camera = np.linspace(1, 0, count).tolist(), moves(count)
    shown = {}
    for k in range(count):
        latent = stream.step_latent(noise(k), embeds, energies[k], camera=camera[k])
        shown[stream.shown] = np.asarray(latent)
        expected_shown = max(0, k - stream.latency)
        assert stream.shown == expected_shown
    late = stream.flush_latents()
    shown |= {count - len(late) + i: np.asarray(latent) for i, latent in enumerate(late)}
    expected = expected_latents(count, steps, buffer, embeds, energies, camera)
    assert list(shown) == list(range(count))
    for k in range(count):
        np.testing.assert_allclose(shown[k], expected[k], atol=5e-3, rtol=5e-3)


def test_one_model_call_a_frame_after_the_first():
    stream = make(denoising_steps=3)
    embeds = stream.encode_prompt("x")
    for k in range(8):
        stream.generate_frame_with_coherence(noise(k), embeds)
    assert stream.base.calls == [1] * FIRST_STEPS + [1, 2, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("buffer", [1, 3])
def test_no_brown_first_frames(steps, buffer):
    """Every picture returned is that of a finished frame, from the first call on."""
    stream = make(denoising_steps=steps, frame_buffer_size=buffer)
    embeds = stream.encode_prompt("x")
    frames = [stream.generate_frame_with_coherence(noise(0), embeds) for _ in range(14)]
    clean = stream.base.generate_batch(noise(0), embeds)[0]
    for k in range(stream.latency + 1):
        np.testing.assert_array_equal(frames[k], clean)
    contrast = [frame.std() for frame in frames]
    assert min(contrast) > 0.7 * contrast[0]


def test_the_model_sees_the_moved_previous_picture_and_the_controls():
    stream = make()
    embeds, move = stream.encode_prompt("x"), CameraMove(zoom=1.1)
    first = stream.step_latent(noise(0), embeds)
    assert stream.base.contexts[0].previous is None
    stream.step_latent(
        noise(1),
        embeds,
        camera=move,
        context=Context(controls=np.arange(5, dtype=np.float32)[None]),
    )
    context = stream.base.contexts[-1]
    np.testing.assert_array_equal(context.previous, warp(first, move))
    np.testing.assert_array_equal(context.controls, [[0, 1, 2, 3, 4]])


def test_without_coherence_frames_are_independent():
    stream = make(enable_temporal_coherence=False, denoising_steps=2)
    embeds = stream.encode_prompt("x")
    frames = []
    for k in (5, 6, 7):
        frames.append(stream.generate_frame_with_coherence(noise(k), embeds, cut=True))
        stream.generate_frame_with_coherence(noise(50 + k), embeds)
    other = make(enable_temporal_coherence=False, denoising_steps=2)
    again = [other.generate_frame_with_coherence(noise(k), embeds, cut=True) for k in (7, 6, 5)]
    np.testing.assert_array_equal(frames, again[::-1])
    assert all(context.previous is None for context in stream.base.contexts)


def test_loud_frames_keep_less_of_the_previous_picture():
    def change(energy):
        stream = make(temporal_blend_ratio=0.6)
        embeds = stream.encode_prompt("x")
        before = stream.step_latent(noise(0), embeds)
        return np.linalg.norm(stream.step_latent(noise(1), embeds, energy) - before)

    changes = [change(energy) for energy in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert changes == sorted(changes) and changes[-1] > 1.2 * changes[0]


def test_noise_may_follow_a_function_of_the_energy_or_be_told():
    embeds = make().encode_prompt("x")

    def second(stream, **told):
        stream.step_latent(noise(0), embeds)
        return stream.step_latent(noise(1), embeds, 0.9, **told)

    by_function = StreamDiffusionPipeline(ToyPipeline(), StreamConfig(), lambda energy: 2 * energy)
    told = second(make(), noise_scale=1.8)
    np.testing.assert_array_equal(second(by_function), told)
    assert not np.array_equal(second(make()), told)


def test_strength_zero_keeps_and_one_ignores_the_previous_picture():
    stream = make()
    embeds = stream.encode_prompt("x")
    first = stream.step_latent(noise(0), embeds)
    np.testing.assert_array_equal(stream.step_latent(noise(1), embeds, strength=0.0), first)
    stream.base.calls.clear()
    stream.step_latent(noise(1), embeds, strength=1.0)
    assert stream.base.calls == [1]
    assert stream.state.frames_in_flight == ()


@pytest.mark.parametrize("steps", [1, 2])
def test_image_to_image_follows_strength(steps):
    def result(strength):
        # memory off: what is left of the picture is due to the strength alone.
        stream = make(denoising_steps=steps, enable_temporal_coherence=False)
        frame = stream.generate_frame(image(), stream.encode_prompt("x"), strength=strength)
        return frame, stream.base.decode(stream.base.encode_image(image()[None]))[0]

    kept, source = result(0.0)
    np.testing.assert_array_equal(kept, source)

    def distance(strength):
        return np.abs(result(strength)[0].astype(float) - source).mean()

    distances = [distance(strength) for strength in (0.0, 0.2, 0.5, 0.8)]
    assert distances == sorted(distances)
    ignored, _ = result(1.0)
    other = make(denoising_steps=steps, enable_temporal_coherence=False)
    again = other.generate_frame(image(9), other.encode_prompt("x"), strength=1.0)
    np.testing.assert_array_equal(ignored, again)


def test_a_still_camera_picture_gives_a_still_stream():
    stream = make(denoising_steps=2, strength=0.5, enable_temporal_coherence=False)
    embeds = stream.encode_prompt("x")
    frames = [stream.generate_frame(image(), embeds) for _ in range(5)]
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame, frames[0])


def test_index_list_is_for_experts():
    stream = make(t_index_list=[20, 40])
    assert stream.latency == 1
    embeds = stream.encode_prompt("x")
    stream.step_latent(noise(0), embeds)
    stream.step_latent(noise(1), embeds)
    assert stream.state.frames_in_flight[0].plan.timesteps == (599.0, 199.0)


@pytest.mark.parametrize("mode", ["none", "full", "self", "initialize"])
@pytest.mark.parametrize("indices", [[0], [0, 16, 32, 45], [32, 45], [49]])
@pytest.mark.parametrize("seen", [True, False], ids=["picture", "nothing"])
def test_an_index_list_is_followed_as_streamdiffusion_does(mode, indices, seen):
    """Whatever the first index, a picture is noised by its level, and noise is all without one."""
    stream = make(
        t_index_list=indices,
        guidance_mode=mode,
        guidance_scale=1.4,
        delta=0.7,
        enable_temporal_coherence=False,
        stream_batch=False,
    )
    embeds = stream.encode_prompt("x")
    stream.set_negative_prompt("y")
    timesteps = tuple(999.0 - 20 * k for k in indices)
    alpha, sigma = SD.levels(timesteps[0])
    if seen:
        source = np.asarray(stream.base.encode_image(image()[None]))
        x = alpha * source + sigma * noise(0)
        found = stream.step_latent(noise(0), embeds, image=image())
    else:
        x = noise(0)
        found = stream.step_latent(noise(0), embeds)
    # its residual begins as the first noise, from a picture or from nothing
    reference = (x - sigma * noise(0)) / alpha if mode == "self" else None
    plan = Plan(timesteps, stream.base.inference_config.seed, Guidance(mode, 1.4, 0.7))
    negative = stream.encode_prompt("y") if mode in ("full", "initialize") else None
    expected = denoise_alone(InFlightFrame(0, plan, x, embeds, negative, reference))
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_an_index_list_keeps_the_picture_at_every_frame():
    """In a coherent stream, batched, two pictures give two streams; strength 1 gives one."""

    def last(picture, **config):
        stream = make(**config)
        embeds = stream.encode_prompt("x")
        for k in range(6):
            frame = stream.step_latent(noise(k), embeds, image=image(picture))
        return np.asarray(frame)

    assert np.abs(last(1, t_index_list=[0, 25]) - last(2, t_index_list=[0, 25])).max() > 1e-3
    coherent = {"strength": 1.0, "denoising_steps": 2}
    np.testing.assert_array_equal(last(1, **coherent), last(2, **coherent))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("backend", BACKENDS)
def test_generate_batch_does_not_depend_on_the_batch_size(backend, batch_size):
    latents = gaussian(0, 0, 0, (5, *SHAPE[1:]))
    whole = ToyPipeline(backend, batch_size=5)
    prompts = whole.encode_prompt(["a", "bb", "ccc", "dddd", "eeeee"])
    base = ToyPipeline(backend, batch_size=batch_size)
    np.testing.assert_array_equal(
        base.generate_batch(latents, prompts), whole.generate_batch(latents, prompts)
    )
    np.testing.assert_array_equal(
        base.generate_batch(latents, prompts[:1]), whole.generate_batch(latents, prompts[:1])
    )


def test_generate_batch_checks_the_number_of_prompts():
    base = ToyPipeline()
    with pytest.raises(InputError, match="3 latents need 3 prompt embeddings or one, not 2"):
        base.generate_batch(gaussian(0, 0, 0, (3, *SHAPE[1:])), base.encode_prompt(["a", "b"]))


def test_half_precision_models_stream_in_float32():
    stream = make("torch")
    half = StreamDiffusionPipeline(ToyPipeline("torch", "bfloat16"), StreamConfig())
    embeds = stream.encode_prompt("x")
    for k in range(3):
        full = stream.generate_frame_with_coherence(noise(k), embeds)
        low = half.generate_frame_with_coherence(noise(k), half.encode_prompt("x"))
    assert str(half.state.picture.dtype) == "torch.float32"
    assert str(half.step_latent(noise(4), embeds).dtype) == "torch.bfloat16"
    assert np.abs(full.astype(float) - low).mean() < 8


@pytest.mark.parametrize("mode", ["none", "full", "self", "initialize"])
def test_the_device_is_never_waited_for(mode):
    """On tensors without values: whatever would read one fails."""
    pytest.importorskip("torch")
    stream = make("meta", denoising_steps=2, guidance_mode=mode, guidance_scale=1.5)
    embeds = stream.encode_prompt("x")
    for k in range(4):
        told = {
            "camera": CameraMove(zoom=1.01),
            "context": Context(controls=np.zeros((1, 5), np.float32)),
        }
        latent = stream.step_latent(noise(k), embeds, 0.3, **told)
        stream.step_latent(None, embeds, image=image(), strength=0.5)
    assert latent.device.type == "meta"
    stream.stream_config.enable_similarity_filter = True
    stream.step_latent(noise(9), embeds)
    with pytest.raises((RuntimeError, NotImplementedError)):
        stream.step_latent(noise(9), embeds)  # the filter does wait: it must know the likeness


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latent": np.zeros((1, CHANNELS, 8, 8), np.float32)}, "latent must have the shape"),
        ({"embeds": np.zeros((1, 3, 4), np.float32)}, "prompt_embeds must have the shape"),
        ({"image": np.zeros((32, 64, 3), np.uint8)}, "image must have the shape"),
        ({"image": np.zeros((64, 64, 3), np.float32)}, "image must be uint8"),
        ({"strength": 1.5}, "strength must be 0..1"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(change, message):
    stream = make()
    embeds = stream.encode_prompt("x")
    stream.step_latent(noise(0), embeds)
    before = stream.state
    latent, embeds = change.pop("latent", noise(1)), change.pop("embeds", embeds)
    with pytest.raises((InputError, ConfigError), match=message):
        stream.step_latent(latent, embeds, **change)
    assert stream.state is before
