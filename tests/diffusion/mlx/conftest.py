"""Tiny checkpoints and the pipelines that draw with them, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.diffusion.mlx.tools import FAMILIES, load, load_mlx, make_trees


@pytest.fixture(scope="session")
def mlx_trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_trees(tmp_path_factory.mktemp("mlx"))


@pytest.fixture(scope="session", params=FAMILIES)
def pair(request: pytest.FixtureRequest, mlx_trees: dict[str, Path]) -> tuple[Any, Any]:
    """(torch's pipeline, MLX's) with the same weights."""
    tree = mlx_trees[request.param]
    return load(tree, "cpu"), load_mlx(tree)
