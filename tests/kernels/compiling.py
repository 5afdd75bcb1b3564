"""Compiles every kernel for Hopper, without a GPU, and tells as JSON what came of it."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

os.environ["TRITON_CACHE_DIR"] = tempfile.mkdtemp(prefix="phosphene-triton-")

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from phosphene.kernels import norm, pack, readout, step

HOPPER = GPUTarget("cuda", 90, 32)
POINTERS: dict[str, dict[str, str]] = {
    "pack_kernel": {"previous": "*i32", "out": "*i32", "keep": "fp32"},
    "step_kernel": dict.fromkeys(("x", "noise", "weights", "buffer", "finished"), "*fp32"),
    "readout_kernel": {"age": "*fp32", "scale": "fp32"},
    "norm_kernel": {"eps": "fp32"},
}
HALF = {
    *("pixels", "wanted", "negative", "query", "none_key", "none_value", "own_key", "own_value"),
    *("past_key", "past_value", "x", "weight", "bias", "scale", "shift", "out"),
}
STRIDES = tuple(f"{name}_{axis}" for name in ("query", "own", "past") for axis in "bn")
ROUND = {"words", "area", "width", "size", "channels", "film_stride", *STRIDES}
CONSTANTS: list[tuple[Any, dict[str, Any]]] = [
    (pack.pack_kernel, {"BLEND": True, "PTX": True, "BLOCK": pack.WORDS}),
    (step.step_kernel, {"NEGATIVE": True, "BLOCK": step.BLOCK_SIZE}),
    (
        readout.readout_kernel,
        {"HEADS": 4, "DEPTH": 52, "D": 64, "Q": readout.QUERIES, "K": readout.KEYS},
    ),
    (
        norm.norm_kernel,
        {"AFFINE": True, "FILM": True, "SHARE": 26, "LAST": True, "BLOCK": norm.BLOCK_SIZE},
    ),
]


def compiled(kernel: Any, constants: dict[str, Any]) -> dict[str, Any]:
    """PTX, machine code's size and shared memory of one kernel, as half precision is called."""
    names = kernel.arg_names
    own = POINTERS[kernel.__name__]
    signature = {
        name: "constexpr"
        if name in constants
        else own.get(name, "*fp16" if name in HALF else "i32")
        for name in names
    }
    constexprs = {(names.index(name),): value for name, value in constants.items()}
    # what a call with aligned tensors of usual sizes is specialised on
    aligned = {
        (i,): [["tt.divisibility", 16]]
        for i, name in enumerate(names)
        if signature[name].startswith("*") or name in ROUND
    }
    source = ASTSource(fn=kernel, signature=signature, constexprs=constexprs, attrs=aligned)
    made = triton.compile(source, target=HOPPER)
    return {
        "ptx": made.asm["ptx"],
        "cubin": len(made.asm["cubin"]),
        "shared": made.metadata.shared,
    }


if __name__ == "__main__":
    print(json.dumps({kernel.__name__: compiled(kernel, told) for kernel, told in CONSTANTS}))
