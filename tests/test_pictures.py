"""Pictures of every mode and every way up arrive as they are meant to be seen."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from phosphene.pictures import to_rgb
from phosphene.show.live.pictures import decode_picture

SIZE = (48, 32)
RAMP = np.linspace(0.1, 0.9, SIZE[0], dtype=np.float32)[None].repeat(SIZE[1], axis=0)
"""(h, w) grey from left to right, 0..1"""
EIGHT = np.rint(RAMP * 255).astype(np.uint8)
SIXTEEN = np.rint(RAMP * 65535).astype(np.uint16)


def stored(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def read(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(to_rgb(picture))


@pytest.mark.parametrize(
    ("values", "kind"),
    [(SIXTEEN, "PNG"), (SIXTEEN, "TIFF"), (SIXTEEN, "PPM"), (SIXTEEN.astype(np.int32), "TIFF"),
     (SIXTEEN.astype(">u2"), "TIFF"), (RAMP, "TIFF"), (RAMP * 40, "TIFF"), (EIGHT, "PNG")],
)  # fmt: skip
def test_grey_of_any_depth_is_not_flat(values: np.ndarray, kind: str) -> None:
    seen = read(stored(Image.fromarray(values), kind))
    assert seen.shape == (*EIGHT.shape, 3)
    expected = RAMP / RAMP.max() * 255 if float(values.max()) == pytest.approx(36) else EIGHT
    assert np.abs(seen - expected[..., None].astype(float)).max() <= 1.5


def test_16_bits_arrive_live() -> None:
    seen = decode_picture(stored(Image.fromarray(SIXTEEN), "PNG"), SIZE)
    assert np.abs(seen.astype(int) - EIGHT[..., None]).max() <= 1


TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""how a stored picture is shown (EXIF 2.32, tag 274)"""


@pytest.mark.parametrize("way", TURNED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_turns_pictures(way: int, kind: str) -> None:
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (4, 6, 3)).astype(np.uint8).repeat(32, 0).repeat(32, 1)
    exif = Image.Exif()
    exif[274] = way
    data = stored(Image.fromarray(blocks), kind, exif=exif, quality=95)
    expected = TURNED[way](blocks)
    size = (expected.shape[1], expected.shape[0])
    for side in (size, (size[0] // 4, size[1] // 4)):
        seen = decode_picture(data, side).astype(int)
        step = size[0] // side[0]
        inner = expected[step // 2 :: step, step // 2 :: step]
        assert np.abs(seen - inner).mean() < 12


def test_other_modes() -> None:
    colours = np.random.default_rng(1).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    rgb = Image.fromarray(colours.repeat(8, 0).repeat(8, 1))
    plain = np.asarray(rgb).astype(int)
    assert np.abs(read(stored(rgb.convert("CMYK"), "TIFF")) - plain).max() <= 2
    assert np.abs(read(stored(rgb.convert("YCbCr"), "TIFF")) - plain).mean() <= 3
    assert set(np.unique(read(stored(rgb.convert("1"), "PNG")))) <= {0, 255}
    alpha = np.zeros(plain.shape[:2], np.uint8)
    alpha[:16] = 255
    clear = rgb.copy()
    clear.putalpha(Image.fromarray(alpha))
    seen = read(stored(clear, "PNG"))
    assert np.array_equal(seen[:16], plain[:16])
    assert not seen[16:].any()
    palette = rgb.quantize(16)
    hidden = palette.getpixel((0, 0))
    seen = read(stored(palette, "PNG", transparency=hidden))
    index = np.asarray(palette)
    assert not seen[index == hidden].any()
    shown = np.asarray(palette.convert("RGB"))
    assert np.array_equal(seen[index != hidden], shown[index != hidden])
