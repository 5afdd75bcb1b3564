"""Blending of embeddings: ends, lengths, namespaces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phosphene.prompt.blend import lerp, slerp, weighted
from tests.stream.toy import OTHERS, home_of

vectors = arrays(np.float32, (2, 8), elements=st.floats(-4, 4, width=32))
amount = st.floats(0, 1, width=32)


@given(vectors, vectors, amount)
def test_ends_and_finite(a, b, t) -> None:
    np.testing.assert_allclose(slerp(a, b, 0.0), a, atol=1e-4)
    np.testing.assert_allclose(slerp(a, b, 1.0), b, atol=1e-4)
    assert np.isfinite(slerp(a, b, t)).all()
    np.testing.assert_allclose(lerp(a, b, 1.0), b, atol=1e-5)


@given(amount)
def test_slerp_keeps_length_where_lerp_shrinks(t) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 1, 64)).astype(np.float32)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    assert abs(np.linalg.norm(slerp(a, b, t)) - 1) < 1e-5
    assert np.linalg.norm(lerp(a, b, 0.5)) < 0.9


@pytest.mark.parametrize("backend", OTHERS)
@given(vectors, vectors, amount)
def test_every_backend_agrees(backend, a, b, t) -> None:
    home = home_of(backend)
    out = slerp(home.float32(a), home.float32(b), float(t))
    np.testing.assert_allclose(np.asarray(out), slerp(a, b, float(t)), atol=1e-4)


def test_opposite_and_zero_vectors_take_the_line() -> None:
    a = np.ones((1, 4), np.float32)
    np.testing.assert_allclose(slerp(a, -a, 0.5), 0, atol=1e-6)
    np.testing.assert_allclose(slerp(a, 0 * a, 0.5), 0.5, atol=1e-6)


def test_weighted_mean_keeps_length() -> None:
    stack = np.eye(12, dtype=np.float32)[:, None, :]
    weights = np.full(12, 1 / 12, np.float32)
    assert abs(np.linalg.norm(weighted(stack, weights, "slerp")) - 1) < 1e-5
    assert np.linalg.norm(weighted(stack, weights, "lerp")) < 0.3
    one = np.eye(12, dtype=np.float32)[3]
    np.testing.assert_allclose(weighted(stack, one, "slerp"), stack[3], atol=1e-6)
