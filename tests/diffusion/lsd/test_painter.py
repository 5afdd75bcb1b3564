"""Painting: exact colours, any size, no bands, no lattice."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.diffusion.lsd.painter import BRIGHTEST, SPILL, Painter, steeper

RAMP = np.repeat(np.arange(256, dtype=np.float32)[:, None], 3, axis=1) * [0.2, 0.5, 1.0]


def flat(place: float, light: float, side: int = 16) -> np.ndarray:
    return np.stack([np.full((side, side), v, np.float32) for v in (place, light)])[None]


def reference(place: float, light: float, palette: np.ndarray) -> np.ndarray:
    """What a field's values mean, in words: palette times light, what is over goes to white."""
    at = (place + 1) / 2 * 255
    colour = np.stack([np.interp(at, np.arange(256), palette[:, k]) for k in range(3)])
    lit = colour * (light + 1) / 2 * BRIGHTEST
    return np.clip(lit + SPILL * max(0.0, lit.max() - 255), 0, 255)


@pytest.mark.parametrize("place", [-1.0, -0.31, 0.5, 1.0])
@pytest.mark.parametrize("light", [-1.0, -0.4, 0.0, 0.77, 1.0])
@pytest.mark.parametrize("size", [(16, 16), (40, 72), (600, 800)])
def test_a_flat_field_has_its_colour_everywhere(
    place: float, light: float, size: tuple[int, int]
) -> None:
    picture = Painter(2)(flat(place, light), RAMP[None], *size)
    assert picture.shape == (1, *size, 3) and picture.dtype == np.uint8
    expected = reference(place, light, RAMP)
    # a shade is four grey levels under full light, and lifts what spills; the dither averages it away
    assert np.abs(picture.reshape(-1, 3) - expected).max() <= 6
    assert np.abs(picture.reshape(-1, 3).mean(0) - expected).max() < 1.6


def test_a_dark_gradient_has_no_bands() -> None:
    line = np.linspace(-0.95, -0.8, 64, dtype=np.float32)
    field = np.stack([np.broadcast_to(line, (64, 64)), np.full((64, 64), -0.2, np.float32)])[None]
    picture = Painter(1)(field, RAMP[None] * 0.8, 512, 512)[0, :, :, 2].astype(float)
    # columns in the mean rise evenly, though eight bits have some ten levels here
    columns = picture[:, 32:-32].mean(0)
    steps = np.convolve(np.diff(columns), np.ones(40) / 40, "valid")
    assert steps.min() > 0.1 * steps.mean() > 0


def test_enlarging_leaves_no_lattice() -> None:
    """Power at the grid's frequency over what is around it, in a smooth field enlarged eight times."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64] / 64
    waves = sum(np.sin(2 * np.pi * (a * x + b * y) + c) for a, b, c in rng.uniform(-4, 4, (8, 3)))
    field = np.stack([np.tanh(waves / 3), np.zeros((64, 64))]).astype(np.float32)[None]
    grey = Painter(1)(field, RAMP[None], 512, 512)[0].astype(float).mean(-1)
    window = np.hanning(512)
    power = np.abs(np.fft.rfft2(grey * window[:, None] * window)) ** 2
    near = np.r_[power[0, 44:60], power[0, 68:84]].mean()
    assert power[0, 64] < 1.2 * near + 1e-3 * power[0, 1:200].mean()


def test_an_edge_is_as_crisp_as_the_picture() -> None:
    field = flat(-0.9, 0.0, 64)
    field[0, 0, :, 32:] = 0.9
    widths = []
    for side in (256, 1024):
        row = Painter(1)(field, RAMP[None], side, side)[0, side // 2, :, 2].astype(float)
        widths.append(np.count_nonzero(np.abs(np.diff(row)) > 8) / side)
    assert max(widths) < 3 / 64


def test_each_picture_of_a_batch_has_its_palette_and_threads_change_nothing() -> None:
    field = np.random.default_rng(1).uniform(-1, 1, (2, 2, 32, 56)).astype(np.float32)
    palettes = np.stack([RAMP, RAMP[:, ::-1]])
    both = Painter(4)(field, palettes, 720, 1280)
    for k in range(2):
        alone = Painter(1)(field[k : k + 1], palettes[k : k + 1], 720, 1280)
        assert np.array_equal(both[k], alone[0])


def test_edges_get_steeper_without_halos() -> None:
    y, x = np.mgrid[:64, :64].astype(np.float32)
    disc = np.tanh((18 - np.hypot(x - 32, y - 32)) / 2)[None].repeat(2, axis=0)
    sharp = steeper(disc)
    assert np.abs(np.diff(sharp)).max() > 1.3 * np.abs(np.diff(disc)).max()
    assert sharp.min() >= disc.min() and sharp.max() <= disc.max()
    ramp = np.stack([x, y]) / 64
    assert np.abs(steeper(ramp) - ramp).max() < 1e-6
