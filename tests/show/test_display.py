"""The display: motion in closed form, keys without jumps, no pulse of sharpness, beats at once."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from phosphene.show import display
from phosphene.show.display import (
    REST,
    Display,
    KeyPicture,
    Motion,
    between,
    composed,
    mixed,
    moved,
    punch,
)
from phosphene.stream import camera
from phosphene.stream.camera import CameraMove

SIDE = 96
small = st.floats(-0.05, 0.05)
moves = st.builds(
    CameraMove,
    zoom=st.floats(0.9, 1.1),
    rotate=small,
    pan_x=small,
    pan_y=small,
)


def picture(seed: int = 0, height: int = SIDE, width: int = SIDE, fine: int = 12) -> np.ndarray:
    """Soft blobs of every colour."""
    noise = np.random.default_rng(seed).integers(0, 256, (fine, fine, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def sharpness(frame: np.ndarray) -> float:
    """Power of what differs from the neighbours."""
    grey = frame.astype(float).mean(axis=2)[8:-8, 8:-8]
    return float(
        np.mean((4 * grey - sum(np.roll(grey, s, a) for s in (1, -1) for a in (0, 1))) ** 2)
    )


def middle(frame: np.ndarray, share: int = 4) -> np.ndarray:
    rows, columns = frame.shape[0] // share, frame.shape[1] // share
    return frame[rows:-rows, columns:-columns].astype(float)


def place(motion: Motion, p: complex) -> complex:
    return motion.turn * p + motion.shift


@given(moves, moves, st.complex_numbers(max_magnitude=1))
def test_moves_compose_undo_and_part(first: CameraMove, second: CameraMove, p: complex) -> None:
    one, two = Motion.of(first), Motion.of(second)
    both = one.then(two)
    assert place(both, p) == pytest.approx(place(two, place(one, p)))
    assert place(both.then(both.back), p) == pytest.approx(p)
    steps = [both.part(1 / 7)] * 7
    way = REST
    for step in steps:
        way = way.then(step)
    assert place(way, p) == pytest.approx(place(both, p), abs=1e-8)


@settings(max_examples=30, deadline=None)
@given(st.lists(moves, min_size=1, max_size=4))
def test_a_motion_goes_where_the_engine_goes(path: list[CameraMove]) -> None:
    points = camera._source_points(20, 32, tuple(path))
    back = composed(path).back
    y, x = np.mgrid[:20, :32].reshape(2, -1)
    p = ((x - 15.5) + 1j * (y - 9.5)) / 32
    source = back.turn * p + back.shift
    np.testing.assert_allclose(points[0], source.real * 32 + 15.5, atol=1e-3)
    np.testing.assert_allclose(points[1], source.imag * 32 + 9.5, atol=1e-3)


def test_ripples_of_an_interval_add_up() -> None:
    # 12 frames of usual ripple, zoom and turn at 24 a second, at 512 pixels
    path = [CameraMove(1.003, 0.0015, 0, 0, 0.0012, 0.065 * i) for i in range(12)]
    exact = camera._source_points(512, 512, tuple(path))
    once = camera._source_points(512, 512, (composed(path).move,))
    total = 12 * 0.0012 * 512
    assert np.abs(exact - once).max() < 0.25 * total
    assert np.abs(exact - once).mean() < 0.06 * total


@pytest.mark.parametrize(
    "move",
    [
        CameraMove(1.2, 0.3, 0.05, -0.04, 0.01, 1.0),
        CameraMove(0.7, -0.4),
        CameraMove(pan_x=0.4, pan_y=-0.3),
        CameraMove(warp=0.02, phase=2.0),
    ],
)
def test_pictures_move_as_latents_do(move: CameraMove) -> None:
    image = picture(height=SIDE, width=144)
    latent = np.moveaxis(image.astype(np.float32), -1, 0)[None]
    wanted = np.moveaxis(camera.warp(latent, move)[0], 0, -1)
    got = moved(image, Motion.of(move)).astype(float)
    # another spline, and quads in place of waves: a level or two
    assert np.abs(got - wanted).mean() < 1.5
    assert np.percentile(np.abs(got - wanted), 99) < 8


def test_far_beyond_the_edges_nothing_breaks() -> None:
    image = picture()
    for motion in (
        Motion(1e-3 + 0j),
        Motion(shift=50 + 3j),
        Motion(1e4 + 0j),
        Motion(turn=-1 + 0j),
    ):
        assert moved(image, motion).shape == image.shape
    assert moved(image, REST) is image


def test_interpolation_shows_keys_as_they_are_at_their_time() -> None:
    one, two, whole = picture(1), picture(2), Motion(1.1 + 0.1j, 0.02j)
    assert between(one, two, REST, whole, 0.0) is one
    assert between(one, two, whole, whole, 1.0) is two


def test_where_the_model_changed_nothing_a_key_is_not_seen() -> None:
    """Interpolated and extrapolated, at a sixtieth of a second, through several keys."""
    scene, step = picture(3, fine=8), Motion.of(CameraMove(1.006, 0.004, 0.002, -0.001))
    frames = 24
    truth = [moved(scene, step.part(i)) for i in range(4 * frames + 1)]
    shown = Display(crisp=True)
    jumps, previous = [], None
    for i in range(4 * frames):
        if i % frames == 0:
            shown.put(KeyPicture(truth[i], i / 60, step.part(frames) if i else REST))
        now = shown.at(i / 60)
        assert now is not None
        if previous is not None:
            jumps.append(float(np.abs(middle(now) - middle(previous)).mean()))
        previous = now
        key = i // frames * frames
        inside = between(
            truth[key],
            truth[key + frames],
            step.part(i - key),
            step.part(frames),
            (i - key) / frames,
        )
        error = np.abs(middle(inside) - middle(truth[i]))
        assert error.mean() < 2.0, i
    # the first interval stands still, for nobody knows the camera's speed; then no key stands out
    still = jumps[frames:]
    pixel = float(np.abs(middle(moved(scene, Motion(shift=1 / SIDE + 0j))) - middle(scene)).mean())
    assert max(still) < 1.2 * pixel
    for key in (2 * frames, 3 * frames):
        assert jumps[key - 1] < 2.0 * np.median(still)


def test_a_wrong_guess_bends_and_does_not_jump() -> None:
    shown, scene = Display(), picture(4, fine=8)
    fast = Motion(1.2 + 0j)
    for i in range(4):
        shown.put(KeyPicture(scene, i * 0.4, fast if i else REST))
    # the camera stopped: the next key is nearer than was shown
    before = shown.at(1.6)
    shown.put(KeyPicture(moved(scene, Motion(1.0 + 0j)), 1.6, REST))
    after = shown.at(1.6)
    assert before is not None and after is not None
    assert np.abs(middle(before) - middle(after)).mean() < 1.0
    late = shown.at(1.6 + 3.5)
    assert late is not None


def test_cuts_and_other_sizes_are_shown_as_they_are() -> None:
    shown = Display()
    assert shown.at(0.0) is None
    shown.put(KeyPicture(picture(5), 0.0))
    other = picture(6)
    shown.put(KeyPicture(other, 0.5, Motion(1.3 + 0j), cut=True))
    assert shown.at(0.5) is other
    wide = picture(7, 64, 128)
    shown.put(KeyPicture(wide, 1.0, Motion(1.3 + 0j)))
    assert shown.at(1.0) is wide


def test_nothing_pulses_sharp_soft_sharp() -> None:
    """Unlike pictures: sharpness on the way stays near that of both, where a plain fade loses half."""
    one, two = picture(8, 256, 256, fine=96), picture(9, 256, 256, fine=96)
    ends = [sharpness(one), sharpness(two)]
    ours = [sharpness(mixed(one, two, s)) for s in np.linspace(0.02, 0.98, 25)]
    plain = sharpness((0.5 * one + 0.5 * two).astype(np.uint8))
    assert plain < 0.6 * min(ends)
    assert min(ours) > 0.78 * min(ends)
    assert max(ours) < 1.2 * max(ends)
    # coarse light has come half of the way at half of the time
    light = [float(np.mean(mixed(one * 0 + 50, one * 0 + 150, s))) for s in (0.0, 0.5, 1.0)]
    assert light[0] == 50 and light[2] == 150 and 95 < light[1] < 105


def test_a_mix_begins_and_ends_with_the_very_pictures() -> None:
    one, two = picture(1), picture(2)
    assert (
        mixed(one, two, 0.0) is one and mixed(one, two, 1.0) is two and mixed(one, one, 0.5) is one
    )


@pytest.mark.parametrize("strength", [0.3, 1.0, 4.0])
def test_a_punch_is_there_with_the_beat_and_gone_before_the_next(strength: float) -> None:
    assert punch(-1 / 60, strength) == REST and punch(0.1, 0.0) == REST
    at_once = abs(punch(0.0, strength).turn)
    assert at_once == pytest.approx(2 ** (0.08 * strength))
    assert all(
        abs(punch(t, strength).turn) > abs(punch(t + 1 / 60, strength).turn)
        for t in np.arange(0, 0.5, 1 / 60)
    )
    # at 180 beats a minute less than a hundredth of it is left
    assert math.log2(abs(punch(1 / 3, strength).turn)) < 0.06 * math.log2(at_once)


def test_the_page_computes_with_the_same_numbers() -> None:
    """`web/tests/display.test.ts` holds the page to the same file."""
    stored = json.loads((Path(__file__).parents[2] / "web/tests/motions.json").read_text())

    def motion(given: dict[str, list[float]]) -> Motion:
        return Motion(*(complex(*given[name]) for name in ("turn", "shift", "ripple")))

    def same(one: Motion, two: Motion) -> None:
        for name in ("turn", "shift", "ripple"):
            assert getattr(one, name) == pytest.approx(getattr(two, name), abs=1e-12)

    for row in stored["motions"]:
        one, two = motion(row["a"]), motion(row["b"])
        same(one.then(two), motion(row["both"]))
        same(one.back, motion(row["undone"]))
        same(one.part(row["share"]), motion(row["parted"]))
    for row in stored["punches"]:
        same(punch(row["since"], row["strength"]), motion(row["motion"]))
    for row in stored["shares"]:
        assert display.smoothstep(row["share"]) == pytest.approx(row["smooth"])
        late = (row["share"] - display.SWITCH_FROM) / (display.SWITCH_TO - display.SWITCH_FROM)
        assert late == pytest.approx(row["late"])


def test_four_hours_leave_nothing_behind() -> None:
    shown = Display()
    image, way = picture(0, 64, 64), Motion.of(CameraMove(1.02, 0.01, 0.001, 0, 0.001, 0.4))
    for i in range(4 * 3600):
        shown.put(KeyPicture(image, float(i), way))
    assert len(shown._ways) <= 16
    assert abs(shown._off.turn - 1) < 1e-6
    assert all(map(math.isfinite, (shown._rate.shift.real, abs(shown._rate.turn))))
    assert shown.at(4 * 3600.0) is not None
