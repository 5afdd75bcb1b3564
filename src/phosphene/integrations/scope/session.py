"""Between Scope's calls and the thread that draws. No call waits for a model."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from phosphene.diffusion.notices import say_once
from phosphene.diffusion.registry import load_picture_pipeline
from phosphene.integrations.scope.frames import to_tensor
from phosphene.integrations.scope.knobs import number
from phosphene.integrations.scope.loras import LoraPanel
from phosphene.integrations.scope.offers import Offer
from phosphene.integrations.scope.orders import Order, Wish
from phosphene.integrations.scope.prompts import Prompter
from phosphene.integrations.scope.schema import PORT
from phosphene.integrations.scope.tempo import read_beat
from phosphene.integrations.scope.values import Values
from phosphene.integrations.scope.worker import Worker
from phosphene.show.live.sound import Chunk

PROMPT = "crimson and gold mandala"
"""until the user writes one"""
FPS = 30.0
"""pictures a second that are drawn from nothing"""
PATIENCE = 0.01
"""seconds a call waits for a picture from nothing; Scope takes one change of settings per call"""
SOUND_RATE = 48_000
"""Hz, where Scope does not say another"""
SOUND_RATES = (8000, 192_000)
LONGEST_SOUND = 10
"""seconds of one piece of which anything is heard"""


def read_sound(given: Mapping[str, object], now: float) -> list[Chunk]:
    """What came in at the port since the last call, (n,) or (channels, n), as mono; never raises."""
    came = given.get(PORT)
    rate = number(given.get(f"{PORT}_sample_rate", SOUND_RATE))
    if came is None or rate is None or not SOUND_RATES[0] <= rate <= SOUND_RATES[1]:
        return []
    pieces = came if isinstance(came, list | tuple) else [came]
    chunks = []
    for piece in pieces:
        try:
            samples = np.asarray(_to_numpy(piece), np.float32)
            if samples.ndim == 3:
                samples = samples[0]
            mono = samples if samples.ndim == 1 else samples.mean(axis=0)
            if mono.ndim != 1 or not mono.size:
                raise ValueError(f"no sound of the shape {samples.shape}")
        except (TypeError, ValueError, RuntimeError) as error:
            say_once(f"what comes in at the audio port cannot be heard ({error}).")
            continue
        mono = np.nan_to_num(mono[-int(LONGEST_SOUND * rate) :], posinf=0.0, neginf=0.0)
        chunks.append(Chunk(mono, int(rate), now))
    return chunks


def _to_numpy(piece: object) -> object:
    detach = getattr(piece, "detach", None)
    # a tensor may lie on a GPU and be of a kind that numpy does not know
    return piece if detach is None else detach().cpu().float().numpy()


class ScopeSession:
    """Belongs to Scope's thread, which therefore takes frames and settings as fast as they come.

    Args:
        offer: which pipeline.
        given: what Scope makes it with: defaults, and what the user has set.

    Raises what loading the first model raises.
    """

    def __init__(self, offer: Offer, given: Mapping[str, Any]) -> None:
        self._prompter = Prompter(PROMPT)
        self._prompter.update(given)
        values = Values(offer.knobs).updated(given)
        self._panel = LoraPanel()
        loras = self._panel.update(given)
        self._wish = Wish(values, self._prompter.text, self._prompter.seconds, loras)
        self._worker = Worker(offer, self._wish, load_picture_pipeline)
        self._sees = False
        self._reset = False
        self._due = 0.0
        self._sound: object = None

    def close(self) -> None:
        """End, and free the model's memory."""
        self._worker.close()

    def prepare(self, sees: bool) -> bool:
        """Whether the next call needs an input picture; ``sees``: there is a source of them."""
        self._sees = sees
        return sees and not self._worker.ready

    def call(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """One call of Scope's: what it sends in, its answer out."""
        self._read(given)
        if given.get(PORT) is not self._sound:
            # the last one stays among what Scope sends
            self._sound = given.get(PORT)
            self._worker.hear(read_sound(given, time.monotonic()))
        pictures = given.get("video")
        if isinstance(pictures, list | tuple) and pictures:
            stamps = given.get("video_timestamps")
            # what is newer replaces what was not begun
            self._order(given, pictures[-1], stamps[-1] if stamps else None)
        elif not self._sees and time.monotonic() >= self._due:
            self._due = max(time.monotonic(), self._due + 1.0 / FPS)
            self._order(given, None, None)
        return self._answer(0.0 if self._sees or pictures else PATIENCE)

    def _read(self, given: Mapping[str, Any]) -> None:
        old = self._wish
        self._prompter.update(given)
        values, loras = old.values.updated(given), self._panel.update(given)
        new = Wish(values, self._prompter.text, self._prompter.seconds, loras)
        if new != old:
            self._wish = new
        self._reset = self._reset or bool(given.get("init_cache"))

    def _order(self, given: Mapping[str, Any], picture: object, timestamp: object) -> None:
        beat, arrived = read_beat(given), time.monotonic()
        self._worker.offer(Order(self._wish, arrived, picture, timestamp, beat, self._reset))
        self._reset = False

    def _answer(self, seconds: float) -> dict[str, Any]:
        painted = self._worker.take(seconds)
        if painted is None:
            # nothing new: what is shown stays
            return {"video": None}
        order = painted.order
        answer: dict[str, Any] = {"video": to_tensor(painted.image, order.tensor)}
        if order.timestamp is not None:
            answer["video_timestamps"] = [order.timestamp]
        return answer
