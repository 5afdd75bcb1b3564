"""What streams do to latents, and the pictures beside them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene.diffusion.lsd.nets import LsdNets  # noqa: E402
from phosphene.diffusion.lsd.remembered import Remembered  # noqa: E402
from phosphene.diffusion.lsd.seeds import SeedBank  # noqa: E402
from phosphene.diffusion.lsd.text import TextEncoder  # noqa: E402
from phosphene.diffusion.lsd.tints import Tints  # noqa: E402
from phosphene.stream.camera import STILL, CameraMove  # noqa: E402
from phosphene.training import wear as module  # noqa: E402
from phosphene.training.wear import hold, joined, wear  # noqa: E402

POSES = (
    STILL,
    CameraMove(rotate=0.3),
    CameraMove(zoom=1.2, pan_x=0.05),
    CameraMove(zoom=0.9, rotate=4.0, pan_x=-0.03, pan_y=0.06),
)


@pytest.fixture(scope="module")
def nets() -> LsdNets:
    return LsdNets(1)


@pytest.fixture(scope="module")
def cells(nets: LsdNets) -> tuple[np.ndarray, np.ndarray]:
    """A picture of 512 x 512 with clear shapes, and the vector (1 1 dim) of its prompt."""
    vector = TextEncoder().encode("green cells")
    bank, text = SeedBank(), TextEncoder()
    remembered = Remembered(bank, Tints(text.encode, bank.colours), nets.encode)
    return remembered.picture(vector, 0, height=64, width=64), vector[None, None]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    gap = one.astype(np.float64) - other.astype(np.float64)
    return float(10 * np.log10(255**2 / np.mean(gap * gap)))


@pytest.mark.parametrize("pose", POSES)
def test_latents_show_the_picture_that_stands_beside_them(
    pose: CameraMove, nets: LsdNets, cells: tuple[np.ndarray, np.ndarray], monkeypatch
) -> None:
    picture, vector = cells
    monkeypatch.setattr(module, "_pose", lambda _: pose)
    [seen] = wear(iter([(picture[None], vector)]), nets, has_denoiser=False, seed=0)
    drawn = nets.decode_large(seen.clean.astype(np.float32))[0]
    assert psnr(drawn, seen.pictures[0]) > 20
    if pose is not STILL:
        assert psnr(drawn, picture) < 16
    assert np.array_equal(seen.clean, seen.worn)


def test_held_latents_are_worn_but_the_same_picture(
    nets: LsdNets, cells: tuple[np.ndarray, np.ndarray]
) -> None:
    picture, vector = cells
    [seen] = wear(iter([(picture[None], vector)]), nets, has_denoiser=True, seed=3)
    clean, worn = (latent.astype(np.float32) for latent in (seen.clean, seen.worn))
    gap = np.sqrt(np.mean((worn - clean) ** 2) / np.mean(clean**2))
    assert 0.05 < gap < 0.8
    assert np.corrcoef(clean.ravel(), worn.ravel())[0, 1] > 0.8
    longer = hold(nets, clean, vector, 8, np.random.default_rng(0))
    again = hold(nets, clean, vector, 8, np.random.default_rng(0))
    assert np.array_equal(longer, again)
    # no worse after many frames: it is held
    assert np.corrcoef(clean.ravel(), longer.ravel())[0, 1] > 0.8


def test_batches_become_one(nets: LsdNets, cells: tuple[np.ndarray, np.ndarray]) -> None:
    picture, vector = cells
    batches = [(picture[None], vector), (picture[None].repeat(2, 0), vector.repeat(2, 0))]
    parts = list(wear(iter(batches), nets, has_denoiser=False, seed=0))
    whole = joined(parts)
    assert len(whole) == 3
    assert whole.pictures.shape == (3, 512, 512, 3)
    assert whole.clean.shape == whole.worn.shape == (3, 8, 32, 32)
    assert np.array_equal(whole.pictures[1:], parts[1].pictures)
