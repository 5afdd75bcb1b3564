"""The weight syntax: examples, and properties that hold for any text."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.prompt.weights import MAX_WEIGHT, parse_weights

SYNTAX = "\\()[]:"
noise = st.text(alphabet="ab \n1.9-+" + SYNTAX + "é🎵", max_size=60)
plain = st.text(alphabet=st.characters(exclude_characters=SYNTAX), min_size=1, max_size=12)
weights = st.integers(0, 4_000_000).map(lambda millionths: millionths / 1_000_000)


def escape(text: str) -> str:
    return "".join("\\" + char if char in SYNTAX else char for char in text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a red cat", [("a red cat", 1.0)]),
        ("a (red:1.3) cat", [("a ", 1.0), ("red", 1.3), (" cat", 1.0)]),
        ("(red)", [("red", 1.1)]),
        ("((red))", [("red", 1.21)]),
        ("[red]", [("red", 0.909091)]),
        ("[(red)] cat", [("red cat", 1.0)]),
        ("((red:2) cat:1.5)", [("red", 3.0), (" cat", 1.5)]),
        ("(red : .5 )", [("red ", 0.5)]),
        ("(red:-1)(blue:99)", [("red", 0.0), ("blue", 4.0)]),
        ("(((a:4):4):4)[b]", [("a", 4.0), ("b", 0.909091)]),
        ("(a:1)", [("a", 1.0)]),
        (r"\(red\) \[x\] a\\b", [(r"(red) [x] a\b", 1.0)]),
        (r"(16\:9)", [("16:9", 1.1)]),
        (r"C:\dir", [(r"C:\dir", 1.0)]),
        ("(red", [("(red", 1.0)]),
        ("red) :1.3)", [("red) :1.3)", 1.0)]),
        ("(a]b)", [("a]b", 1.1)]),
        ("([a)b]", [("[a", 1.1), ("b]", 1.0)]),
        ("[red:1.3]", [("red:1.3", 0.909091)]),
        ("(a:b:1.5)", [("a:b", 1.5)]),
        ("()", []),
        ("🎵 (é:2)", [("🎵 ", 1.0), ("é", 2.0)]),
    ],
)
def test_examples(text: str, expected: list[tuple[str, float]]) -> None:
    assert parse_weights(text) == expected


@given(st.text() | noise)
def test_any_text_gives_merged_pieces_in_range(text: str) -> None:
    pieces = parse_weights(text)
    assert all(piece and 0 <= weight <= MAX_WEIGHT for piece, weight in pieces)
    assert all(left[1] != right[1] for left, right in pairwise(pieces))


@given(st.text())
def test_escaped_text_is_preserved(text: str) -> None:
    assert parse_weights(escape(text)) == ([(text, 1.0)] if text else [])


@given(noise)
def test_words_survive_in_order(text: str) -> None:
    words = "".join(char for char in "".join(p for p, _ in parse_weights(text)) if char in "abé🎵")
    assert words == "".join(char for char in text if char in "abé🎵")


@given(st.lists(st.tuples(st.text(min_size=1), weights), max_size=6))
def test_round_trip(pieces: list[tuple[str, float]]) -> None:
    written = "".join(f"({escape(text)}:{weight:.6f})" for text, weight in pieces)
    merged: list[tuple[str, float]] = []
    for text, weight in pieces:
        if merged and merged[-1][1] == weight:
            merged[-1] = (merged[-1][0] + text, weight)
        else:
            merged.append((text, weight))
    assert parse_weights(written) == merged


@given(plain, st.integers(0, 4))
def test_each_bracket_multiplies(text: str, depth: int) -> None:
    ((piece, weight),) = parse_weights("(" * depth + text + ")" * depth)
    assert piece == text
    assert weight == pytest.approx(1.1**depth, abs=1e-6)


@pytest.mark.parametrize(
    "unit",
    ["(", ")", "[(", ":", ": ", ":1", "(a:4", "\\", "()", "(:0)", "1", " ", "([)]", "🎵", "\x00"],
)
def test_long_garbage_takes_linear_time(unit: str) -> None:
    start = time.process_time()
    parse_weights((unit * 100_000)[:100_000])
    parse_weights("(" * 50_000 + "a" + ":4)" * 50_000)
    parse_weights("(a:" + "1" * 50_000 + " " * 50_000)
    # about 0.4 s; a quadratic parser takes minutes
    assert time.process_time() - start < 5
