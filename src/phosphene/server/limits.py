"""How much one client may ask for."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Bounds that keep one client from costing the others anything."""

    sessions: int = 4
    """performing at the same time"""
    sessions_per_address: int = 2
    """for other machines; this one may have all"""
    sockets_per_address: int = 32
    sockets: int = 64
    connections_per_address: int = 128
    """of any kind; one network of IPv6 counts as one address"""
    connections: int = 256
    """fewer where the system allows fewer open files"""
    head_seconds: float = 10.0
    """from connecting, or from the last answer, to the end of a request's headers"""
    upload_bytes: int = 200 * MB
    song_seconds: float = 20 * 60.0
    songs: int = 32
    """per session"""
    picture_bytes: int = 2 * MB
    picture_pixels: int = 2048 * 2048
    message_bytes: int = 64_000
    """of a JSON message"""
    messages_per_second: float = 500.0
    """read from one client; what comes faster waits in the network"""
    fragments: int = 1024
    """of one message"""
    bytes_per_second: float = 30.0 * MB
    window: int = 6
    """pictures under way to one client that it has not acknowledged"""
    stall_seconds: float = 10.0
    """after which a client that takes nothing is dropped"""
    grace_seconds: float = 5.0
    """for which a session outlives its socket"""

    @property
    def socket_bytes(self) -> int:
        """Longest message the socket reads at all; what is longer ends it with code 1009."""
        return 2 * self.picture_bytes
