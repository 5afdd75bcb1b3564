"""A stream to a service, such as Twitch, YouTube or a server of one's own."""

from __future__ import annotations

from phosphene.errors import InputError
from phosphene.show.sinks.encoded import Target

BITRATE = 4_500_000
"""bits per second: what services recommend for 720p"""
SCHEMES = ("rtmp://", "rtmps://")


def rtmp_target(url: str, bitrate: int = BITRATE) -> Target:
    """A live stream at ``bitrate`` bits per second; the key in its address is not logged.

    Raises :class:`InputError` for what is no such address.
    """
    if not url.startswith(SCHEMES):
        raise InputError("--rtmp takes an address that begins with rtmp:// or rtmps://.")
    rate = str(bitrate)
    return Target(
        url=url,
        name=f"stream to {url.split('/')[2]}",
        container="flv",
        container_options={"flvflags": "no_duration_filesize"},
        codec_options={
            "preset": "veryfast",
            "tune": "zerolatency",
            "b": rate,
            "maxrate": rate,
            "bufsize": str(2 * bitrate),
        },
        sound=True,
        retry=True,
    )
