"""The kernels compile to Hopper's machine code on a machine without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    # a process of its own: here the interpreter runs the kernels
    command = [sys.executable, "-m", "tests.kernels.compiling"]
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_all_of_them_assemble_for_sm_90(made: dict[str, Any]) -> None:
    assert set(made) == {"pack_kernel", "step_kernel", "readout_kernel", "norm_kernel"}
    for kernel in made.values():
        assert ".target sm_90" in kernel["ptx"] and kernel["cubin"] > 1000
        # nothing spills to local memory
        assert "st.local" not in kernel["ptx"]


def test_bytes_are_packed_by_two_instructions_and_written_as_words(made: dict[str, Any]) -> None:
    ptx = made["pack_kernel"]["ptx"]
    assert "cvt.pack.sat.u8.s32.b32" in ptx
    assert "st.global.v4.b32" in ptx
    assert "st.global.b" not in ptx


def test_latents_move_sixteen_bytes_at_a_time(made: dict[str, Any]) -> None:
    ptx = made["step_kernel"]["ptx"]
    assert "ld.global.v4.b32" in ptx and "st.global.v4.b32" in ptx


def test_keys_pass_through_shared_memory_into_matrix_units(made: dict[str, Any]) -> None:
    readout = made["readout_kernel"]
    assert readout["shared"] > 0
    assert "ldmatrix" in readout["ptx"] and "mma" in readout["ptx"]
