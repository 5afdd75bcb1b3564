"""Input pictures from outside: any shape, any size, any rubbish."""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phosphene.errors import InputError
from phosphene.show.live import pictures
from phosphene.show.live.pictures import decode_picture


def encode(pixels, form="JPEG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def halves(width, height):
    """Red on the left, blue on the right, a green frame of a tenth all round."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 255
    pixels[:, width // 2 :, 2] = 255
    return pixels


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_formats(form):
    out = decode_picture(encode(halves(640, 480), form), (256, 256))
    assert out.shape == (256, 256, 3)
    assert out.dtype == np.uint8
    assert out[128, 20, 0] > 200
    assert out[128, -20, 2] > 200


@given(st.integers(8, 900), st.integers(8, 900), st.sampled_from([(64, 64), (256, 128), (96, 512)]))
def test_any_shape_fills_the_model(width, height, size):
    out = decode_picture(encode(halves(width, height)), size)
    assert out.shape == (size[1], size[0], 3)
    # the middle of the picture stays the middle
    row = out[size[1] // 2].astype(int)
    assert row[size[0] // 8, 0] > row[size[0] // 8, 2]
    assert row[-size[0] // 8, 2] > row[-size[0] // 8, 0]


def test_proportions_are_kept():
    """A circle in a wide picture is a circle afterwards."""
    y, x = np.mgrid[:400, :800]
    disc = (np.hypot(x - 400, y - 200) < 100).astype(np.uint8)[..., None] * np.full(
        3, 255, np.uint8
    )
    out = decode_picture(encode(disc), (256, 256))[..., 0] > 128
    assert out.any(0).sum() == pytest.approx(out.any(1).sum(), abs=2)
    assert out.any(0).sum() == pytest.approx(128, abs=3)


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "P"])
def test_other_colours(mode):
    file = io.BytesIO()
    Image.new(mode, (100, 80)).save(file, "PNG" if mode in ("RGBA", "P") else "JPEG")
    assert decode_picture(file.getvalue(), (64, 64)).shape == (64, 64, 3)


def gif():
    return encode(halves(64, 64), "GIF")


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"\xff\xd8\xff" + b"\0" * 99, encode(halves(99, 99))[:900], gif()]
)
def test_rubbish_is_refused_in_a_sentence(data):
    with pytest.raises(InputError, match="send JPEG, PNG or WebP"):
        decode_picture(data, (64, 64))


@given(st.binary(max_size=300))
def test_any_bytes(data):
    with pytest.raises(InputError):
        decode_picture(data, (64, 64))


@given(st.data())
def test_damaged_pictures(data):
    good = bytearray(encode(halves(80, 60), data.draw(st.sampled_from(["JPEG", "PNG", "WEBP"]))))
    for _ in range(data.draw(st.integers(1, 8))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InputError):
        assert decode_picture(bytes(good), (64, 64)).shape == (64, 64, 3)


def test_huge_pictures_are_not_unpacked(monkeypatch):
    data = encode(halves(5000, 3400), "PNG")

    def never(*args):
        raise AssertionError("unpacked")

    monkeypatch.setattr(Image.Image, "convert", never)
    with pytest.raises(InputError, match="5000x3400 pixels is too large"):
        decode_picture(data, (64, 64))
    assert pictures.MOST_PIXELS < 5000 * 3400
