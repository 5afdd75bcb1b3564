"""One picture in numbers. Pictures are uint8 RGB (height, width, 3), gamma-encoded as shown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Histogram = npt.NDArray[np.float64]

BT709_LUMA = np.array((0.2126, 0.7152, 0.0722), np.float32)
"""ITU-R BT.709-6, item 3.2"""


def luma(frame: Frame) -> FloatArray:
    """(height, width) weighted mean of the channels, grey levels 0..255."""
    out: FloatArray = frame.astype(np.float32) @ BT709_LUMA
    return out


def sharpness(frame: Frame) -> float:
    """Variance of the Laplacian of the luma, grey levels squared; blur lowers it.

    Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", LAPV; 4 neighbours.
    """
    y = luma(frame)
    inside = y[1:-1, 1:-1]
    laplacian = y[2:, 1:-1] + y[:-2, 1:-1] + y[1:-1, 2:] + y[1:-1, :-2] - 4 * inside
    return float(laplacian.var(dtype=np.float64))


def contrast(frame: Frame) -> float:
    """Standard deviation of the luma, grey levels 0..127.5 (RMS contrast, Peli 1990)."""
    return float(luma(frame).std(dtype=np.float64))


def saturation(frame: Frame) -> float:
    """Mean of max(R, G, B) - min(R, G, B) over 255: chroma in the HSV hexcone, 0 grey .. 1 pure.

    Smith 1978. Chroma, not HSV's S, which is noise where a picture is nearly black.
    """
    return float(np.mean(frame.max(-1).astype(np.float32) - frame.min(-1)) / 255)


def clipped(frame: Frame) -> float:
    """Share of channel values at 0 or 255, 0..1: what a picture has lost at its ends."""
    return float(np.mean((frame == 0) | (frame == 255)))


def histogram(frame: Frame) -> Histogram:
    """(3, 256) share of the pixels at each level of each channel; every row adds up to 1."""
    counts = [np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(frame, -1, 0)]
    shares: Histogram = np.stack(counts) / (frame.shape[0] * frame.shape[1])
    return shares


def histogram_distance(one: Histogram, other: Histogram) -> float:
    """Earth mover's distance of two colour histograms, mean of the channels, grey levels 0..255.

    On a line it is the area between the cumulative distributions (Werman et al. 1985; Rubner et
    al. 2000): how far, on average, a level must move.
    """
    between = np.abs(np.cumsum(one - other, axis=-1))
    return float(between[:, :-1].sum(axis=-1).mean())
