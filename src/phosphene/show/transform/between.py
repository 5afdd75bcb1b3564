"""Between two pictures that were drawn over a video, the video's own motion moves them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phosphene.metrics.picture import luma
from phosphene.show.display import mixed
from phosphene.show.transform.items import Frame
from phosphene.stream.resize import resize
from phosphene.video.motion import steady
from phosphene.video.motion.optical_flow import estimate, halve, resize_flow, sample

FloatArray = npt.NDArray[np.float32]

FLOW_PIXELS = 1 << 15
"""a picture is halved until it has at most so many before its motion is measured: the time is about
the same for any size"""


@dataclass(frozen=True)
class Over:
    """A picture that was drawn, and what it was drawn over."""

    time: float
    """seconds in the new video"""
    source: FloatArray
    """(h w) grey levels of the video's picture, small"""
    drawn: Frame


def small_grey(image: Frame) -> FloatArray:
    """uint8 RGB (h, w, 3) -> (h' w') grey levels, as small as motion is measured on."""
    grey = luma(image)
    while grey.size > FLOW_PIXELS:
        grey = halve(grey)
    return grey


def between(image: Frame, time: float, last: Over, following: Over | None) -> Frame:
    """What is seen over ``image``, the video's picture at ``time``: its neighbours, moved along its motion.

    Coarse parts fade from one to the other, fine ones belong to one of them. Where only one shows the
    place (something was covered, or the scene is another) that one is taken.
    """
    grey = small_grey(image)
    moved = [None if over is None else _moved(over, grey) for over in (last, following)]
    seen = [each for each in moved if each is not None]
    if following is None or not seen:
        near = last if following is None or time < (last.time + following.time) / 2 else following
        return near.drawn if not seen else _whole(seen[0][0])
    if len(seen) == 1:
        return _whole(seen[0][0])
    (first, sure), (second, surer) = seen
    share = (time - last.time) / max(1e-9, following.time - last.time)
    # (h w 1) how much of a place is its own, and not lent by the other, which knows it better
    own, others = (np.clip(1 + a - b, 0, 1)[..., None] for a, b in ((sure, surer), (surer, sure)))
    lent = _whole(own * first + (1 - own) * second)
    return mixed(lent, _whole(others * second + (1 - others) * first), share)


def _moved(over: Over, grey: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """(h w 3) what was drawn where its things are now, and (h w) how sure that is; None for another scene."""
    flow = estimate(grey, over.source)
    if steady.is_cut(grey, over.source, flow):
        return None
    height, width = over.drawn.shape[:2]
    planes = np.moveaxis(over.drawn, -1, 0).astype(np.float32)
    moved = sample(planes, resize_flow(flow, height, width))
    sure = resize(steady.trust(grey, over.source, flow), height, width)
    return np.moveaxis(moved, 0, -1), sure


def _whole(image: FloatArray) -> Frame:
    levels: Frame = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return levels
