"""Imports point one way: the table in docs/architecture.md says which, and this holds them to it."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import permutations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/phosphene"


@cache
def rows() -> list[list[str]]:
    """Rooms of the table, row by row, from the bottom of the house to its top."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = re.search(r"\| room \|.*?\n\|[-| ]+\n(.*?)\n\n", text, re.DOTALL)
    assert table, "the table of rooms is gone"
    first = [line.split("|")[1] for line in table[1].splitlines()]
    return [[name.rstrip("/") for name in re.findall(r"`([^`]+)`", cell)] for cell in first]


@cache
def modules() -> dict[str, Path]:
    """All modules by name."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def room_of(module: str) -> str:
    """The longest room name that a module lies in."""
    path = module.removeprefix("phosphene").lstrip(".").replace(".", "/")
    names = [name for row in rows() for name in row]
    fits = [n for n in names if path == n.removesuffix(".py") or path.startswith(n + "/")]
    assert fits, f"{module} lies in no room of docs/architecture.md"
    return max(fits, key=len)


def height(room: str) -> int:
    return next(number for number, row in enumerate(rows()) if room in row)


@cache
def imported(path: Path) -> frozenset[str]:
    """Modules of ours that a file imports anywhere, for types and inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {each if each in modules() else node.module for each in whole}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return frozenset(name for name in names if name in modules() and name != "phosphene")


def test_every_module_lies_in_a_room_and_every_room_is_there() -> None:
    for module in modules():
        if module != "phosphene":
            room_of(module)
    for name in (name for row in rows() for name in row):
        assert (PACKAGE / name).exists(), f"the table names {name}, which is not there"


def test_imports_point_to_the_rows_above() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, path in modules().items()
        if module != "phosphene"
        for other in sorted(imported(path))
        if height(room_of(other)) > height(room_of(module))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cluster/live", "server"),
        ("metrics", "stream"),
        *permutations((f"diffusion/{name}" for name in ("lsd", "sd", "dit", "wan")), 2),
        ("diffusion/lsd", "diffusion/mlx"),
        ("diffusion/sd", "diffusion/mlx"),
    ],
)
def test_rooms_that_knew_each_other_do_not(one: str, other: str) -> None:
    def inside(module: str, room: str) -> bool:
        return module.replace(".", "/").startswith(f"phosphene/{room}/")

    ways = [
        (module, target)
        for module, path in modules().items()
        for target in imported(path)
        if inside(module, one) and inside(target, other)
    ]
    assert not ways


def test_the_engine_knows_no_model_and_models_no_show() -> None:
    low, high = height("stream"), height("diffusion/base.py")
    assert low < high < height("show") < height("server") < height("commands")
