"""From the session's threads to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec

P = ParamSpec("P")


def hand_over(
    loop: asyncio.AbstractEventLoop, act: Callable[P, object], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Call ``act`` on the loop's thread soon; a loop that has ended already hears nothing."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(lambda: act(*args, **kwargs))
