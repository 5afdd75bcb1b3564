import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.stream.noise import uniform
from phosphene.stream.similarity import Watch, decide, likeness, skip_probability
from tests.stream.toy import BACKENDS, home_of

TEXT = np.ones((1, 2, 4), np.float32)


def picture(seed=0):
    y, x = np.mgrid[:64, :64] / 64
    return np.stack([np.sin(6 * x + seed), np.cos(5 * y), x * y])[None].astype(np.float32)


def seen(image, embeds=TEXT, settings=""):
    return Watch(image, embeds, settings)


def cosine(one, other):
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_picture_is_alike(backend):
    home = home_of(backend)
    one, text = home.float32(picture()), home.float32(TEXT)
    assert likeness(seen(one, text), seen(one, text)) == pytest.approx(1, abs=1e-6)


def test_a_small_moving_object_is_noticed_where_the_cosine_is_blind():
    still, moved = picture(), picture()
    moved[..., 20:23, 30:33] += 1.5  # 0.2 % of the picture
    assert cosine(still, moved) > 0.99
    assert likeness(seen(still), seen(moved)) < 0.9


def test_brightness_is_noticed_where_the_cosine_is_blind():
    assert cosine(picture(), 0.7 * picture()) > 0.999
    assert likeness(seen(picture()), seen(0.7 * picture())) < 0.9


def test_sensor_noise_is_not_noticed():
    noisy = picture() + np.random.default_rng(0).normal(0, 2 / 127, (1, 3, 64, 64)).astype("f")
    assert likeness(seen(picture()), seen(noisy)) > 0.998


@given(st.integers(0, 1000), st.floats(0, 1))
def test_never_above_the_cosine(seed, share):
    rng = np.random.default_rng(seed)
    one, other = rng.standard_normal((2, 1, 3, 16, 16), dtype=np.float32)
    other = (share * one + (1 - share) * other).astype(np.float32)
    assert likeness(seen(one), seen(other)) <= cosine(one, other) + 1e-5


def test_another_prompt_setting_or_size_is_not_alike():
    one = seen(picture())
    embeds = TEXT.copy()
    embeds[0, 1] = -1
    assert likeness(one, seen(picture(), embeds)) < 0.5
    assert likeness(one, seen(picture(), settings="new")) == 0
    assert likeness(one, seen(picture()[..., :32])) == 0
    assert likeness(Watch(), one) == 0


@given(st.floats(-1, 1), st.floats(0, 0.99), st.floats(0, 1))
def test_probability_is_the_paper_formula_times_quietness(similarity, threshold, energy):
    p = skip_probability(similarity, threshold, energy)
    paper = max(0, 1 - (1 - similarity) / (1 - threshold))
    assert p == pytest.approx(paper * (1 - energy), abs=1e-9)
    assert 0 <= p <= 1


@pytest.mark.parametrize("max_skip", [1, 3, 10])
def test_a_still_scene_passes_one_frame_and_skips_exactly_the_most(max_skip):
    watch, decisions = seen(picture()), []
    for _ in range(3 * (max_skip + 1)):
        skip, watch = decide(watch, seen(picture()), 1.0, max_skip, 0.999)
        decisions.append(skip)
    assert decisions == ([True] * max_skip + [False]) * 3


def test_a_pass_starts_the_count_anew_and_becomes_the_reference():
    watch = Watch(picture(), TEXT, "", skipped=2)
    skip, watch = decide(watch, seen(picture(1)), 0.0, 3, 0.5)
    assert not skip and watch.skipped == 0
    np.testing.assert_array_equal(watch.picture, picture(1))


def test_a_skip_keeps_the_reference():
    skip, watch = decide(seen(picture()), seen(picture(1)), 1.0, 3, 0.5)
    assert skip
    np.testing.assert_array_equal(watch.picture, picture())


def test_the_share_of_skips_is_the_probability():
    skips = sum(decide(Watch(), Watch(), 0.3, 100, uniform(0, i))[0] for i in range(3000))
    assert skips / 3000 == pytest.approx(0.3, abs=0.03)
