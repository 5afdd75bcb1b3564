"""A video and what was made of it, compared frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from phosphene.metrics import motion as two
from phosphene.metrics.picture import FloatArray, Frame, luma, sharpness
from phosphene.video.motion.optical_flow import estimate
from phosphene.video.motion.steady import is_cut

FlowEstimator = Callable[[FloatArray, FloatArray], FloatArray]
"""(luma of the newer picture, of the older one) -> flow from the newer to the older"""


@dataclass(frozen=True)
class Steadiness:
    """How an output hangs together in time, next to its input. Means over all pairs of frames."""

    pairs: int
    """pairs of consecutive frames looked at, cuts left out"""
    warp_error: float
    """of the output, along the input's flow: see :func:`phosphene.metrics.warp_error`"""
    input_warp_error: float
    """of the input itself: what the flow, noise and light leave unexplained"""
    flicker: float
    """change of the output over change of the input; 1 changes as much"""
    sharpness: float
    """of the output, grey levels squared"""
    input_sharpness: float
    tof: float
    """pixels; see :func:`phosphene.metrics.tof`"""
    motion_ratio: float
    """motion of the output over motion of the input; 0 is a frozen picture"""
    difference: float
    """mean absolute difference of output and input, grey levels: how much was drawn"""


def compare(pairs: Iterable[tuple[Frame, Frame]], flow: FlowEstimator = estimate) -> Steadiness:
    """Measure (input, output) frames of one size, in order; pairs across a cut of the input are left out.

    Keeps a few numbers per frame. Raises ValueError where no two frames can be compared.
    """
    rows: list[tuple[float, ...]] = []
    sharp: list[tuple[float, float, float]] = []
    last: tuple[Frame, Frame] | None = None
    for given, made in pairs:
        sharp.append((sharpness(made), sharpness(given), two.change(made, given)))
        if last is not None:
            rows += _pair(given, made, *last, flow)
        last = given, made
    if not rows:
        raise ValueError("two frames of one scene are the least that can be compared.")
    warped, warped_in, changed, changed_in, tof, moved, moved_in = np.nanmean(rows, axis=0)
    out, source, difference = np.mean(sharp, axis=0)
    return Steadiness(
        pairs=len(rows),
        warp_error=float(warped),
        input_warp_error=float(warped_in),
        flicker=_ratio(changed, changed_in),
        sharpness=float(out),
        input_sharpness=float(source),
        tof=float(tof),
        motion_ratio=_ratio(moved, moved_in),
        difference=float(difference),
    )


def _pair(
    given: Frame, made: Frame, given_before: Frame, made_before: Frame, flow: FlowEstimator
) -> list[tuple[float, ...]]:
    """The figures of one pair; none across a cut."""
    now, then = luma(given), luma(given_before)
    back = flow(now, then)
    if is_cut(now, then, back):
        return []
    forth = flow(then, now)
    seen = two.visible(back, forth)
    own = flow(luma(made), luma(made_before))
    figures = (
        two.warp_error(made, made_before, back, seen),
        two.warp_error(given, given_before, back, seen),
        two.change(made, made_before),
        two.change(given, given_before),
        two.tof(back, own),
        two.motion(own),
        two.motion(back),
    )
    return [figures]


def _ratio(part: float, whole: float) -> float:
    """``part`` / ``whole``; a still input has no ratio."""
    return float(part / whole) if whole > 0 else float("nan")
