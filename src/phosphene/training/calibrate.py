"""Real inputs for choosing 8-bit ranges: remembered pictures, and streams that start from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.diffusion.lsd.feeds import Told, feeds
from phosphene.diffusion.lsd.fields import coloured, colours
from phosphene.diffusion.lsd.loops import FRAMES, PART
from phosphene.diffusion.lsd.nets import LsdNets, open_session
from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.training.quantise import Feeds
from phosphene.training.wear import hold

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]
TEXT = 128
"""length of a prompt's vector"""
STRIDE = 11
"""frames of a loop from one picture to the next one's"""
PROMPTS = (
    "crimson nebula", "teal ocean waves", "neon grid", "gold mandala", "violet smoke",
    "black and white stripes", "emerald aurora", "rainbow kaleidoscope",
)  # fmt: skip


def seed_pictures(bank: SeedBank, count: int) -> Frames:
    """(count, s, s, 3) different remembered pictures."""
    null = np.zeros(TEXT, np.float32)
    pictures = []
    for variant in range(count):
        seed = bank.seed(null, variant)
        # spread over the loop
        number, place = divmod((variant * STRIDE) % FRAMES, PART)
        field = bank.part(seed, number)[place]
        pictures.append(coloured(field, colours(bank.gradients[seed.palette])))
    return np.stack(pictures)


def drawn_latents(nets: LsdNets, latents: FloatArray) -> FloatArray:
    """What a decoder is given: every second of ``latents`` (n 8 h w) as a stream leaves it."""
    out, held = latents.copy(), latents[1::2]
    silent = np.zeros((len(held), 1, TEXT), np.float32)
    out[1::2] = hold(nets, held, silent, 5, np.random.default_rng(0))
    return out


def stream_feeds(denoiser: Path, latents: FloatArray, text: TextEncoder) -> list[Feeds]:
    """Eight frames of a stream from each of eight pictures, as the network's arguments."""
    session = open_session(denoiser, 1)
    names = frozenset(entry.name for entry in session.get_inputs())
    rng = np.random.default_rng(0)
    out: list[Feeds] = []
    for start, prompt in zip(latents, PROMPTS, strict=False):
        last, before = start[None], None
        vector = text.encode(prompt)[None, None]
        for frame in range(8):
            t = np.float32(0.5 + 0.5 * rng.random())
            noise = rng.standard_normal(last.shape).astype(np.float32)
            told = Told(
                latents=(1 - t) * last + t * noise,
                t=np.array([t], np.float32),
                text=vector,
                history_noise=0.05,
                audio=rng.random((1, 5)).astype(np.float32),
                previous=last,
                before=before,
                memory=start[None, None],
                memory_age=np.array([[frame + 1]], np.float32),
            )
            fed = feeds(told, names, 4.5)
            (velocity,) = session.run(None, fed)
            last, before = told.latents - t * velocity, last
            out.append(dict(fed))
    return out


def relative_error(one: Path, other: Path, inputs: Sequence[Feeds]) -> float:
    """Root mean square difference of two networks' outputs over the first's own size."""
    sessions = [open_session(path, 1) for path in (one, other)]
    gap = size = 0.0
    for fed in inputs:
        a, b = (np.asarray(s.run(None, fed)[0], np.float64) for s in sessions)
        gap, size = gap + float(np.sum((a - b) ** 2)), size + float(np.sum(a * a))
    return float(np.sqrt(gap / max(size, 1e-12)))
