"""What a client sends in, checked before anything decodes it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from phosphene.audio.types import FloatArray
from phosphene.server.refusal import Refusal
from phosphene.server.wire import Packet

FORMATS = ("JPEG", "PNG", "WEBP")
RATES = (8000, 192_000)
"""Hz"""
LONGEST = 1.0
"""seconds of sound in one message"""


def check_picture(data: bytes, max_bytes: int, max_pixels: int) -> None:
    """Refuse what is no picture, or would be a huge one; reads the header only."""
    if len(data) > max_bytes:
        raise Refusal("size", f"a picture has at most {max_bytes} bytes, not {len(data)}.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Refusal("picture", "this is no JPEG, PNG or WebP picture.") from error
    except Image.DecompressionBombError as error:
        raise Refusal("size", f"a picture has at most {max_pixels} pixels.") from error
    if width * height > max_pixels:
        raise Refusal(
            "size", f"a picture has at most {max_pixels} pixels, not {width}x{height}: send less."
        )


def read_sound(packet: Packet) -> tuple[FloatArray, int]:
    """Mono float32 samples and their rate, Hz."""
    rate = packet.value
    if not RATES[0] <= rate <= RATES[1] or rate != int(rate):
        raise Refusal(
            "sound", f"the sample rate must be {RATES[0]} to {RATES[1]} Hz, not {rate:g}."
        )
    size = len(packet.payload)
    if size == 0 or size % 4:
        raise Refusal("sound", "sound is float32: its bytes are a multiple of 4, and not none.")
    if size // 4 > LONGEST * rate:
        raise Refusal(
            "sound", f"a message holds at most {LONGEST:g} s of sound: send shorter ones."
        )
    samples = np.frombuffer(packet.payload, "<f4")
    if not np.isfinite(samples).all():
        raise Refusal("sound", "samples must be finite numbers.")
    return samples.astype(np.float32, copy=False), int(rate)
