"""Prompt weights: ``(word:1.3)``, ``(word)``, ``[word]``.

The syntax is the one AUTOMATIC1111's stable-diffusion-webui made common (``prompt_parser.py``,
``parse_prompt_attention``), with one difference: a bracket that has no partner is plain text.
"""

from __future__ import annotations

import re
from itertools import groupby
from operator import itemgetter

ROUND_FACTOR = 1.1
"""weight of ``(word)``"""
SQUARE_FACTOR = 1 / 1.1
"""weight of ``[word]``"""
MAX_WEIGHT = 4.0
"""far beyond this, text encoders only give noise"""

# inside a nest the product may pass MAX_WEIGHT and come back, but never reach infinity
_CEILING = 1e9

# possessive quantifiers (``++``) never go back, which keeps the time linear for any input
_TOKEN = re.compile(
    r"\\(?P<escaped>[\\()\[\]:])"
    r"|:\s*+(?P<number>[+-]?(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++))\s*+\)"
    r"|[^\\()\[\]:]++"
    r"|.",
    re.DOTALL,
)


def parse_weights(text: str) -> list[tuple[str, float]]:
    """Split a prompt into pieces of equal weight, in order; weights are 0..4.

    ``(word)`` weighs 1.1, ``[word]`` 1 / 1.1 and ``(word:1.3)`` 1.3; nested ones multiply. A
    backslash takes the meaning from one of ``( ) [ ] : \\``. Brackets without a partner are plain
    text. Never raises; takes linear time; spaces stay as they are; neighbours differ in weight. An
    empty prompt has no pieces.
    """
    tokens = list(_TOKEN.finditer(text))
    factors = _pair(tokens)
    running = [1.0]
    pieces: list[tuple[str, float]] = []
    for index, token in enumerate(tokens):
        factor = factors.get(index)
        if factor is None:
            pieces.append((token["escaped"] or token.group(), _clamp(running[-1])))
        elif token.group() in "([":
            running.append(min(running[-1] * factor, _CEILING))
        else:
            running.pop()
    return [
        ("".join(piece for piece, _ in group), weight)
        for weight, group in groupby(pieces, key=itemgetter(1))
    ]


def _pair(tokens: list[re.Match[str]]) -> dict[int, float]:
    """Factor of each token that opens or closes a pair of brackets."""
    factors: dict[int, float] = {}
    waiting: list[tuple[int, str]] = []
    count = {"(": 0, "[": 0}
    for index, token in enumerate(tokens):
        sign = token.group()
        if sign in count:
            waiting.append((index, sign))
            count[sign] += 1
        elif token["number"] or sign in (")", "]"):
            wanted = "[" if sign == "]" else "("
            # without this look ahead, a stray closer would eat every open bracket
            if not count[wanted]:
                continue
            found = ""
            while found != wanted:
                start, found = waiting.pop()
                count[found] -= 1
            usual = SQUARE_FACTOR if wanted == "[" else ROUND_FACTOR
            factors[start] = factors[index] = _clamp(float(token["number"] or usual))
    return factors


def _clamp(weight: float) -> float:
    # rounding makes ((a)) 1.21 and lets [(a)] join its neighbours
    return round(min(max(weight, 0.0), MAX_WEIGHT), 6)
