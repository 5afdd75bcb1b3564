"""Tiny Stable Diffusion models, made once; torch is imported only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Of torch's: those of small networks would wait for each other more than they compute."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny Stable Diffusion folders by kind; only ``eps`` and ``xl`` have a tiny autoencoder."""
    from tests.diffusion.sd.trees import SDXS, make_tree, make_xl_tree, tiny_autoencoder

    root = tmp_path_factory.mktemp("models")
    return {
        "eps": make_tree(root / "eps", tiny_vae=True),
        "v": make_tree(root / "v", "v"),
        "turbo": make_tree(root / "turbo", "lightning"),
        "lcm": make_tree(root / "lcm", "lcm"),
        "sdxs": make_tree(root / "sdxs", own_vae=tiny_autoencoder(), **SDXS),
        "xl": make_xl_tree(root / "xl", "lightning", tiny_vae=True),
        "xl-turbo": make_xl_tree(root / "xl-turbo", "turbo"),
        "xl-base": make_xl_tree(root / "xl-base", "eps"),
    }


@pytest.fixture(scope="session")
def pipeline(trees: dict[str, Path]) -> Any:
    from tests.diffusion.sd.tools import load

    return load(trees["eps"])


@pytest.fixture(scope="session")
def xl(trees: dict[str, Path]) -> Any:
    from tests.diffusion.sd.tools import load_xl

    return load_xl(trees["xl"])
