"""What prompts call to mind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.errors import ModelError


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


def test_a_prompt_decides_its_family_and_palette_and_the_variant_the_rest(bank: SeedBank) -> None:
    vector = TextEncoder().encode("crimson spiral")
    seeds = [bank.seed(vector, variant) for variant in range(64)]
    assert {bank.families[seed.family] for seed in seeds} == {"spiral"}
    assert {bank.palettes[seed.palette] for seed in seeds} == {"red"}
    assert {(seed.shape, seed.mirrored) for seed in seeds} == {
        (shape, mirrored) for shape in range(bank.shapes) for mirrored in (False, True)
    }
    assert bank.seed(vector, 3) == seeds[3]


def test_no_prompt_takes_any_family(bank: SeedBank) -> None:
    null = np.zeros(TextEncoder().dim, np.float32)
    assert bank.family(null) is None
    assert bank.palette(null) is None
    assert len({bank.seed(null, variant).family for variant in range(24)}) > 8


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


def test_a_bank_of_stills_is_refused_with_what_to_do(tmp_path: Path) -> None:
    np.savez(tmp_path / "seeds.npz", families=np.array(["fire"]), latents=np.zeros((1, 1, 1, 8)))
    with pytest.raises(ModelError, match="older phosphene: write the networks anew"):
        SeedBank(tmp_path / "seeds.npz")
