"""The server's fixtures, with OSC beside it."""

from tests.server.conftest import base, config  # noqa: F401 (fixtures)
