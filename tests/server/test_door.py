"""How many may come in."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from phosphene.server.limits import Limits
from phosphene.server.refusal import Refusal
from phosphene.server.theatre import Door


def test_places_are_counted_and_given_back() -> None:
    door = Door(Limits(sockets=3, sockets_per_address=2))
    with ExitStack() as inside:
        inside.enter_context(door.enter("a"))
        inside.enter_context(door.enter("a"))
        with pytest.raises(Refusal, match="your address"), door.enter("a"):
            pass
        inside.enter_context(door.enter("b"))
        with pytest.raises(Refusal, match="too many connections: "), door.enter("c"):
            pass
    with door.enter("a"), door.enter("a"), door.enter("c"):
        pass
    assert not door._inside
