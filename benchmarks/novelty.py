"""Does a stream repeat itself, or what the network was trained on?

    python benchmarks/novelty.py                              three prompts, ten minutes of each
    python benchmarks/novelty.py "violet galaxy" --minutes 2

Fields (place in the palette, light) are compared at 32 on the shorter side, by the root of their mean
squared difference, four a second. A stream that repeats has a frame of long ago that is the same; one that
plays back what it was trained on lies nearer to some training clip than a new clip of the renderer does.
All figures are shares of what two frames of the stream differ by (median).
"""

from __future__ import annotations

import argparse
from zlib import crc32

import numpy as np
import numpy.typing as npt

from phosphene.config import PipelineConfig
from phosphene.diffusion import load_pipeline
from phosphene.diffusion.lsd.motifs import Reader
from phosphene.diffusion.lsd.render import Motif
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.evaluation.drift import keys
from phosphene.show.dream import breath
from phosphene.show.render import apply_size
from phosphene.stream.arrays import to_numpy
from phosphene.training.clips import draw_clips, planes
from phosphene.training.config import DataSettings

PROMPTS = ("crimson and gold mandala", "orange fire", "violet galaxy")
A_SECOND = 4
"""fields that are compared"""
LONG_AGO = 60.0
"""seconds"""
CLIPS, HELD_OUT = 2000, 200
"""fields of the family as training draws them, and new ones for comparison"""
FloatArray = npt.NDArray[np.float32]


def small(field: FloatArray) -> FloatArray:
    """(b, 2, h, w) -> (b, n), means of 2x2."""
    b, planes, height, width = field.shape
    return field.reshape(b, planes, height // 2, 2, width // 2, 2).mean((3, 5)).reshape(b, -1)


def streamed(prompt: str, minutes: float) -> FloatArray:
    """(n, dim) fields of a dream of ``prompt``."""
    config = PipelineConfig()
    config.prompt.base_prompt = prompt
    base = load_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    apply_size(base, config, (256, 256))
    heard = breath(60 * minutes, config.audio.fps, 0)
    every = round(config.audio.fps / A_SECOND)
    rows = [
        small(to_numpy(key.latent))
        for frame, key in enumerate(keys(base, config, heard))
        if frame % every == 0
    ]
    return np.concatenate(rows)


def clips(motif: Motif, split: str, count: int) -> FloatArray:
    """(n, dim) fields of a motif as training has them; splits share no clip."""
    settings, found = DataSettings(restyled=0.0), []
    while sum(map(len, found)) < count:
        drawn = draw_clips(settings, motif, crc32(f"{split} {len(found)}".encode()))
        found.append(small(planes(drawn.fields[:, -1]).numpy()))
    return np.concatenate(found)[:count]


def nearest(rows: FloatArray, others: FloatArray) -> FloatArray:
    """(n,) of each row, how far the nearest of the others is."""
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2 * rows @ others.T
    return np.sqrt(np.maximum(squares.min(1), 0) / rows.shape[1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("prompts", nargs="*", default=PROMPTS)
    parser.add_argument("--minutes", type=float, default=10.0)
    args = parser.parse_args()
    if 60 * args.minutes <= LONG_AGO + 1:
        parser.error(
            "--minutes must be more than one: frames are compared with those of a minute ago."
        )
    encoder = TextEncoder()
    reader = Reader(encoder)
    heads = ("a second ago", "over a minute ago", "nearest clip", "of a new clip")
    print(f"{'':<26}" + "".join(f"{head:>20}" for head in heads))
    for prompt in args.prompts:
        told = measure(
            streamed(prompt, args.minutes), reader.read(prompt, encoder.encode(prompt)).motif
        )
        print(f"{prompt:<26}" + "".join(f"{value:20.2f}" for value in told), flush=True)


def measure(rows: FloatArray, motif: Motif) -> tuple[float, ...]:
    """How far a frame is from that of a second ago (median); from the nearest of over a minute ago, and from
    the nearest clip (the least of all frames); and the least of new clips from theirs."""
    long_ago = round(LONG_AGO * A_SECOND)
    last = apart(rows[A_SECOND:], rows[:-A_SECOND])
    before = [
        nearest(rows[k : k + 1], rows[: k - long_ago])[0] for k in range(long_ago + 1, len(rows))
    ]
    one, other = np.random.default_rng(0).integers(0, len(rows), (2, 4000))
    typical = np.median(apart(rows[one], rows[other]))
    known, fresh = clips(motif, "known", CLIPS), clips(motif, "new", HELD_OUT)
    found = (np.median(last), min(before), nearest(rows, known).min(), nearest(fresh, known).min())
    return tuple(float(value / typical) for value in found)


def apart(rows: FloatArray, others: FloatArray) -> FloatArray:
    """(n,) root of the mean squared difference of each row to the other of its number."""
    return np.sqrt(((rows - others) ** 2).mean(1))


if __name__ == "__main__":
    main()
