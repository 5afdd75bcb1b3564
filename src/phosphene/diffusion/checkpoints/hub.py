"""Whether the Hugging Face hub can be reached, asked once before its client tries for half a minute."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

PATIENCE_SECONDS = 2.0
"""for a name and a connection; the client itself takes 24 s to give up"""
FRESH_SECONDS = 30.0
"""for which an answer is good"""

_lock = threading.Lock()
_asked = (0.0, True)


@contextmanager
def patient() -> Iterator[None]:
    """Load from the hub; from what is on this machine alone, at once, while it cannot be reached."""
    from huggingface_hub import constants, utils

    if constants.HF_HUB_OFFLINE or reachable(constants.ENDPOINT):
        yield
        return
    forget = getattr(utils, "reset_sessions", lambda: None)
    constants.HF_HUB_OFFLINE = True
    # older clients look at the switch when they open a session
    forget()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = False
        forget()


def reachable(address: str) -> bool:
    """Whether a connection to ``address``, or to the proxy that leads there, can be made."""
    global _asked
    with _lock:
        then, answer = _asked
        if not answer or time.monotonic() - then > FRESH_SECONDS:
            _asked = then, answer = time.monotonic(), _connects(address)
        return answer


def _connects(address: str) -> bool:
    url = urlsplit(address)
    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy and not urllib.request.proxy_bypass(url.hostname or ""):
        url = urlsplit(proxy)
    place = url.hostname or "", url.port or (80 if url.scheme == "http" else 443)
    found = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection(place, PATIENCE_SECONDS).close()
        except OSError:
            done.set()
            return
        found.set()
        done.set()

    done = threading.Event()
    # the system looks names up for as long as it likes
    threading.Thread(target=connect, name="phosphene-hub", daemon=True).start()
    done.wait(PATIENCE_SECONDS)
    return found.is_set()
