"""Scope's prompts, each with a weight, and its transitions, as one text that is in force.

A blend travels through the engine as a text of its own (JSON behind a mark that nobody types), so that
it is eased in, remembered and recalled like any prompt; :func:`encoded` turns it into an embedding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from phosphene import palettes
from phosphene.arrays import like
from phosphene.diffusion.notices import say_once
from phosphene.integrations.scope.knobs import number
from phosphene.namespaces import array_namespace
from phosphene.prompt.blend import Method, weighted
from phosphene.prompt.book import Encode, Encoded
from phosphene.prompt.fade import Texts

MARK = "\0blend"
SECONDS_PER_STEP = 1 / 30
"""Scope counts a transition in frames"""


class Prompter:
    """Which text is drawn, and how long the change to it takes.

    Scope goes on sending the prompts from before a transition when that is over, so whatever changed
    last is in force.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.seconds: float | None = None
        """length of the transition to it; None: as the user has set"""
        self._prompts: object = None
        self._transition: object = None

    def update(self, given: Mapping[str, object]) -> None:
        """Read ``prompts`` and ``transition``; never raises."""
        prompts, transition = given.get("prompts"), given.get("transition")
        slerp = given.get("prompt_interpolation_method") == "slerp"
        if prompts is not None and prompts != self._prompts:
            self._prompts, self.seconds = prompts, None
            self._take(prompts, slerp)
        if isinstance(transition, Mapping) and transition != self._transition:
            steps = number(transition.get("num_steps"))
            self.seconds = None if steps is None else steps * SECONDS_PER_STEP
            self._take(transition.get("target_prompts"), slerp)
        # the same one may be asked for again later
        self._transition = transition

    def _take(self, prompts: object, slerp: bool) -> None:
        parts = _parts(prompts)
        if parts is None:
            say_once("prompts must be texts with weights: the last ones stay.")
        elif parts:
            self.text = _joined(parts, slerp)


def encoded(texts: Texts, encode_plain: Encode) -> Encoded:
    """Texts, plain or blends."""
    found = [_one(text, encode_plain) for text in texts]
    xp = array_namespace(found[0].embeds)
    colours = [each.palettes for each in found if each.palettes is not None]
    return Encoded(
        xp.concat([each.embeds for each in found]), np.concatenate(colours) if colours else None
    )


def _one(text: str, encode_plain: Encode) -> Encoded:
    if not text.startswith(MARK):
        return encode_plain((text,))
    blend = json.loads(text.removeprefix(MARK))
    parts = encode_plain(tuple(blend["texts"]))
    shares = np.asarray(blend["weights"], np.float32)
    method: Method = "slerp" if blend["slerp"] else "lerp"
    embeds = weighted(parts.embeds, like(shares, parts.embeds), method)[None]
    colours = parts.palettes
    return Encoded(embeds, None if colours is None else palettes.mix(colours, shares)[None])


def _joined(parts: Sequence[tuple[str, float]], slerp: bool) -> str:
    if len(parts) == 1:
        return parts[0][0]
    total = sum(weight for _, weight in parts)
    weights = [round(weight / total, 6) for _, weight in parts]
    return MARK + json.dumps(
        {"texts": [text for text, _ in parts], "weights": weights, "slerp": slerp}
    )


def _parts(prompts: Any) -> list[tuple[str, float]] | None:
    """(text, weight) of all that count; None for nonsense. Weights may be of 1 or of 100."""
    if isinstance(prompts, str):
        return [(prompts, 1.0)]
    if not isinstance(prompts, Sequence):
        return None
    parts = []
    for prompt in prompts:
        given = {"text": prompt} if isinstance(prompt, str) else prompt
        if not isinstance(given, Mapping) or not isinstance(given.get("text"), str):
            return None
        weight = number(given.get("weight", 1.0))
        # what weighs nothing, or no number, counts for nothing
        if weight is not None and weight > 0:
            parts.append((given["text"], weight))
    return parts
