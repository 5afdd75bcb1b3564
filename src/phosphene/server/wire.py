"""The binary messages of the socket: a 24-byte header and a payload, little endian."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import IntEnum

from phosphene.server.refusal import Refusal
from phosphene.show.display import Way
from phosphene.show.live.types import Field

VERSION = 1
HEADER = struct.Struct("<BBHIdd")
"""version, kind, reserved, sequence, captured, value"""


WAY = struct.Struct("<7f")
"""after the header of a key: turn, shift and ripple of the camera since the key before, seconds"""
FIELD = struct.Struct("<4Hf")
"""after a field's way: width and height of the picture to be seen, of a plane, and the light; then 768 bytes
of palette, then both planes as a grey JPEG"""
CUT = 1
"""among the flags of a key: it has nothing to do with the one before"""
STROBES = 2
"""and: flashes are not to be held in what is shown"""


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
    FIELD_OUT = 5
    """a key before it is enlarged and coloured, for a client that does that itself"""


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
    strobes: bool = False
    """flashes of a key are not to be held"""


def pack(packet: Packet) -> bytes:
    """A packet as it goes over the wire."""
    way = packet.way
    flags = 0
    if way is not None:
        flags = CUT * way.cut | STROBES * packet.strobes
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


def field(field: Field, size: tuple[int, int] | None, planes: bytes) -> bytes:
    """What follows the way in a message of kind 5; ``planes`` are the field's as a grey JPEG."""
    height, width = field.planes.shape[1:]
    size = size or (width, height)
    return FIELD.pack(*size, width, height, field.light) + field.palette.tobytes() + planes


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
