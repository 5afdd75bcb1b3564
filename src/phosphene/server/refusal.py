"""What the server says no with."""

from __future__ import annotations

from phosphene.errors import PhospheneError


class Refusal(PhospheneError):
    """A request that is not granted: a code for programs and a sentence for people."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        """of the HTTP response, where there is one"""
