"""Tiny Stable Diffusion models, made once; torch is imported only where they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and every notice unsaid."""
    import huggingface_hub.constants

    from phosphene.diffusion.notices import say_once

    # another test may have imported the hub before its variable was set
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    say_once.cache_clear()


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny Stable Diffusion folders by kind of prediction; only ``eps`` has a tiny autoencoder."""
    from tests.diffusion.tiny_sd import make_tree

    root = tmp_path_factory.mktemp("models")
    return {
        "eps": make_tree(root / "eps", tiny_vae=True),
        "v": make_tree(root / "v", prediction="v_prediction"),
    }


@pytest.fixture(scope="session")
def pipeline(trees: dict[str, Path]) -> Any:
    from tests.diffusion.sd_tools import load

    return load(trees["eps"])
