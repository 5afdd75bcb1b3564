"""Working in the background of somebody else's show."""

from __future__ import annotations

import sys

import psutil

NICE = 5
"""a quarter of what the show gets where both want the same core: more, and a song takes minutes to hear"""
MEMORY = 2 * 2**30
"""bytes: what no song within the limits needs"""


def be_humble() -> None:
    """Yield the processor to the show, and fail rather than fill the memory."""
    process = psutil.Process()
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    process.nice(NICE)
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
