"""What clients send in is looked at before it is decoded."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from phosphene.server.performer import check_picture, read_sound
from phosphene.server.refusal import Refusal
from phosphene.server.wire import Kind, Packet


def encoded(kind: str, size=(20, 10)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size).save(out, kind)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 100) + b"IDAT" + bytes(104)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_that_are_taken(kind) -> None:
    check_picture(encoded(kind), 100_000, 200)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture"),
        (b"hello", "picture"),
        (encoded("GIF"), "picture"),
        (encoded("BMP"), "picture"),
        (encoded("JPEG", (30, 10)), "size"),
        (encoded("PNG")[:20], "picture"),
        (bomb(5000, 5000), "size"),
        (bomb(2**31 - 1, 2**31 - 1), "size"),
        (encoded("PNG") + bytes(100_000), "size"),
    ],
)
def test_pictures_that_are_not(data, code) -> None:
    with pytest.raises(Refusal) as caught:
        check_picture(data, 100_000, 200)
    assert caught.value.code == code


@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_refused(data) -> None:
    for head in (b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 "):
        try:
            check_picture(head + data, 100_000, 200)
        except Refusal as refusal:
            assert refusal.code in ("picture", "size")


def sound(samples, rate=16000.0) -> Packet:
    return Packet(Kind.SOUND_IN, 0, 0.0, rate, np.asarray(samples, "<f4").tobytes())


def test_sound() -> None:
    samples, rate = read_sound(sound([0.0, 0.5, -1.0]))
    assert samples.tolist() == [0.0, 0.5, -1.0]
    assert samples.dtype == np.float32
    assert rate == 16000


@pytest.mark.parametrize(
    "packet",
    [
        sound([]),
        sound([0.0], rate=0),
        sound([0.0], rate=1e6),
        sound([0.0], rate=44100.5),
        sound([np.nan]),
        sound([0.0, np.inf]),
        sound(np.zeros(16001)),
        Packet(Kind.SOUND_IN, 0, 0.0, 16000.0, b"abc"),
    ],
)
def test_sound_that_is_none(packet) -> None:
    with pytest.raises(Refusal) as caught:
        read_sound(packet)
    assert caught.value.code == "sound"
