"""Whatever a model is told goes everywhere a frame goes: these tests go over the fields there are."""

from dataclasses import fields, replace

import numpy as np
import pytest

from phosphene.config import StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.stream.batch import Denoiser, InFlightFrame, Plan, advance
from phosphene.stream.conditioning import NAMES, Context, join
from phosphene.stream.noise import HeldNoise, gaussian
from phosphene.stream.state import StreamState, dump, restore
from tests.show.toy import field_toy
from tests.stream.toy import BACKENDS, SD, home_of, toy_predict


def full(home, seed=0, rows=1):
    """Everything that can be told, each field with values of its own."""
    slots = enumerate(fields(Context))
    return Context(
        **{each.name: home.float32(gaussian(seed, 0, k, (rows, 2))) for k, each in slots}
    )


def same(one, other):
    assert one.kind == other.kind
    for name, array in one.items():
        np.testing.assert_array_equal(np.asarray(array), np.asarray(getattr(other, name)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_of_it_is_batched(backend):
    home = home_of(backend)
    contexts = [full(home, seed, rows) for seed, rows in ((1, 1), (2, 3))]
    whole = join(contexts)
    for name in NAMES:
        rows = np.asarray(getattr(whole, name))
        np.testing.assert_array_equal(rows[:1], np.asarray(getattr(contexts[0], name)))
        np.testing.assert_array_equal(rows[1:], np.asarray(getattr(contexts[1], name)))
    assert join(contexts[:1]) is contexts[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_of_it_is_saved(backend):
    home = home_of(backend)
    in_flight = InFlightFrame(
        0, Plan((1.0,)), home.float32(np.ones((1, 1))), home.float32(np.ones((1, 1)))
    )
    told = [full(home), Context(), *(Context(**{name: full(home).controls}) for name in NAMES)]
    state = StreamState(frames_in_flight=tuple(replace(in_flight, context=each) for each in told))
    back = restore(dump(state), home.float32)
    for before, after in zip(told, back.frames_in_flight, strict=True):
        same(before, after.context)


def test_all_of_it_moves_but_what_must_stay_exact():
    told, half = full(home_of("numpy")), lambda array: array.astype(np.float16)
    assert {array.dtype.name for _, array in told.map(half).items()} == {"float16"}
    kept = {name for name, array in told.map(half, exact=False).items() if array.dtype == "float32"}
    assert kept == {"memory_age", "palette", "guide", "referred"}


def test_the_later_one_counts():
    home = home_of("numpy")
    early, late = full(home, 1), Context(palette=full(home, 2).palette)
    both = early.told(late)
    assert both.palette is late.palette
    assert all(getattr(both, name) is getattr(early, name) for name in NAMES if name != "palette")


def test_frames_that_were_told_other_kinds_of_things_do_not_share_a_call():
    home, calls = home_of("numpy"), []

    def denoise(latents, timesteps, embeds, context):
        calls.append((len(latents), context.kind))
        return toy_predict(latents, timesteps, embeds)

    x, text = gaussian(0, 0, 0, (1, 3, 4, 4)), gaussian(0, 0, 1, (1, 2, 4))
    told = [full(home), Context(), full(home), *(Context(**{n: x}) for n in NAMES)]
    frames_in_flight = [
        InFlightFrame(k, Plan((900.0,)), x, text, context=each) for k, each in enumerate(told)
    ]
    advance(frames_in_flight, Denoiser(SD, "eps", denoise), HeldNoise(home))
    assert calls == [(2, NAMES), (1, ()), *((1, (name,)) for name in NAMES)]


def test_colours_come_back_with_the_picture_they_were_given_with():
    """Through a stream of three steps, saved and restored on its way."""
    base = field_toy()

    def make():
        return StreamDiffusionPipeline(base, StreamConfig(denoising_steps=3))

    def run(stream, frames):
        for k in frames:
            palette = np.full((1, 256, 3), k, np.float32)
            embeds = base.encode_prompt(chr(97 + k))
            key = stream.step(
                gaussian(0, k, 0, (1, 2, 4, 6)), embeds, context=Context(palette=palette)
            )
            yield stream.shown, key

    stream = make()
    found = list(run(stream, range(5)))
    again = make()
    again.restore_state(stream.dump_state())
    found += list(run(again, range(5, 9)))
    shown = [
        (8 - len(late) + 1 + k, key) for late in [again.flush_keys()] for k, key in enumerate(late)
    ]
    for frame, key in [*found, *shown]:
        assert float(key.palette[0, 0, 0]) == frame
    assert [frame for frame, _ in [*found, *shown]] == [0, 0, 0, *range(1, 9)][
        : len(found) + len(shown)
    ]
    assert {base.decode(key.latent, key.palette)[0, 0, 0, 0] for _, key in shown} == {7, 8}


def test_independent_pictures_wear_colours_too():
    base = field_toy()
    embeds, latents = base.encode_prompt(["a", "b", "c"]), gaussian(0, 0, 0, (3, 2, 4, 6))
    base.inference_config.batch_size = 2
    frames = base.generate_batch(latents, embeds, base.palettes(["a" * 50, "b" * 100, "c" * 200]))
    assert frames.shape == (3, 64, 64, 3)
    # place 1/27, 2/27, 3/27 of a ramp up to 50, 100, 200
    assert frames[:, 0, 0, 0].tolist() == [1, 7, 21]
