"""Remembered pictures at any moment, from any side: moving, turned, in the prompt's colours, no edges."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from phosphene.diffusion.lsd.loops import FRAMES, RATE
from phosphene.diffusion.lsd.nets import LsdNets
from phosphene.diffusion.lsd.remembered import KEPT, MARGIN, Remembered, mirrored, shown
from phosphene.diffusion.lsd.seeds import SeedBank
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.diffusion.lsd.tints import Tints
from phosphene.metrics import sharpness
from phosphene.stream.camera import STILL, CameraMove

ROUND = FRAMES / RATE
"""seconds"""


@pytest.fixture(scope="module")
def nets() -> LsdNets:
    return LsdNets(threads=2)


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder()


@pytest.fixture(scope="module")
def remembered(nets: LsdNets, text: TextEncoder) -> Remembered:
    bank = SeedBank()
    return Remembered(bank, Tints(text.encode, bank.colours), nets.encode)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_standing_still_it_is_the_picture_itself(
    remembered: Remembered, nets: LsdNets, text: TextEncoder
) -> None:
    vector = text.encode("green cells")
    seen = remembered(vector, 0, STILL, 0.5, 32, 32)
    assert seen.shape == (1, 8, 32, 32)
    assert psnr(nets.decode(seen)[0], remembered.picture(vector, 0, STILL, 0.5)) > 22


def test_turned_it_is_the_turned_picture_and_as_sharp(
    remembered: Remembered, nets: LsdNets, text: TextEncoder
) -> None:
    vector, angle = text.encode("green cells"), 2.0
    turned = nets.decode(remembered(vector, 0, CameraMove(rotate=angle), 0.0, 32, 32))[0]
    # pillow turns counter-clockwise; only the middle is inside both
    picture = Image.fromarray(remembered.picture(vector, 0))
    wanted = np.asarray(picture.rotate(-math.degrees(angle), Image.Resampling.BICUBIC))
    middle = slice(64, 192), slice(64, 192)
    assert psnr(turned[middle], wanted[middle]) > 20
    still = remembered(vector, 0, STILL, 0.0, 32, 32)
    assert sharpness(turned) > 0.7 * sharpness(nets.decode(still)[0])


@pytest.mark.parametrize(
    "prompt", ["burning fire", "ocean waves", "purple tunnel", "golden mandala"]
)
def test_it_moves_by_itself_steadily(
    remembered: Remembered, text: TextEncoder, prompt: str
) -> None:
    vector = text.encode(prompt)
    seen = [remembered.picture(vector, 0, STILL, 1 + frame / 24) for frame in range(24)]
    steps = [off(a, b) for a, b in pairwise(seen)]
    # every frame another, none a jump
    assert min(steps) > 0.1
    assert max(steps) < 4 * float(np.median(steps))
    assert off(seen[0], seen[-1]) > 3 * float(np.median(steps))


def test_after_a_round_it_begins_anew_without_an_end(
    remembered: Remembered, text: TextEncoder
) -> None:
    vector = text.encode("blue lightning")
    times = (0.4, 0.4 + ROUND, 0.4 + 100 * ROUND)
    now, once, late = (remembered.picture(vector, 0, STILL, at) for at in times)
    assert np.array_equal(now, once) and np.array_equal(now, late)
    about = [remembered.picture(vector, 0, STILL, ROUND + k / RATE) for k in range(-12, 13)]
    steps = np.array([off(a, b) for a, b in pairwise(about)])
    assert steps[11] < 2 * np.median(steps)


def test_what_has_an_up_and_a_down_rocks_and_never_lies_on_its_head(
    remembered: Remembered, text: TextEncoder
) -> None:
    def lit_below(prompt: str, angle: float) -> float:
        picture = remembered.picture(text.encode(prompt), 0, CameraMove(rotate=angle))
        return float(picture[128:].mean()) - float(picture[:128].mean())

    assert all(lit_below("burning fire", angle) > 40 for angle in (0, 1, 2, 3, 4, 5, 6))
    still, rocked = (
        remembered.picture(text.encode("fire"), 0, CameraMove(rotate=a)) for a in (0, 1.5)
    )
    assert off(still, rocked) > 2


def test_the_camera_turns_pictures_clockwise_as_seen() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[4:12, 28:36] = 255
    turned = shown(mirrored(picture), CameraMove(rotate=math.pi / 2), 64, 64, 64)
    y, x = np.argwhere(turned[..., 0] > 128).mean(axis=0)
    assert x == pytest.approx(56, abs=1)
    assert y == pytest.approx(31.5, abs=1)


def test_a_whole_turn_comes_back(remembered: Remembered, text: TextEncoder) -> None:
    vector = text.encode("golden kaleidoscope")
    once = remembered(vector, 0, CameraMove(rotate=0.1), 0.0, 32, 32)
    again = remembered(vector, 0, CameraMove(rotate=0.1 + 2 * math.pi), 0.0, 32, 32)
    assert np.abs(once - again).mean() < 1e-2


@pytest.mark.parametrize("size", [(32, 56), (24, 40), (56, 32)])
def test_wide_and_high_streams_are_filled(
    remembered: Remembered, nets: LsdNets, text: TextEncoder, size: tuple[int, int]
) -> None:
    pose = CameraMove(zoom=1.05, rotate=0.13, pan_x=0.02, pan_y=-0.02)
    latent = remembered(text.encode("hexagons"), 3, pose, 0.0, *size)
    assert latent.shape == (1, 8, *size)
    picture = nets.decode(latent)[0].astype(float)
    rim = np.concatenate([picture[:16].reshape(-1), picture[-16:].reshape(-1)])
    assert abs(rim.std() / picture.std() - 1) < 0.5


def test_the_rim_is_as_light_as_what_lies_beyond_it(
    remembered: Remembered, nets: LsdNets, text: TextEncoder
) -> None:
    vector, more = text.encode("white clouds"), 6
    seen = remembered(vector, 0, STILL, 0.0, 32, 32)
    wide = nets.encode(remembered.picture(vector, 0, margin=more)[None])[
        ..., more:-more, more:-more
    ]
    bare = nets.encode(remembered.picture(vector, 0)[None])
    rim = (..., [0, -1], slice(None))
    # encoded without a margin the rim is dark
    assert off(seen[rim], wide[rim]) < 0.1 * off(bare[rim], wide[rim])
    assert more > MARGIN


def test_colours_are_those_of_the_words(remembered: Remembered, text: TextEncoder) -> None:
    two = remembered.picture(text.encode("stained glass in crimson and teal"), 0)
    red, green, blue = np.moveaxis(two.reshape(-1, 3).astype(int), -1, 0)
    assert np.mean(red > green + 40) > 0.2
    assert np.mean((green > red + 20) & (blue > red + 20)) > 0.1
    one = remembered.picture(text.encode("emerald tunnel"), 0)
    red, green, blue = np.moveaxis(one.reshape(-1, 3).astype(int), -1, 0)
    assert np.mean(green >= np.maximum(red, blue)) > 0.9


def test_what_it_holds_does_not_grow(remembered: Remembered, text: TextEncoder) -> None:
    vector = text.encode("fire")
    for variant in range(8):
        for second in range(5):
            remembered(vector, variant, STILL, second, 24, 24)
    for cache in (remembered._part, remembered._colours):
        assert cache.cache_info().currsize <= KEPT
