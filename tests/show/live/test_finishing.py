"""The last thread: every picture once, flashes held back over any change of size."""

from __future__ import annotations

import numpy as np

from phosphene.show.live.finishing import FlashGuard
from phosphene.video.flash_count import count_flashes


def strobe(frames, sizes):
    """Black and white in turn, four frames each, in sizes that take turns."""
    for frame in range(frames):
        side = sizes[frame // 7 % len(sizes)]
        yield np.full((side, side, 3), 255 * (frame // 4 % 2), np.uint8)


def as_one_size(frames):
    for frame in frames:
        step = 192 // frame.shape[0]
        yield frame.repeat(step, axis=0).repeat(step, axis=1)


def test_a_strobe_is_held_back_over_changes_of_size():
    guard = FlashGuard()
    shown = [guard.limit(frame, 30.0) for frame in strobe(300, (64, 96, 192))]
    assert [frame.shape for frame in shown] == [f.shape for f in strobe(300, (64, 96, 192))]
    assert count_flashes(as_one_size(strobe(300, (64, 96, 192))), 30.0) > 3
    assert count_flashes(as_one_size(shown), 30.0) <= 3


def test_another_rate_goes_on_too():
    guard = FlashGuard()
    shown = [guard.limit(frame, 30.0 + k // 50) for k, frame in enumerate(strobe(300, (64,)))]
    assert count_flashes(shown, 30.0) <= 3


def test_calm_pictures_pass_untouched():
    guard = FlashGuard()
    for side in (64, 128, 64):
        calm = np.full((side, side, 3), 90, np.uint8)
        assert guard.limit(calm, 30.0) is calm
