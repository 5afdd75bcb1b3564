"""A real server with the built-in model at its smallest, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.diffusion import LSDPipeline
from phosphene.server.app import create_app
from phosphene.server.app_state import AppState
from phosphene.server.limits import Limits
from phosphene.server.listen import Server, bind, run
from phosphene.server.security import Guard
from phosphene.server.session_registry import SessionRegistry
from tests.server.client import Client

SIDE = 64


@dataclass(frozen=True)
class Served:
    """Where a server listens, and what is inside."""

    port: int
    app_state: AppState

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def socket(self, query: str = "") -> Client:
        return Client(f"ws://127.0.0.1:{self.port}/ws{query}")


@pytest.fixture(scope="session")
def base() -> LSDPipeline:
    return LSDPipeline(DiffusionConfig(threads=1), InferenceConfig(height=SIDE, width=SIDE))


@pytest.fixture
def config() -> PipelineConfig:
    config = PipelineConfig(inference=InferenceConfig(height=SIDE, width=SIDE))
    LSDPipeline.suggest(config)
    return config


@contextmanager
def serving(
    base,
    config,
    limits=None,
    token=None,
    exits=(),
    names=(),
    microphone=None,
    companions=(),
    feed=None,
) -> Iterator[Served]:
    """Serve until the block ends; what the server leaves behind fails the test."""
    registry = SessionRegistry(base, config, limits or Limits(), microphone, feed=feed)
    app_state = AppState(registry, registry.limits, exits=exits, companions=companions)
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        ready = threading.Event()
        app = create_app(app_state, Guard(token, port, frozenset(names)))
        server = Server(app, app_state, ready.set)
        before = set(threading.enumerate())
        thread = threading.Thread(target=run, args=(server, listener))
        thread.start()
        assert ready.wait(60)
        try:
            yield Served(port, app_state)
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive()
            for left in set(threading.enumerate()) - before:
                if "phosphene" in left.name:
                    # one that was given up ends a moment later
                    left.join(60)
                    assert not left.is_alive(), left.name


@pytest.fixture
def served(base, config) -> Iterator[Served]:
    with serving(base, config) as server:
        yield server
