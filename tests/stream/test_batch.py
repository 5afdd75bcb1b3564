"""The stream batch equals denoising every frame alone, whatever changes between frames."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.stream import engine
from phosphene.stream.batch import InFlightFrame, Plan, advance, complete
from phosphene.stream.conditioning import UNTOLD, Context
from phosphene.stream.guidance import Guidance
from phosphene.stream.noise import HeldNoise, gaussian
from phosphene.stream.sample import sample
from phosphene.stream.state import StreamState
from tests.stream.sequential import denoise_alone
from tests.stream.toy import (
    BACKENDS,
    CHANNELS,
    FLOW,
    HIDDEN,
    SD,
    SEQUENCE,
    eps_weights,
    home_of,
    toy_model,
    toy_predict,
)

SHAPE = (1, CHANNELS, 4, 6)
TOLERANCE = {"rtol": 2e-3, "atol": 2e-3}
"""float32 against float64, where pure noise divides by an alpha of 0.07 and guidance multiplies"""

guidances = st.builds(
    Guidance,
    mode=st.sampled_from(["none", "full", "self", "initialize"]),
    scale=st.floats(1.0, 2.0),
    delta=st.sampled_from([1.0, 0.8, 0.5]),
)


@st.composite
def frames(draw, steps):
    """What may differ from one frame to the next."""
    return {
        "strength": draw(st.floats(0.2, 1.0)),
        "seed": draw(st.integers(0, 3)),
        "guidance": draw(guidances),
        "prompt": draw(st.integers(0, 5)),
        "stepper": draw(st.sampled_from(["lcm", "tcd"])),
        "add_noise": draw(st.booleans()),
        "sourced": draw(st.booleans()),
        "remembers": draw(st.booleans()),
        "steps": steps,
    }


def make_in_flight(index, told, home):
    def array(slot, shape):
        return home.float32(0.5 * gaussian(11, index, slot, shape))

    reference = array(1, SHAPE) if told["sourced"] else None
    plan = Plan(
        timesteps=tuple(SD.steps(told["steps"], told["strength"]).tolist()),
        seed=told["seed"],
        guidance=told["guidance"],
        stepper=told["stepper"],
        add_noise=told["add_noise"],
    )
    text = (1, SEQUENCE, HIDDEN)
    return InFlightFrame(
        frame=index,
        plan=plan,
        x=array(0, SHAPE),
        embeds=home.float32(gaussian(told["prompt"], 0, 0, text)),
        negative=home.float32(gaussian(99, 0, 0, text)),
        reference=reference,
        context=Context(array(2, SHAPE), array(3, (1, 5))) if told["remembers"] else UNTOLD,
    )


def run_stream(frames_in_flight, home, frame_buffer):
    """Every latent that was shown, by frame, and the order in which they first were."""
    stream, state, shown = engine.Engine(toy_model(), HeldNoise(home)), StreamState(), {}
    for in_flight in frames_in_flight:
        state = engine.step(state, in_flight, stream, frame_buffer=frame_buffer)
        shown[state.shown] = state.picture
    _, landed = engine.flush(state, stream)
    shown |= {in_flight.frame: in_flight.x for in_flight in landed}
    return shown


@settings(max_examples=30)
@given(data=st.data(), steps=st.integers(1, 4), buffer=st.integers(1, 4), count=st.integers(1, 9))
@pytest.mark.parametrize("backend", BACKENDS)
def test_stream_batch_equals_one_frame_after_the_other(backend, data, steps, buffer, count):
    home = home_of(backend)
    told = [data.draw(frames(steps)) for _ in range(count)]
    frames_in_flight = [make_in_flight(i, each, home) for i, each in enumerate(told)]
    shown = run_stream(frames_in_flight, home, buffer)
    assert list(shown) == list(range(count))
    for in_flight in frames_in_flight:
        np.testing.assert_allclose(
            np.asarray(shown[in_flight.frame]), denoise_alone(in_flight), **TOLERANCE
        )


@settings(max_examples=25)
@given(data=st.data(), count=st.integers(2, 10), buffer=st.integers(1, 3))
def test_the_number_of_steps_may_change_live(data, count, buffer):
    home = home_of("numpy")
    told = [data.draw(st.integers(1, 4).flatmap(frames)) for _ in range(count)]
    frames_in_flight = [make_in_flight(i, each, home) for i, each in enumerate(told)]
    shown = run_stream(frames_in_flight, home, buffer)
    # frames that a later one overtook are never shown, the last one always is, time never runs back.
    assert list(shown) == sorted(shown)
    assert max(shown) == count - 1
    for frame, latent in shown.items():
        np.testing.assert_allclose(latent, denoise_alone(frames_in_flight[frame]), **TOLERANCE)


def test_rows_of_one_model_call():
    calls = []

    def counting(latents, timesteps, embeds, context):
        calls.append((latents.shape[0], [round(float(t)) for t in timesteps]))
        return toy_predict(latents, timesteps, embeds, context)

    model = toy_model().__class__(SD, "eps", counting)
    home = home_of("numpy")
    base = {"strength": 1.0, "seed": 0, "prompt": 0, "stepper": "lcm", "add_noise": True}
    base |= {"sourced": True, "remembers": True, "steps": 2}
    modes = ["none", "full", "self", "initialize"]
    frames_in_flight = [
        make_in_flight(i, base | {"guidance": Guidance(mode, 1.5)}, home)
        for i, mode in enumerate(modes)
    ]
    frames_in_flight = advance(frames_in_flight, model, HeldNoise(home))
    advance(frames_in_flight, model, HeldNoise(home))
    first, last = 999, 500
    assert calls == [(6, [first] * 6), (5, [last] * 5)]


def test_scale_one_is_free():
    assert not Guidance("full", 1.0).asks_negative(0)
    assert Guidance("full", 1.5).asks_negative(3)
    assert Guidance("initialize", 1.5).asks_negative(0)
    assert not Guidance("initialize", 1.5).asks_negative(1)
    assert not Guidance("self", 1.5).asks_negative(0)


@pytest.mark.parametrize("schedule", [SD, FLOW], ids=["sd", "flow"])
@pytest.mark.parametrize("kind", ["eps", "v", "x0", "flow"])
@pytest.mark.parametrize("stepper", ["lcm", "tcd"])
def test_a_perfect_model_finds_the_picture_in_every_parametrisation(schedule, kind, stepper):
    """A model that knows x0: any schedule, prediction and rule must arrive at it."""
    target = gaussian(0, 0, 0, SHAPE)

    def perfect(latents, timesteps, embeds, context):
        alpha, sigma = schedule.levels(float(timesteps[0]))
        # prediction p with x0(p) = target: eps = c x + d p solved for p.
        eps = (latents - alpha * target) / sigma
        c, d = eps_weights(kind, alpha, sigma)
        return (eps - c * latents) / d if kind != "x0" else target

    model = toy_model().__class__(schedule, kind, perfect)
    plan = Plan(tuple(schedule.steps(4, 0.9).tolist()), stepper=stepper)
    noise = gaussian(1, 0, 0, SHAPE)
    in_flight = InFlightFrame(0, plan, noise, np.zeros((1, SEQUENCE, HIDDEN), np.float32))
    landed = complete(in_flight, model, HeldNoise(home_of("numpy")))
    np.testing.assert_allclose(landed.x, target, atol=2e-3)
    assert landed.x.dtype == np.float32


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_do_not_change_pictures(backend):
    home = home_of(backend)
    latents = home.float32(gaussian(1, 0, 0, (7, *SHAPE[1:])))
    embeds = home.float32(gaussian(2, 0, 0, (7, SEQUENCE, HIDDEN)))
    plan = Plan(tuple(SD.steps(3).tolist()), seed=4)

    def pictures(batch_size, embeds):
        chunks = list(sample(latents, embeds, plan, toy_model(), batch_size))
        assert max(chunk.shape[0] for chunk in chunks) <= batch_size
        return np.concatenate([np.asarray(chunk) for chunk in chunks])

    for batch_size in (2, 3, 7, 100):
        np.testing.assert_array_equal(pictures(batch_size, embeds), pictures(1, embeds))
        np.testing.assert_array_equal(pictures(batch_size, embeds[:1]), pictures(1, embeds[:1]))


@pytest.mark.parametrize("t", [0.0, 0.05, 2.0])
def test_a_nearly_clean_input_stays_itself(t):
    """LCM's boundary condition, where c_skip counts."""
    text = np.zeros((1, SEQUENCE, HIDDEN), np.float32)
    in_flight = InFlightFrame(0, Plan((t,)), gaussian(1, 0, 0, SHAPE), text)
    landed = complete(in_flight, toy_model(), HeldNoise(home_of("numpy")))
    np.testing.assert_allclose(landed.x, denoise_alone(in_flight), atol=1e-5)
    if t == 0.0:
        np.testing.assert_array_equal(landed.x, in_flight.x)
