import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.errors import InputError
from phosphene.stream.camera import STILL, CameraMove, part, warp
from tests.stream.toy import BACKENDS, OTHERS, home_of

moves = st.builds(
    CameraMove,
    zoom=st.floats(0.5, 2),
    rotate=st.floats(-1, 1),
    pan_x=st.floats(-0.5, 0.5),
    pan_y=st.floats(-0.5, 0.5),
    warp=st.floats(0, 0.05),
    phase=st.floats(0, 6.3),
)


def noise(height=24, width=32):
    return np.random.default_rng(0).standard_normal((2, 3, height, width), dtype=np.float32)


def smooth(height=32, width=32):
    y, x = np.mgrid[:height, :width] / width
    return np.stack([np.sin(6 * x + 2 * y), np.cos(5 * y)])[None].astype(np.float32)


def test_standing_still_returns_the_same_array():
    latent = noise()
    assert warp(latent, CameraMove()) is latent
    assert warp(latent, CameraMove(phase=2.0), CameraMove()) is latent
    assert warp(latent) is latent


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("right", "down"), [(3, 0), (0, -2), (-5, 4)])
def test_whole_pixels_roll(backend, right, down):
    latent = noise()
    moved = warp(home_of(backend).float32(latent), CameraMove(pan_x=right / 32, pan_y=down / 32))
    inner = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    rolled = np.roll(latent, (down, right), axis=(-2, -1))
    np.testing.assert_allclose(np.asarray(moved)[inner], rolled[inner], atol=1e-5)


def test_edges_are_mirrored():
    latent = noise()
    moved = warp(latent, CameraMove(pan_x=3 / 32))
    np.testing.assert_allclose(moved[..., :3], latent[..., 2::-1], atol=1e-5)


def test_directions():
    spot = np.zeros((1, 1, 33, 33), np.float32)
    spot[0, 0, 16, 24] = 1  # right of the centre

    def centre(move):
        return tuple(int(i) for i in np.unravel_index(warp(spot, move).argmax(), (1, 1, 33, 33)))[
            2:
        ]

    assert centre(CameraMove(rotate=np.pi / 2)) == (24, 16)  # clockwise: now below the centre
    assert centre(CameraMove(zoom=1.5)) == (16, 28)
    assert centre(CameraMove(pan_y=-4 / 33)) == (12, 24)


@pytest.mark.parametrize("zoom", [1.05, 1.3])
def test_zoom_in_and_out_again(zoom):
    latent = smooth()
    back = warp(warp(latent, CameraMove(zoom=zoom)), CameraMove(zoom=1 / zoom))
    assert np.abs(back - latent)[..., 8:-8, 8:-8].max() < 5e-3


def test_several_moves_are_one_resampling():
    latent = smooth()
    steps = [CameraMove(zoom=1.02, rotate=0.05), CameraMove(pan_x=0.03, warp=0.01, phase=1.0)]
    one_by_one = warp(warp(latent, steps[0]), steps[1])
    together = warp(latent, *steps)
    assert np.abs(together - one_by_one)[..., 4:-4, 4:-4].max() < 5e-3


def test_moves_add_up():
    latent = noise()
    halves = warp(latent, *[CameraMove(zoom=1.1**0.5, rotate=0.1)] * 2)
    whole = warp(latent, CameraMove(zoom=1.1, rotate=0.2))
    np.testing.assert_allclose(halves, whole, atol=1e-4)


@settings(max_examples=25)
@given(moves)
@pytest.mark.parametrize("backend", OTHERS)
def test_every_backend_equals_numpy(backend, move):
    latent = noise()
    moved = warp(latent, move)
    assert moved.dtype == np.float32 and np.isfinite(moved).all()
    other = warp(home_of(backend).float32(latent), move)
    np.testing.assert_allclose(moved, np.asarray(other), atol=1e-4)


def sharpness(latent):
    """Power above a quarter of the Nyquist frequency."""
    spectrum = np.abs(np.fft.rfft2(latent)) ** 2
    radius = np.hypot(np.fft.fftfreq(latent.shape[-2])[:, None], np.fft.rfftfreq(latent.shape[-1]))
    return spectrum[..., radius > 0.125].sum()


def test_a_hundred_moves_neither_blur_to_nothing_nor_blow_up():
    y, x = np.mgrid[:64, :64]
    rng = np.random.default_rng(1)
    waves = rng.uniform(0.3, 1.5, (24, 2))
    latent = sum(np.sin(a * x + b * y + a * 9) for a, b in waves).astype(np.float32)[None, None]
    moved, there = latent, CameraMove(rotate=0.009, pan_x=0.3 / 64)
    back = CameraMove(rotate=-0.009, pan_x=-0.3 / 64)
    for _ in range(50):
        moved = warp(warp(moved, there), back)
    assert 0.3 < sharpness(moved) / sharpness(latent) < 1.0


@pytest.mark.parametrize("zoom", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_moves_are_refused(zoom):
    with pytest.raises(InputError):
        CameraMove(zoom=zoom)
    with pytest.raises(InputError):
        CameraMove(rotate=float("nan"))


def test_a_part_of_a_canvas_moves_as_the_whole_would() -> None:
    """Where nothing comes in over the edges, both are the same samples."""
    rng = np.random.default_rng(5)
    canvas = rng.standard_normal((1, 3, 24, 28)).astype(np.float32)
    move = CameraMove(zoom=1.4, rotate=0.2)
    inner = part(canvas, move, 16, 20)
    whole = warp(canvas, move)
    assert inner.shape == (1, 3, 16, 20)
    np.testing.assert_allclose(inner, whole[..., 4:20, 4:24], atol=1e-5)


def test_a_part_that_stands_still_is_the_middle() -> None:
    canvas = np.arange(1 * 1 * 8 * 10, dtype=np.float32).reshape(1, 1, 8, 10)
    np.testing.assert_array_equal(part(canvas, STILL, 4, 6), canvas[..., 2:6, 2:8])
