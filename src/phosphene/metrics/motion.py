"""Two pictures in numbers: change, motion, and how well one follows the other's motion.

A flow is (2, h, w), x then y, in pixels, and points from the newer picture back to the older one, as
:func:`phosphene.video.motion.optical_flow.estimate` gives it. Pictures are uint8 RGB (height, width, 3).
None of these may be read alone: blur lowers flicker and warp error, and a frozen picture has neither.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phosphene.metrics.picture import FloatArray, Frame
from phosphene.video.motion.optical_flow import sample

Mask = npt.NDArray[np.bool_]


def change(current: Frame, previous: Frame) -> float:
    """Mean absolute difference, grey levels 0..255.

    The inner term of VBench's temporal flickering (Huang et al. 2024). On moving footage compare it
    with the footage's own: see :attr:`phosphene.metrics.Steadiness.flicker`.
    """
    return float(np.mean(np.abs(current.astype(np.int16) - previous)))


def motion(flow: FloatArray) -> float:
    """Mean length of the arrows, pixels a frame."""
    return float(np.mean(np.hypot(flow[0], flow[1])))


def visible(back: FloatArray, forth: FloatArray) -> Mask:
    """(h, w) True where a pixel of the newer picture was there, and seen, in the older one.

    ``back`` points from the newer to the older picture, ``forth`` the other way. Left out are pixels
    whose way back and forth does not close, ``|back + forth|^2 > 0.01 (|back|^2 + |forth|^2) + 0.5``,
    and edges of motion, ``|grad back|^2 > 0.01 |back|^2 + 0.002`` (Sundaram et al. 2010; Ruder et
    al. 2016, sec. 4.1; Lai et al. 2018).
    """
    returned = sample(forth, back)
    gap = np.sum((back + returned) ** 2, axis=0)
    power = np.sum(back**2, axis=0)
    closes = gap <= 0.01 * (power + np.sum(returned**2, axis=0)) + 0.5
    slope = sum(np.sum(np.square(np.gradient(part)), axis=0) for part in back)
    seen: Mask = closes & (slope <= 0.01 * power + 0.002)
    return seen


def warp_error(current: Frame, previous: Frame, back: FloatArray, seen: Mask) -> float:
    """Mean squared difference to the previous picture moved along the flow, levels as 0..1.

    Over the pixels in ``seen`` only; nan where there are none. Lai et al. 2018, "Learning blind video
    temporal consistency", eq. 11; flow and mask come from the *input* video.
    """
    if not seen.any():
        return float("nan")
    moved = sample(np.moveaxis(previous, -1, 0).astype(np.float32), back)
    gap = (moved - np.moveaxis(current, -1, 0)) / 255
    return float(np.mean(np.mean(gap**2, axis=0)[seen]))


def tof(reference: FloatArray, flow: FloatArray) -> float:
    """Mean distance between two flows, pixels: does the output move as the input does?

    tOF of Chu et al. 2020, "TecoGAN". It tells apart what warp error cannot: texture that stands
    still on the screen while things move under it.
    """
    return float(np.mean(np.hypot(*(reference - flow))))
