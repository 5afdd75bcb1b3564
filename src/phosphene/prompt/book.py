"""Prompts as the model knows them: embeddings and colours, encoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phosphene.arrays import Array
from phosphene.namespaces import evaluate
from phosphene.prompt.fade import Texts
from phosphene.stream.arrays import to_numpy

REMEMBERED = 24
"""groups of texts whose embeddings are kept"""
MOST_WAITING = 4
"""groups that may wait to be encoded; while a prompt is typed its older forms fall out"""


@dataclass(frozen=True)
class Encoded:
    """A group of prompts."""

    embeds: Array
    """(n, seq, hidden)"""
    palettes: npt.NDArray[np.float32] | None = None
    """(n, 256, 3) sRGB 0..255, of models that draw fields"""


Encode = Callable[[Texts], Encoded]


class Model(Protocol):
    """What encodes prompts; see :class:`~phosphene.diffusion.base.BasePipeline`."""

    def encode_prompt(self, prompt: str | Sequence[str]) -> Array: ...

    def palettes(self, prompts: Sequence[str]) -> Array | None: ...


def encoder(model: Model) -> Encode:
    """Encodes as ``model`` does, ready for any thread."""

    def encode(texts: Texts) -> Encoded:
        embeds, colours = model.encode_prompt(texts), model.palettes(texts)
        evaluate([embeds])
        return Encoded(embeds, None if colours is None else to_numpy(colours))

    return encode


class Prompts(Protocol):
    """Where encoded prompts are found."""

    def get(self, texts: Texts) -> Encoded | None:
        """The group; None while it is being encoded, and for texts that cannot be."""
        ...


class PromptCache:
    """Encodes what is asked for, then and there. Raises what the model raises."""

    def __init__(self, encode: Encode, size: int = REMEMBERED) -> None:
        self._encode = encode
        self._size = size
        self._known: OrderedDict[Texts, Encoded] = OrderedDict()

    def get(self, texts: Texts) -> Encoded:
        """The group."""
        if texts not in self._known:
            self._known[texts] = self._encode(texts)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        self._known.move_to_end(texts)
        return self._known[texts]


class PromptBook:
    """Asking never waits: what is missing is encoded by whoever calls :meth:`work`.

    ``wake`` is notified when something is missing, and when it is there.
    """

    def __init__(self, encode: Encode, wake: threading.Condition) -> None:
        self._encode = encode
        self._wake = wake
        self._known: OrderedDict[Texts, Encoded | None] = OrderedDict()
        self._missing: OrderedDict[Texts, None] = OrderedDict()

    @property
    def behind(self) -> bool:
        """Whether something waits to be encoded."""
        return bool(self._missing)

    def get(self, texts: Texts) -> Encoded | None:
        """The group, or None while it is being encoded, and for texts that cannot be."""
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
        encoded = None
        try:
            encoded = self._encode(texts)
        finally:
            with self._wake:
                self._missing.pop(texts, None)
                self._known[texts] = encoded
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
                self._wake.notify_all()
