"""Sound from Scope's audio port, as a session hears a microphone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from phosphene.diffusion.notices import say_once
from phosphene.integrations.scope.knobs import number
from phosphene.integrations.scope.schema import PORT
from phosphene.show.live.sound import Chunk

RATE = 48_000
"""Hz, where Scope does not say another"""
RATES = (8000, 192_000)
LONGEST = 10
"""seconds of one piece of which anything is heard"""


def read_sound(given: Mapping[str, object], now: float) -> list[Chunk]:
    """What came in at the port since the last call, (n,) or (channels, n), as mono; never raises."""
    came = given.get(PORT)
    rate = number(given.get(f"{PORT}_sample_rate", RATE))
    if came is None or rate is None or not RATES[0] <= rate <= RATES[1]:
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
        mono = np.nan_to_num(mono[-int(LONGEST * rate) :], posinf=0.0, neginf=0.0)
        chunks.append(Chunk(mono, int(rate), now))
    return chunks


def _to_numpy(piece: object) -> object:
    detach = getattr(piece, "detach", None)
    # a tensor may lie on a GPU and be of a kind that numpy does not know
    return piece if detach is None else detach().cpu().float().numpy()
