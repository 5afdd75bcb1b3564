"""JSON messages: what is taken, what is refused, what is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.server import protocol as say
from phosphene.server.refusal import Refusal
from phosphene.show.live import Level, SessionStats


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"type":"clock","t":12.5}', say.Clock),
        ('{"type":"clock","t":1,"position":3,"playing":true,"rate":1,"lead":0.2}', say.Clock),
        ('{"type":"set","values":{"a.b":[1,{"c":null}]},"id":3}', say.Set),
        ('{"type":"source","hear":"song","song":"x","see":true}', say.UseSource),
        ('{"type":"beat","action":"tap","t":1}', say.Beat),
        ('{"type":"scene"}', say.Scene),
        ('{"type":"controllers","values":{"fader 1":0.5}}', say.Controllers),
        ('{"type":"record","on":true,"id":1}', say.Record),
        ('{"type":"preset","name":"Ocean"}', say.Preset),
        ('{"type":"ack","sequence":4294967295}', say.Ack),
    ],
)
def test_taken(text, kind) -> None:
    assert isinstance(say.parse(text), kind)


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("", "json", "JSON"),
        ("{", "json", "JSON"),
        ('{"type":"clock","t":NaN}', "json", "JSON"),
        ('{"type":"set","values":{"a":Infinity}}', "json", "JSON"),
        ("[" * 100_000, "json", "JSON"),
        ("[]", "message", "dict"),
        ("{}", "message", "type"),
        ('{"type":"dance"}', "message", "dance"),
        ('{"type":"clock"}', "message", "clock.t"),
        ('{"type":"clock","t":"now"}', "message", "clock.t"),
        ('{"type":"clock","t":-1}', "message", "clock.t"),
        ('{"type":"clock","t":1,"rate":1e300}', "message", "clock.rate"),
        ('{"type":"clock","t":1,"positon":1}', "message", "positon"),
        ('{"type":"ack","sequence":4294967296}', "message", "sequence"),
        ('{"type":"ack","sequence":true}', "message", "sequence"),
        ('{"type":"ack","sequence":1.5}', "message", "sequence"),
        ('{"type":"source","hear":"wall"}', "message", "hear"),
        ('{"type":"set","values":[]}', "message", "values"),
        ('{"type":"beat","action":"stop","t":1}', "message", "action"),
    ],
)
def test_refused(text, code, word) -> None:
    with pytest.raises(Refusal) as caught:
        say.parse(text)
    assert caught.value.code == code
    assert word in str(caught.value)
    assert len(str(caught.value)) < 400


@given(
    st.text(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    ).map(json.dumps)
)
def test_anything_is_a_message_or_refused(text) -> None:
    try:
        say.parse(text)
    except Refusal as refusal:
        assert refusal.code in ("json", "message")


def test_statistics_are_flat() -> None:
    session = SessionStats(
        30.0, 0.0, 9.0, 8.0, 20.0, Level(1, 1, 256, 192), False, "", 0, 1, 0, 77, 2
    )
    stats = say.Stats(
        session=session,
        load=say.Load(cpu_percent=1.0, memory_mb=2.0),
        sessions=1,
        sent=70,
        unacked=3,
    )
    told = json.loads(say.encode(stats))
    assert told["level"]["height"] == 192
    assert (told["fps"], told["frames"], told["unacked"]) == (30.0, 77, 3)
    assert "session" not in told
    assert "gpu" not in told["load"]


def test_what_is_not_known_is_left_out() -> None:
    assert json.loads(say.encode(say.ErrorReply(code="x", message="y"))) == {
        "type": "error",
        "code": "x",
        "message": "y",
    }
