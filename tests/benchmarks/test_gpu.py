"""The GPU benchmark runs from end to end: every kind of row, in networks of toys, on any machine."""

from __future__ import annotations

import argparse
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
MEASURED = ("kernels", "built-in-256", "sd-turbo-t2i", "lcm-2", "sdxl-turbo-512", "sessions")
"""one of each kind; the others differ in size and steps"""
ON_GPU_ONLY = ("kernel", "torch.compile", "kernels", "compile")
"""how the names of rows end that no CPU can measure"""


@pytest.fixture(scope="module")
def script() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.syspath_prepend(str(BENCHMARKS))
        yield argparse.Namespace(
            **runpy.run_path(str(BENCHMARKS / "gpu.py"), run_name="gpu_script")
        )


@pytest.fixture(scope="module")
def told(script: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    torch.set_num_threads(1)
    folder, found = tmp_path_factory.mktemp("gpu"), {}
    for piece in MEASURED:
        args = argparse.Namespace(
            piece=piece,
            all=False,
            device="cpu",
            toy=True,
            trees=folder,
            seconds=0.0,
            budget=500.0,
            out=folder / "gpu.json",
        )
        script.measure(args, found, folder)
    assert json.loads((folder / "gpu.json").read_text()) == json.loads(json.dumps(found))
    # called again it has nothing to do
    script.PIECES["kernels"] = lambda *_: iter(
        [(name, None) for name in found["pieces"]["kernels"]]
    )
    script.measure(args, found, folder)
    return found


def test_every_row_was_measured_or_says_why_not(told: dict[str, Any]) -> None:
    assert tuple(told["pieces"]) == MEASURED
    for piece, rows in told["pieces"].items():
        assert rows, piece
        for name, row in rows.items():
            if row["reason"]:
                excused = name.endswith(ON_GPU_ONLY) or name == "StreamDiffusion"
                assert excused, (piece, name, row["reason"])
            else:
                assert row["fps"] > 0 and row["p50"] > 0


def test_what_is_drawn_and_its_floor(told: dict[str, Any]) -> None:
    for piece in ("sd-turbo-t2i", "lcm-2", "sdxl-turbo-512"):
        rows = told["pieces"][piece]
        assert {"phosphene, plain", "phosphene, graphs", "diffusers"} < set(rows)
        assert rows["phosphene, plain"]["floor_ms"] > 0
    assert "draws no SDXL" in told["pieces"]["sdxl-turbo-512"]["StreamDiffusion"]["reason"]
    assert told["pieces"]["built-in-256"]["built-in"]["floor_ms"] > 0


def test_the_table_has_every_row(script: Any, told: dict[str, Any]) -> None:
    table = script.table(told)
    assert "the figures mean nothing" in table
    for rows in told["pieces"].values():
        for name in rows:
            assert f"| {name} |" in table
    assert script.table({}) == ""
