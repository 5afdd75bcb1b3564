"""How many may come in."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from phosphene.server.app_state import ConnectionLimiter
from phosphene.server.limits import Limits
from phosphene.server.refusal import Refusal


def test_places_are_counted_and_given_back() -> None:
    limiter = ConnectionLimiter(Limits(sockets=3, sockets_per_address=2))
    with ExitStack() as inside:
        inside.enter_context(limiter.enter("a"))
        inside.enter_context(limiter.enter("a"))
        with pytest.raises(Refusal, match="your address"), limiter.enter("a"):
            pass
        inside.enter_context(limiter.enter("b"))
        with pytest.raises(Refusal, match="too many connections: "), limiter.enter("c"):
            pass
    with limiter.enter("a"), limiter.enter("a"), limiter.enter("c"):
        pass
    assert not limiter._inside
