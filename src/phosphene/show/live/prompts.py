"""Prompts that change under the performer's hands: encoded elsewhere, eased in at once."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence

from phosphene.arrays import Array
from phosphene.config import PromptConfig
from phosphene.latent.walks import ease_out
from phosphene.prompt.blend import Method, mix

REMEMBERED = 24
"""groups of texts whose embeddings are kept"""
MOST_WAITING = 4
"""groups that may wait to be encoded; while a prompt is typed its older forms fall out"""

Texts = tuple[str, ...]


class PromptBook:
    """Embeddings of texts. Asking never waits: what is missing is encoded by whoever calls :meth:`work`.

    Args:
        encode: texts -> (n, seq, hidden).
        wake: notified when something is missing, and when it is there.
    """

    def __init__(self, encode: Callable[[Sequence[str]], Array], wake: threading.Condition) -> None:
        self._encode = encode
        self._wake = wake
        self._known: OrderedDict[Texts, Array | None] = OrderedDict()
        self._missing: OrderedDict[Texts, None] = OrderedDict()

    @property
    def behind(self) -> bool:
        """Whether something waits to be encoded."""
        return bool(self._missing)

    def get(self, texts: Texts) -> Array | None:
        """(n, seq, hidden), or None while it is being encoded, and for texts that cannot be."""
        with self._wake:
            if texts in self._known:
                self._known.move_to_end(texts)
                return self._known[texts]
            new = texts not in self._missing
            self._missing[texts] = None
            self._missing.move_to_end(texts)
            # who still wants the others will ask again
            while len(self._missing) > MOST_WAITING:
                self._missing.popitem(last=False)
            if new:
                self._wake.notify_all()
            return None

    def work(self) -> None:
        """Encode what was asked for last. Raises what the model raises, once per text."""
        with self._wake:
            if not self._missing:
                return
            texts = next(reversed(self._missing))
        embeds = None
        try:
            embeds = self._encode(texts)
        finally:
            with self._wake:
                self._missing.pop(texts, None)
                self._known[texts] = embeds
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
                self._wake.notify_all()


class TextInForce:
    """Which text is to be drawn: the timeline's, until the performer writes another one."""

    def __init__(self, config: PromptConfig) -> None:
        self._config = config
        self._entries = sorted(config.timeline, key=lambda entry: entry.at)
        self._reached: int | None = None
        self._text = config.base_prompt

    def configure(self, config: PromptConfig) -> None:
        """A new base prompt wins until the timeline comes to its next entry."""
        before, self._config = self._config, config
        if config.timeline != before.timeline:
            self._entries = sorted(config.timeline, key=lambda entry: entry.at)
            self._reached = None
        if config.base_prompt != before.base_prompt:
            self._text = config.base_prompt

    def at(self, position: float | None) -> str:
        """The text at ``position`` seconds in the song; without a song the base prompt."""
        at = 0.0 if position is None else position
        reached = bisect_right(self._entries, at, key=lambda entry: entry.at)
        reached = 0 if position is None else reached
        if reached != self._reached:
            timed = self._entries[reached - 1].prompt if reached else self._config.base_prompt
            self._text, self._reached = timed, reached
        return self._text

    @property
    def following(self) -> str | None:
        """The text that the timeline comes to next, so that it can be encoded in time."""
        after = self._entries[self._reached or 0 :]
        return after[0].prompt if after else None


class Ease:
    """From one embedding to the next, fastest at the start; a change on the way goes on from there."""

    def __init__(self) -> None:
        self._old: Array | None = None
        self._new: Array | None = None
        self._began = 0.0

    def towards(self, embeds: Array, now: float, seconds: float, method: Method) -> Array:
        """The embedding at ``now`` on the way to ``embeds``, which takes ``seconds``."""
        if self._new is None:
            self._new = embeds
        elif embeds is not self._new:
            self._old, self._new = self._at(now, seconds, method), embeds
            self._began = now
        return self._at(now, seconds, method)

    def _at(self, now: float, seconds: float, method: Method) -> Array:
        since = now - self._began
        if self._old is None or since >= seconds:
            self._old = None
            return self._new
        return mix(self._old, self._new, ease_out(since / seconds), method)
