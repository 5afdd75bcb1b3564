"""Holding a drawn video steady: all of it follows from what the *input* does.

Where the input, moved along its own flow, looks as before, what was drawn there may stay too; where
it changed, nothing may. Pictures are held, not latents: a latent cell is 8 or 16 pixels wide, and moved
by less than that it decodes to something else. Noise moves with things, so that texture does not stand
still on the screen while the picture moves under it.
"""

from __future__ import annotations

from math import exp

import numpy as np

from phosphene.stream.arrays import HostArray
from phosphene.stream.noise import gaussian
from phosphene.video.motion.optical_flow import grid, sample, window_mean

HELD = 0.85
"""share of the held picture at stabilize 1, where the input did not change at all"""
UNLIKE = 8.0
"""grey levels of unexplained change of the input at which trust has fallen to 1/e"""
SHAPED = 16.0
"""grey levels by which two drawings differ in shape at which they are no more to be held than 1/e"""
NEIGHBOURS = 2
"""pixels to each side within which a difference is brightness or colour, if it is one, not shape"""
TRUSTED = 0.3
"""from this trust on a place counts as the same thing as before"""
STRETCHED = (0.4, 4.0)
"""if noise has been magnified or shrunk by more than this in area, it is no longer noise"""
CUT_LEVELS, CUT_CONTRAST = 8.0, 0.5
"""a cut leaves this many grey levels unexplained, and this share of the picture's contrast"""
FAST = 0.1
"""rms change of the luma, as a share of the full scale, that counts as fast (StreamDiffusionV2: 0.2
of the range -1..1)"""
EASE = 0.1
"""strength given up in fast motion, at stabilize 1 (StreamDiffusionV2 has the same range)"""
EASE_SECONDS = 0.5
"""time over which the motion is averaged: a strength that jumps flickers itself"""


def is_cut(luma: HostArray, before: HostArray, flow: HostArray) -> bool:
    """Whether a new scene begins: what motion leaves unexplained is large next to the contrast.

    ``luma`` and ``before`` (h, w) in grey levels, ``flow`` (2, h, w) from now to before.
    """
    unexplained = float(np.mean(np.abs(luma - sample(before, flow))))
    return unexplained > max(CUT_LEVELS, CUT_CONTRAST * float(luma.std()))


def trust(luma: HostArray, before: HostArray, flow: HostArray) -> HostArray:
    """(h, w) 0..1: how surely each place of ``luma`` shows what ``before`` showed where it came from.

    Pictures (h, w) in grey levels, ``flow`` (2, h, w) from now to before.
    """
    unexplained = window_mean((luma - sample(before, flow)) ** 2, 1)
    trusted: HostArray = np.exp(unexplained / -(UNLIKE**2))
    return trusted


def alike(drawn: HostArray, before: HostArray) -> HostArray:
    """(h, w) 0..1: how surely ``drawn`` shows the shapes of ``before`` (both c h w, grey levels).

    Brighter or darker, or another colour, it is the same thing, and flicker. But a pattern that a model
    draws in a place of its own does not go where the video goes: blended with itself it would be seen
    double, and paler each time.
    """
    change = drawn - before
    shape = window_mean(
        np.mean((change - window_mean(change, NEIGHBOURS)) ** 2, axis=0), NEIGHBOURS
    )
    same: HostArray = np.exp(shape / -(SHAPED**2))
    return same


def hold(drawn: HostArray, before: HostArray, trusted: HostArray, stabilize: float) -> HostArray:
    """``drawn`` (c h w) drawn back to the picture ``before`` it, where the input is ``trusted`` (h, w)."""
    # the root: half the knob is most of the way
    return drawn + np.float32(HELD * stabilize**0.5) * trusted * (before - drawn)


def motion_average(motion: float, luma: HostArray, before: HostArray, seconds: float) -> float:
    """Running mean of the motion, 0 still .. 1 fast, one frame of ``seconds`` on."""
    change = float(np.sqrt(np.mean((luma - before) ** 2))) / 255
    share = 1.0 - exp(-seconds / EASE_SECONDS)
    return motion + share * (min(1.0, change / FAST) - motion)


def eased_strength(strength: float, motion: float, stabilize: float) -> float:
    """Less noise while things move fast, never less than half of what was asked for.

    Motion-aware noise of StreamDiffusionV2 (arXiv 2511.07399), scaled by the one knob.
    """
    return max(0.5 * strength, strength - EASE * stabilize * motion)


def still_places(height: int, width: int) -> HostArray:
    """(2, h, w): every place looks at its own noise."""
    return np.stack(grid(height, width))


def follow(places: HostArray, flow: HostArray, trusted: HostArray) -> HostArray:
    """``places`` one frame later: noise goes where ``flow`` (2, h, w) takes it.

    What enters the picture, or is not ``trusted`` (h, w) to be what it was, begins anew at its own
    place; so does everything once the picture has been stretched or shrunk too far.
    """
    _, height, width = places.shape
    own = still_places(height, width)
    x, y = own + flow
    known = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    followed = np.where(known & (trusted >= TRUSTED), sample(places, flow), own)
    (x_y, x_x), (y_y, y_x) = np.gradient(followed[0]), np.gradient(followed[1])
    area = float(np.median(x_x * y_y - x_y * y_x))
    return followed if STRETCHED[0] <= area <= STRETCHED[1] else own


def noise_at(seed: int, places: HostArray, channels: int) -> HostArray:
    """Unit noise (1 c h w) read at ``places`` from one endless sheet of noise, fixed by ``seed``.

    Between the sheet's points it is interpolated and brought back to unit variance, which leaves
    neighbours slightly alike. Noise that jumps to the nearest point stays white, and flickers: twice
    the warp error on real clips. (Chang et al. 2024, "How I warped your noise", have it white and
    smooth, for many times the work.)
    """
    _, height, width = places.shape
    sheet = gaussian(seed, 0, 0, (1, channels, height, width))[0]
    corner = np.floor(places)
    right, down = places - corner
    left, top = corner.astype(np.intp)
    total = np.zeros((channels, height, width), np.float32)
    power = np.zeros((height, width), np.float32)
    for dy, wy in ((0, 1 - down), (1, down)):
        for dx, wx in ((0, 1 - right), (1, right)):
            weight = wy * wx
            total += weight * sheet[:, (top + dy) % height, (left + dx) % width]
            power += weight * weight
    noise: HostArray = (total / np.sqrt(power))[None].astype(np.float32)
    return noise
