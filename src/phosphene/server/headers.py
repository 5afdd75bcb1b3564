"""Headers that tell browsers what these pages may do."""

from __future__ import annotations

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; manifest-src 'self';"
    " img-src 'self' blob: data:; media-src 'self' blob: data:; worker-src 'self' blob:;"
    # some browsers do not count a websocket as 'self'
    " connect-src 'self' {sockets} blob:; base-uri 'none'; form-action 'none';"
    " frame-ancestors {ancestors}"
)
DOCUMENT = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def security_headers(path: str, host: str) -> dict[str, str]:
    """For the answer to ``path``; ``host`` is what the browser calls this server, if known."""
    sockets = f"ws://{host} wss://{host}" if host else ""
    embeddable = path == "/view"
    policy = (
        DOCUMENT
        if path == "/docs"
        else PAGE.format(sockets=sockets, ancestors="*" if embeddable else "'none'")
    )
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "cross-origin" if embeddable else "same-origin",
        "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), midi=(self)",
    }
