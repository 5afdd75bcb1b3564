"""Remembered pictures from any side: the same picture turned, steady between its turns, no edges in view."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.diffusion.lsd.remembered import KEPT, TURN, Remembered
from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.diffusion.lsd.tints import Tints
from phosphene.metrics import sharpness
from phosphene.stream.camera import STILL, CameraMove


@pytest.fixture(scope="module")
def nets() -> LsdNets:
    return LsdNets(threads=2)


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder()


@pytest.fixture(scope="module")
def remembered(nets: LsdNets, text: TextEncoder) -> Remembered:
    bank = SeedBank()
    return Remembered(bank, Tints(text.encode, bank.colours), nets.decode_large, nets.encode)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


def test_standing_still_it_is_the_picture_itself(
    remembered: Remembered, nets: LsdNets, text: TextEncoder
) -> None:
    vector = text.encode("green cells")
    seen = remembered(vector, 0, STILL, 32, 32)
    assert seen.shape == (1, 8, 32, 32)
    wanted = Image.fromarray(remembered.picture(vector, 0)).resize((256, 256))
    assert psnr(nets.decode(seen)[0], np.asarray(wanted)) > 24


def test_turned_it_is_the_turned_picture_and_as_sharp(
    remembered: Remembered, nets: LsdNets, text: TextEncoder
) -> None:
    vector, angle = text.encode("green cells"), 2.0
    turned = nets.decode(remembered(vector, 0, CameraMove(rotate=angle), 32, 32))[0]
    picture = Image.fromarray(remembered.picture(vector, 0)).resize((256, 256))
    # pillow turns counter-clockwise; only the middle is inside both
    wanted = np.asarray(picture.rotate(-math.degrees(angle), Image.Resampling.BICUBIC))
    middle = slice(64, 192), slice(64, 192)
    assert psnr(turned[middle], wanted[middle]) > 20
    still = remembered(vector, 0, STILL, 32, 32)
    assert sharpness(turned) > 0.6 * sharpness(nets.decode(still)[0])


def test_from_one_encoded_turn_to_the_next_it_goes_on_without_a_jump(
    remembered: Remembered, text: TextEncoder
) -> None:
    vector = text.encode("blue lightning")
    angles = TURN * (0.5 + np.array([-0.02, -0.001, 0.001, 0.02]))
    seen = [remembered(vector, 0, CameraMove(rotate=float(a)), 32, 32) for a in angles]
    apart = [float(np.abs(a - b).mean()) for a, b in pairwise(seen)]
    # the change of canvas costs less than a fifth of what the picture deviates by
    assert apart[1] < 0.2 * float(seen[0].std())


def test_a_whole_turn_comes_back(remembered: Remembered, text: TextEncoder) -> None:
    vector = text.encode("golden kaleidoscope")
    once = remembered(vector, 0, CameraMove(rotate=0.1), 32, 32)
    again = remembered(vector, 0, CameraMove(rotate=0.1 + 2 * math.pi), 32, 32)
    assert np.allclose(once, again, atol=1e-4)


@pytest.mark.parametrize("size", [(32, 56), (24, 40), (56, 32)])
def test_wide_and_high_streams_are_filled(
    remembered: Remembered, nets: LsdNets, text: TextEncoder, size: tuple[int, int]
) -> None:
    pose = CameraMove(zoom=1.05, rotate=TURN * 0.49, pan_x=0.02, pan_y=-0.02)
    latent = remembered(text.encode("hexagons"), 3, pose, *size)
    assert latent.shape == (1, 8, *size)
    picture = nets.decode(latent)[0].astype(float)
    rim = np.concatenate([picture[:16].reshape(-1), picture[-16:].reshape(-1)])
    assert abs(rim.std() / picture.std() - 1) < 0.5


def test_two_colours_are_worn(remembered: Remembered, text: TextEncoder) -> None:
    picture = remembered.picture(text.encode("stained glass in crimson and teal"), 0)
    red, green, blue = np.moveaxis(picture.reshape(-1, 3).astype(int), -1, 0)
    assert np.mean(red > green + 40) > 0.2
    assert np.mean((green > red + 20) & (blue > red + 20)) > 0.1


def test_what_it_holds_does_not_grow(remembered: Remembered, text: TextEncoder) -> None:
    vector = text.encode("fire")
    for variant in range(8):
        remembered(vector, variant, CameraMove(rotate=variant * TURN), 24, 24)
    for cache in (remembered._tile, remembered._turned):
        assert cache.cache_info().currsize <= KEPT
