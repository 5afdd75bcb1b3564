"""The text table and its tokenizer."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.diffusion.lsd.text import TextEncoder, words


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder()


def near(encoder: TextEncoder, a: str, b: str) -> float:
    return float(encoder.encode(a) @ encoder.encode(b)) / encoder.dim


@pytest.mark.parametrize(
    ("word", "close", "far"),
    [
        ("crimson", "red", "forest"),
        ("sea", "ocean", "checkerboard"),
        ("lava", "volcano", "snow"),
        ("azure", "blue", "red"),
    ],
)
def test_near_words_are_near(encoder: TextEncoder, word: str, close: str, far: str) -> None:
    assert near(encoder, word, close) > near(encoder, word, far) + 0.05


def test_unit_variance_and_shape(encoder: TextEncoder) -> None:
    vector = encoder.encode("a crimson nebula")
    assert vector.shape == (encoder.dim,)
    assert vector.dtype == np.float32
    assert np.square(vector).mean() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    "text", ["", "   ", "the of and", "!?#", "\u0000\ud83d", "\u2603\ufe0f" * 0]
)
def test_nothing_known_is_the_null_embedding(encoder: TextEncoder, text: str) -> None:
    assert not encoder.encode(text).any()


def test_emoji_speak_through_their_names(encoder: TextEncoder) -> None:
    assert near(encoder, "\N{FIRE}", "fire") > 0.99
    assert near(encoder, "\N{WATER WAVE}", "wave water") > 0.99


def test_any_length_and_script(encoder: TextEncoder) -> None:
    for text in (
        "red " * 2500,
        "x" * 10_000,
        "\u6d77\u6d6a \u043c\u043e\u0440\u0435 \u0627\u0644\u0628\u062d\u0631",
        "caf\u00e9\u0301",
    ):
        assert np.isfinite(encoder.encode(text)).all()
    assert near(encoder, "red " * 2500, "red") > 0.99


def test_case_and_stop_words_do_not_matter(encoder: TextEncoder) -> None:
    assert np.array_equal(encoder.encode("The RED of a Spiral"), encoder.encode("red spiral"))
    assert words("It's the ocean's edge!") == ["it's", "ocean's", "edge"]


def test_weights_pull(encoder: TextEncoder) -> None:
    red = encoder.encode("red")
    even = encoder.encode_words([("red", 1.0), ("spiral", 1.0)])
    more = encoder.encode_words([("red", 2.0), ("spiral", 1.0)])
    assert red @ more > red @ even
    assert np.allclose(encoder.encode_words([("red", 1.0)]), encoder.encode_words([("red", 1.7)]))
    assert not encoder.encode_words([("red", 0.0)]).any()
    assert not encoder.encode_words([]).any()
