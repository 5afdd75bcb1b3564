"""Starting pictures found by the prompt."""

from __future__ import annotations

import numpy as np
import pytest

from phosphene.diffusion.lsd.seeds import SeedBank, cover
from phosphene.diffusion.lsd.text import TextEncoder


@pytest.fixture(scope="module")
def bank() -> SeedBank:
    return SeedBank()


@pytest.mark.parametrize(
    ("prompt", "family"),
    [
        ("crimson red nebula", "nebula"),
        ("galaxy, violet and orange", "galaxy"),
        ("neon spiral, pink and cyan", "spiral"),
        ("stained glass, rainbow", "stained_glass"),
        ("a field of flowers", "flower"),
        ("cyberpunk city", "grid"),
    ],
)
def test_the_shape_word_decides(bank: SeedBank, prompt: str, family: str) -> None:
    assert bank.family(TextEncoder().encode(prompt)) == family


def test_latents_have_unit_scale_and_differ(bank: SeedBank) -> None:
    vector = TextEncoder().encode("spiral")
    first, second = bank.latent(vector, 0), bank.latent(vector, 1)
    assert first.shape == (8, 32, 32)
    assert first.dtype == np.float32
    assert 0.5 < first.std() < 1.6
    assert np.abs(first - second).mean() > 0.1
    assert np.array_equal(first, bank.latent(vector, 0))


def test_no_prompt_takes_any_family(bank: SeedBank) -> None:
    null = np.zeros(TextEncoder().dim, np.float32)
    assert bank.family(null) is None
    assert bank.palette(null) is None
    assert np.abs(bank.latent(null, 0) - bank.latent(null, 6)).mean() > 0.1


@pytest.mark.parametrize(
    ("prompt", "palette"),
    [
        ("crimson red nebula", "red"),
        ("golden hexagons", "gold"),
        ("deep blue", "blue"),
        ("emerald tunnel", "green"),
    ],
)
def test_the_colour_word_decides(bank: SeedBank, prompt: str, palette: str) -> None:
    assert bank.palette(TextEncoder().encode(prompt)) == palette


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (40, 64), (18, 32)])
def test_cover_fills_any_size(size: tuple[int, int]) -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.float32), (8, 32, 32))
    out = cover(ramp, *size)
    assert out.shape == (8, *size)
    assert np.allclose(out.mean(), 15.5, atol=0.1)  # the middle stays in the middle
