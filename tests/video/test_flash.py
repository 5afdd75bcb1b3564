"""The flash limiter, judged by a counter that shares no code with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.diffusion.lsd.guide import Moment, guide
from phosphene.diffusion.lsd.painter import Painter
from phosphene.diffusion.lsd.render import Motif
from phosphene.video.flash import FlashLimiter
from phosphene.video.flash_signal import block_signals
from tests.video.flash_count import count_flashes

Video = list[np.ndarray]
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def flat(colour: tuple[int, int, int], side: int = 48) -> np.ndarray:
    return np.full((side, side, 3), colour, np.uint8)


def strobe(hz: float, fps: float, seconds: float, make: Callable[[bool], np.ndarray]) -> Video:
    return [make(int(2 * hz * i / fps) % 2 == 1) for i in range(int(fps * seconds))]


def half(on: bool) -> np.ndarray:
    frame = flat((90, 90, 90))
    frame[:, :24] = 255 if on else 0
    return frame


def opposed(on: bool) -> np.ndarray:
    frame = flat(BLACK if on else WHITE)
    frame[:, :24] = 255 if on else 0
    return frame


def limit(video: Video, fps: float) -> Video:
    limiter = FlashLimiter(fps)
    return [limiter(frame) for frame in video]


def untouched(video: Video, fps: float) -> bool:
    return all(a is b for a, b in zip(limit(video, fps), video, strict=True))


@pytest.mark.parametrize(
    ("hz", "fps"), [(5, 12), (5, 24), (10, 24), (10, 29.97), (10, 60), (25, 60)]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda on: flat(WHITE if on else BLACK),
        lambda on: flat((255, 0, 0) if on else BLACK),
        lambda on: flat((255, 0, 0) if on else (0, 60, 160)),
        lambda on: flat((140, 140, 140) if on else (90, 90, 90)),
        half,
        opposed,
    ],
    ids=["white", "red", "red and blue", "grey", "half", "opposed"],
)
def test_strobes_are_held_to_three(
    hz: float, fps: float, make: Callable[[bool], np.ndarray]
) -> None:
    video = strobe(hz, fps, 2, make)
    assert count_flashes(video, fps) > 3
    assert 2 <= count_flashes(limit(video, fps), fps) <= 3


def moving_texture(index: int) -> np.ndarray:
    y, x = np.mgrid[0:96, 0:96] / 96
    waves = [np.sin(40 * x + 25 * y + 0.5 * index + k) for k in range(3)]
    return (128 + 100 * np.stack(waves, -1)).astype(np.uint8)


def pulsing(index: int) -> np.ndarray:
    """Texture under soft pulses at 5 Hz: every block crosses the threshold at its own time."""
    gain = 0.6 + 0.4 * np.sin(2 * np.pi * 5 * index / 60)
    return (moving_texture(index // 3) * gain).astype(np.uint8)


def test_soft_pulses_on_a_texture_are_held_to_three() -> None:
    video = [pulsing(i) for i in range(120)]
    shown = np.stack(limit(video, 60)).astype(float)
    light = ((shown / 255) ** 2.2 @ (0.2126, 0.7152, 0.0722)).mean(axis=(1, 2))
    # judged by the mean of the whole picture: 3 flashes are at most 7 rises and falls
    before = ((np.stack(video) / 255) ** 2.2 @ (0.2126, 0.7152, 0.0722)).mean(axis=(1, 2))
    for begin in range(0, 60, 6):
        assert swings(before[begin : begin + 60]) >= 8
        assert swings(light[begin : begin + 60]) <= 7


def swings(light: np.ndarray) -> int:
    """Rises and falls of at least 0.1 in a curve."""
    count, low, high, up = 0, light[0], light[0], None
    for value in light:
        low, high = min(low, value), max(high, value)
        if up is not True and value - low >= 0.1:
            count, high, up = count + 1, value, True
        elif up is not False and high - value >= 0.1:
            count, low, up = count + 1, value, False
    return count


def small_spot(on: bool) -> np.ndarray:
    frame = flat((40, 40, 40))
    frame[:20, :20] = 255 if on else 0
    return frame


def checkers(on: bool) -> np.ndarray:
    y, x = np.mgrid[0:64, 0:64]
    return np.repeat((((x + y + on) % 2) * 255).astype(np.uint8)[..., None], 3, -1)


@pytest.mark.parametrize(
    "video",
    [
        [flat((v, v, v)) for v in (*range(0, 256, 3), *range(255, -1, -3))],
        strobe(2, 24, 4, lambda on: flat(WHITE if on else BLACK)),
        strobe(3, 24, 4, lambda on: flat(WHITE if on else BLACK)),
        strobe(10, 24, 2, lambda on: flat((110, 110, 110) if on else (100, 100, 100))),
        strobe(10, 24, 2, lambda on: flat((255, 255, 255) if on else (240, 240, 240))),
        strobe(10, 24, 2, small_spot),
        strobe(10, 24, 2, checkers),
        [moving_texture(i) for i in range(72)],
    ],
    ids=["fade", "2 Hz", "3 Hz", "weak", "both bright", "small spot", "checkers", "motion"],
)
def test_calm_video_passes_untouched(video: Video) -> None:
    assert count_flashes(video, 24) <= 3
    assert untouched(video, 24)


def stripes(index: int, light: float, fps: float = 24) -> np.ndarray:
    """Wide bands that pass every spot 0.7 times a second."""
    x = np.arange(96) / 96
    bands = 0.5 + 0.5 * np.sin(2 * np.pi * (1.5 * x - 0.7 * index / fps))
    frame = np.clip(255 * light * bands, 0, 255).astype(np.uint8)
    return np.repeat(np.broadcast_to(frame, (64, 96))[..., None], 3, -1).copy()


def test_what_moves_under_a_beat_goes_on() -> None:
    # a mandala that turns while light comes twice a second and falls till the next, as in most shows
    grey = np.repeat(np.linspace(0, 255, 256, dtype=np.float32)[None, :, None], 3, axis=2)
    painter, video = Painter(1), []
    for i in range(96):
        hit = np.exp(-(i % 12) / 2)
        heard = np.array([0.5, 0.5, 0.5, hit, i % 12 / 12], np.float32)
        moment = Moment(1, motion=5 + i / 24, controls=heard)
        video.append(painter(guide(Motif("mandala"), moment, 64, 64), grey, 128, 128)[0])
    assert count_flashes(video, 24) <= 3
    same = [a is b for a, b in zip(limit(video, 24), video, strict=True)]
    assert sum(same) > 80


def test_light_is_held_before_motion_is() -> None:
    # pulses are too many, bands are not: what is shown are bands, in another light
    video = [stripes(i, 0.8 + 0.2 * float(np.sin(2 * np.pi * 5 * i / 24))) for i in range(96)]
    shown = limit(video, 24)
    held = [(a, b) for a, b in zip(shown, video, strict=True) if a is not b]
    assert len(held) > 20
    off = []
    for a, b in held:
        bright = b.astype(float)
        gain = (a * bright).sum() / (bright * bright).sum()
        off.append(np.abs(np.minimum(gain * bright, 255) - a).mean())
    assert np.median(off) < 2
    assert count_flashes(shown, 24) <= 3


def test_noise_passes_untouched() -> None:
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    video = [np.roll(grain, (37 * i, 91 * i), (0, 1)) for i in range(60)]
    assert untouched(video, 24)


luminances = st.lists(st.tuples(st.integers(0, 255), st.integers(1, 4)), min_size=2, max_size=24)


@settings(max_examples=25)
@given(luminances, luminances, st.sampled_from([12.0, 24.0, 50.0]))
def test_never_more_than_three(
    left: list[tuple[int, int]], right: list[tuple[int, int]], fps: float
) -> None:
    sides = [np.repeat([v for v, _ in side], [n for _, n in side]) for side in (left, right)]
    video = []
    for a, b in zip(*sides, strict=False):
        frame = flat((a, a, a), 32)
        frame[:, 16:] = b
        video.append(frame)
    assert count_flashes(limit(video, fps), fps) <= 3


def test_state_goes_on_where_it_was() -> None:
    rng = np.random.default_rng(3)
    video = [flat(tuple(rng.integers(0, 256, 3))) for _ in range(60)]
    whole = limit(video, 24)
    for cut in (0, 1, 17, 40):
        first, second = FlashLimiter(24), FlashLimiter(24)
        shown = [first(frame) for frame in video[:cut]]
        second.set_state(first.get_state())
        shown += [second(frame) for frame in video[cut:]]
        np.testing.assert_array_equal(np.stack(shown), np.stack(whole))


@pytest.mark.parametrize(
    "shape", [(64, 64), (72, 128), (270, 480), (1080, 1920), (100, 17), (5, 7)]
)
def test_signals_of_any_size(shape: tuple[int, int]) -> None:
    white, red = block_signals(np.full((*shape, 3), 255, np.uint8))
    assert white.shape == (min(16, shape[0]), min(16, shape[1]))
    np.testing.assert_allclose(white, 1, atol=1e-5)
    np.testing.assert_allclose(red, 0, atol=1e-5)
    grey = block_signals(np.full((*shape, 3), 128, np.uint8))[0]
    np.testing.assert_allclose(grey, 0.21586, atol=0.002)
    red = block_signals(np.full((*shape, 3), (255, 0, 0), np.uint8))[1]
    np.testing.assert_allclose(red, 1, atol=1e-5)


def test_counter_by_hand() -> None:
    black, white = flat(BLACK), flat(WHITE)
    assert count_flashes([], 24) == 0
    assert count_flashes([black] * 5, 24) == 0
    assert count_flashes([black, white, black], 24) == 1
    assert count_flashes([black, white] * 5, 24) == 4
    assert count_flashes([black] * 24 + [white] * 24 + [black] * 24, 24) == 0
    bright = [flat((v, v, v)) for v in (255, 235)]
    assert count_flashes(bright * 5, 24) == 0
