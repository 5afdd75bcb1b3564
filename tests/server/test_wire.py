"""Binary messages: what goes in comes out, and what is wrong is named."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.server.refusal import Refusal
from phosphene.server.wire import HEADER, Kind, Packet, pack, unpack
from phosphene.show.display import Motion, Way

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.sampled_from([Kind.PICTURE_IN, Kind.SOUND_IN]),
    st.integers(0, 2**32 - 1),
    finite,
    finite,
    st.binary(max_size=100),
)
def test_round_trip(kind, sequence, captured, value, payload) -> None:
    packet = unpack(pack(Packet(kind, sequence, captured, value, payload)))
    assert (packet.kind, packet.sequence, packet.captured, packet.value) == (
        kind,
        sequence,
        captured,
        value,
    )
    assert bytes(packet.payload) == payload


def test_layout() -> None:
    message = pack(Packet(Kind.PICTURE_OUT, 2**32 + 5, 1.5, math.nan, b"x"))
    assert len(message) == 25
    assert struct.unpack_from("<BBHI", message) == (1, 3, 0, 5)
    assert struct.unpack_from("<d", message, 8) == (1.5,)
    assert math.isnan(struct.unpack_from("<d", message, 16)[0])


def test_layout_of_a_key() -> None:
    way = Way(Motion(1.5 - 0.5j, 0.25j, 0.125 + 0j), 0.5, cut=True)
    message = pack(Packet(Kind.KEY_OUT, 7, 1.5, math.nan, b"jpeg", way))
    assert struct.unpack_from("<BBHI", message) == (1, 4, 1, 7)
    assert struct.unpack_from("<7f", message, 24) == (1.5, -0.5, 0, 0.25, 0.125, 0, 0.5)
    assert message[52:] == b"jpeg"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_packet_or_refused(data) -> None:
    try:
        packet = unpack(data)
    except Refusal as refusal:
        assert refusal.code in ("header", "version")
    else:
        assert math.isfinite(packet.captured)
        assert data[:2] in (b"\x01\x01", b"\x01\x02")


@pytest.mark.parametrize(
    ("header", "code", "word"),
    [
        ((2, 1, 0, 0, 0.0, 0.0), "version", "version 1, not 2"),
        ((1, 3, 0, 0, 0.0, 0.0), "header", "kind"),
        ((1, 1, 7, 0, 0.0, 0.0), "header", "reserved"),
        ((1, 1, 0, 0, math.nan, 0.0), "header", "finite"),
        ((1, 2, 0, 0, 0.0, math.inf), "header", "finite"),
    ],
)
def test_wrong_headers(header, code, word) -> None:
    with pytest.raises(Refusal, match=word) as caught:
        unpack(HEADER.pack(*header))
    assert caught.value.code == code
