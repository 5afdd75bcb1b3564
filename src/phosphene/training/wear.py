"""What streams do to latents: pictures as they stand at a moment, held by a stream for some frames.

A frame of a stream is never the clean latent that a decoder learns on: it was moved, noised and predicted
back, frame after frame. A decoder that has seen such latents beside the pictures they come from draws the
pictures; one that has not draws the damage too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.config import PipelineConfig
from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.diffusion.lsd.pipeline import CONTROL_GAIN, LSDPipeline
from phosphene.diffusion.lsd.remembered import (  # type: ignore[import-not-found]
    mirrored,
    shown,
)
from phosphene.stream.anchor import towards
from phosphene.stream.camera import STILL, CameraMove
from phosphene.stream.schedule import Schedule

FloatArray = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]

STILL_SHARE = 0.35
"""of pictures that nothing moves"""
FRAMES = (3, 9)
"""fewest and one more than most frames that a stream has held a picture for"""


@dataclass(frozen=True)
class Worn:
    """Pictures (n s s 3) at twice the codec's size, and their latents (n 8 s/16 s/16): clean, and as a
    stream leaves them."""

    pictures: Frames
    clean: npt.NDArray[np.float16]
    worn: npt.NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.pictures)


def joined(parts: list[Worn]) -> Worn:
    """All of them, one after another."""
    return Worn(
        np.concatenate([part.pictures for part in parts]),
        np.concatenate([part.clean for part in parts]),
        np.concatenate([part.worn for part in parts]),
    )


def wear(
    batches: Iterator[tuple[Frames, FloatArray]], nets: LsdNets, has_denoiser: bool, seed: int
) -> Iterator[Worn]:
    """Turn and hold pictures (n s s 3) with the vectors (n 1 dim) of their prompts, batch by batch.

    Networks without a denoiser wear nothing: then ``worn`` is clean.
    """
    rng = np.random.default_rng(seed)
    for pictures, vectors in batches:
        seen = [_seen(picture, _pose(rng), nets) for picture in pictures]
        clean = np.concatenate([latent for _, latent in seen])
        worn = (
            hold(nets, clean, vectors, int(rng.integers(*FRAMES)), rng) if has_denoiser else clean
        )
        yield Worn(
            np.stack([picture for picture, _ in seen]),
            clean.astype(np.float16),
            worn.astype(np.float16),
        )


def hold(
    nets: LsdNets,
    anchors: FloatArray,
    vectors: FloatArray,
    frames: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Latents (n 8 h w) after ``frames`` frames of streams that are drawn towards ``anchors``.

    With the model's own settings, under random sound; ``vectors`` (n 1 dim) are the prompts.
    """
    config = PipelineConfig()
    LSDPipeline.suggest(config)
    t = np.float32(Schedule.flow().from_blend_ratio(config.stream.temporal_blend_ratio))
    last, before = anchors, None
    for frame in range(frames):
        start = towards(last, anchors, config.stream.anchor)
        noise = rng.standard_normal(anchors.shape, np.float32)
        noisy = (1 - t) * start + t * noise
        velocity = nets.denoise(
            noisy,
            np.full(len(anchors), t, np.float32),
            vectors,
            previous=start,
            audio=rng.random((len(anchors), len(CONTROL_GAIN)), np.float32) * CONTROL_GAIN,
            before=before,
            memory=anchors[:, None],
            memory_age=np.full((len(anchors), 1), frame + 1, np.float32),
        )
        last, before = noisy - t * velocity, start
    return last


def _pose(rng: np.random.Generator) -> CameraMove:
    """Where a camera may have gone."""
    if rng.random() < STILL_SHARE:
        return STILL
    return CameraMove(
        zoom=math.exp(rng.uniform(-0.15, 0.3)),
        rotate=rng.uniform(0, 2 * math.pi),
        pan_x=rng.normal(0, 0.04),
        pan_y=rng.normal(0, 0.04),
    )


def _seen(
    picture: npt.NDArray[np.uint8], pose: CameraMove, nets: LsdNets
) -> tuple[npt.NDArray[np.uint8], FloatArray]:
    """A picture (s s 3) as ``pose`` shows it, in pixels and in latents (1 8 s/16 s/16)."""
    side, tile = len(picture), mirrored(picture)
    half = side // 2
    latent = nets.encode(shown(tile, pose, half, half, half)[None])
    return shown(tile, pose, side, side, side), latent
