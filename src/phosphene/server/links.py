"""The address that people open."""

from __future__ import annotations

import socket
from urllib.parse import quote

ANYWHERE = ("0.0.0.0", "::", "")
OUTSIDE = ("192.0.2.1", 9)
"""an address for documentation (RFC 5737): nothing is ever sent to it"""


def reachable(host: str, port: int, token: str | None) -> str:
    """A link to the page; a server on all addresses is named by the one others see."""
    name = _own_address() if host in ANYWHERE else host
    if ":" in name:
        name = f"[{name}]"
    return f"http://{name}:{port}/" + (f"?token={quote(token, safe='')}" if token else "")


def _own_address() -> str:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(OUTSIDE)
            return str(probe.getsockname()[0])
    except OSError:
        # no network: only this machine can come
        return "127.0.0.1"
