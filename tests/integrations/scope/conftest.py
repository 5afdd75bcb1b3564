"""The host: an original stand-in, or the real Scope whose checkout ``SCOPE_SRC`` names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.integrations.scope.host import Stream

SOURCE = os.environ.get("SCOPE_SRC")
sys.path.insert(0, str(Path(SOURCE) / "src" if SOURCE else Path(__file__).parent / "stub"))


@pytest.fixture(scope="session")
def listed():
    """Pipeline classes by id, as the host found them through the entry point."""
    if SOURCE:
        from scope.core.pipelines.registry import PipelineRegistry

        return {name: PipelineRegistry.get(name) for name in PipelineRegistry.list_pipelines()}
    from tests.integrations.scope.host import discover

    return discover()


@pytest.fixture
def make(listed):
    """``make(id, **load)`` builds a pipeline exactly as the host does; all are ended after the test."""
    made = []

    def build(name, **load):
        if SOURCE:
            from scope.server.pipeline_manager import PipelineManager

            node = PipelineManager()._load_pipeline_implementation(name, load)
        else:
            fields = listed[name].get_config_class().model_fields
            given = {
                key: field.default for key, field in fields.items() if field.default is not None
            }
            node = listed[name](**{**given, **load})
        made.append(node)
        return node

    yield build
    for node in made:
        node.shutdown()


@pytest.fixture
def stream():
    """``stream(node, **parameters)`` runs it on the host's own thread and queues."""
    running = []

    def run(node, **parameters):
        running.append(Stream(node, parameters))
        return running[-1]

    yield run
    for one in running:
        one.stop()


@pytest.fixture
def loader(monkeypatch):
    """A loader of gated models in place of the real one."""
    from phosphene.integrations.scope import session
    from tests.integrations.scope.slow import Loader

    loader = Loader()
    monkeypatch.setattr(session, "load_picture_pipeline", loader)
    return loader


@pytest.fixture(autouse=True)
def forget_notices():
    from phosphene.diffusion.notices import say_once

    say_once.cache_clear()
