"""The binary messages of the socket: a 24-byte header and a payload, little endian."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum

from phosphene.server.refusal import Refusal
from phosphene.show.display import Way

VERSION = 1
HEADER = struct.Struct("<BBHIdd")
"""version, kind, reserved, sequence, captured, value"""


WAY = struct.Struct("<7f")
"""after the header of a key: turn, shift and ripple of the camera since the key before, seconds"""
CUT = 1
"""in the reserved field of a key: it has nothing to do with the one before"""


class Kind(IntEnum):
    """What a payload is."""

    PICTURE_IN = 1
    """JPEG, PNG or WebP, from the client"""
    SOUND_IN = 2
    """float32 mono PCM, from the client"""
    PICTURE_OUT = 3
    """JPEG, to the client"""
    KEY_OUT = 4
    """the same with the camera's way since the key before, for a client that moves pictures itself"""


@dataclass(frozen=True)
class Packet:
    """One binary message."""

    kind: Kind
    sequence: int
    """0..2^32 - 1, wraps round"""
    captured: float
    """milliseconds on the client's clock; NaN where that clock is not known"""
    value: float
    """sound: Hz; picture out: song position in seconds, NaN without a song"""
    payload: bytes | memoryview
    way: Way | None = None
    """of a key"""


def pack(packet: Packet) -> bytes:
    """A packet as it goes over the wire."""
    way = packet.way
    flags = CUT if way is not None and way.cut else 0
    header = HEADER.pack(
        VERSION, packet.kind, flags, packet.sequence & 0xFFFFFFFF, packet.captured, packet.value
    )
    if way is None:
        return header + packet.payload
    motion = way.motion
    numbers = (
        each
        for part in (motion.turn, motion.shift, motion.ripple)
        for each in (part.real, part.imag)
    )
    return header + WAY.pack(*numbers, way.seconds) + packet.payload


def unpack(message: bytes) -> Packet:
    """A packet from the wire; the payload is a view of ``message``. Raises :class:`Refusal`."""
    if len(message) < HEADER.size:
        raise Refusal("header", f"a binary message begins with {HEADER.size} bytes of header.")
    version, kind, reserved, sequence, captured, value = HEADER.unpack_from(message)
    if version != VERSION:
        raise Refusal("version", f"this server speaks protocol version {VERSION}, not {version}.")
    if kind not in (Kind.PICTURE_IN, Kind.SOUND_IN) or reserved:
        raise Refusal("header", "a client sends kind 1 (picture) or 2 (sound), with reserved 0.")
    if not (math.isfinite(captured) and math.isfinite(value)):
        raise Refusal("header", "captured and value must be finite numbers.")
    return Packet(Kind(kind), sequence, captured, value, memoryview(message)[HEADER.size :])
