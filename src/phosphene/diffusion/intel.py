"""A network in an .onnx file on OpenVINO: Intel's processors, graphics and NPUs, and any x86 or Arm CPU."""

from __future__ import annotations

import importlib.util
import sys
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy.typing as npt

from phosphene.diffusion.runtimes import cache_folder

Feeds = dict[str, npt.NDArray[Any]]
Shapes = tuple[tuple[str, tuple[int, ...]], ...]
KEPT = 4
"""shapes: the one of a show, of its first picture, and two smaller ones"""
INT8_FILE = "int8.xml"
"""weights in 8 bits, beside the .onnx file that they were made from"""


class OpenvinoNet:
    """One network. Raises RuntimeError where it cannot be: the first line says why.

    ``bfloat16`` is what a CPU counts in then, with arrays of float32 in and out.
    Compiled for each shape that it meets, which is faster than a copy that takes any (and that is all an
    NPU has); the latest few are kept.
    """

    def __init__(
        self,
        file: Path,
        device: str = "cpu",
        threads: int | None = None,
        int8: bool = False,
        bfloat16: bool = False,
    ) -> None:
        core = _core()
        self._device, self._core = _device(core, device), core
        self._settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if self._device == "CPU":
            # its own default hangs on the processor
            self._settings["INFERENCE_PRECISION_HINT"] = "bf16" if bfloat16 else "f32"
            if threads is not None:
                self._settings["INFERENCE_NUM_THREADS"] = threads
        else:
            # compiling for these takes minutes
            self._settings["CACHE_DIR"] = str(cache_folder() / "openvino")
        self._file = _in_8_bits(core, file) if int8 else file
        self._requests: OrderedDict[Shapes, Any] = OrderedDict()

    def __call__(self, feeds: Feeds) -> list[npt.NDArray[Any]]:
        """All outputs, good until the next call."""
        shapes = tuple((name, array.shape) for name, array in feeds.items())
        if shapes not in self._requests:
            self._requests[shapes] = self._compile(dict(shapes))
        self._requests.move_to_end(shapes)
        if len(self._requests) > KEPT:
            self._requests.popitem(last=False)
        request = self._requests[shapes]
        # one input may have several names
        names = set().union(*(put.get_names() for put in request.model_inputs))
        # arrays are read where they are, names that a network has no use for are dropped
        request.infer(
            {name: array for name, array in feeds.items() if name in names},
            share_inputs=True,
        )
        return [request.get_output_tensor(i).data for i in range(len(request.model_outputs))]

    def _compile(self, shapes: dict[str, tuple[int, ...]]) -> Any:
        model = self._core.read_model(str(self._file))
        names = set().union(*(put.get_names() for put in model.inputs))
        model.reshape({name: list(shape) for name, shape in shapes.items() if name in names})
        return self._core.compile_model(model, self._device, self._settings).create_infer_request()


def _core() -> Any:
    if importlib.util.find_spec("openvino") is None:
        raise RuntimeError("it needs the package openvino (pip install 'phosphene[openvino]')")
    return _the_core()


@lru_cache(maxsize=1)
def _the_core() -> Any:
    """One for the whole process, never let go.

    With the last one goes the library of the processor, and with that the stack on which a thread that used
    it hears signals: Ctrl-C would end the process at once, in the midst of what it writes (OpenVINO 2026.4,
    where the processor has AMX).
    """
    # it reports its own import, and there is no variable against that: without this package, which does
    # nothing else, it and nncf take a stub
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core()


def _device(core: Any, asked: str) -> str:
    """OpenVINO's name of a device."""
    wanted = asked.upper()
    # more than one are numbered
    found = [name for name in core.available_devices if name.split(".")[0] == wanted]
    if not found:
        there = ", ".join(name.lower() for name in core.available_devices)
        raise RuntimeError(f"OpenVINO finds no {asked} here, only {there}: set openvino_device")
    return str(found[0])


def _in_8_bits(core: Any, file: Path) -> Path:
    """The same network with its matrices in 8 bits, made once."""
    packed = file.with_name(INT8_FILE)
    if not packed.is_file():
        if importlib.util.find_spec("nncf") is None:
            raise RuntimeError("quantize int8 needs the package nncf (pip install nncf)")
        import nncf
        import openvino

        model = nncf.compress_weights(
            core.read_model(str(file)), mode=nncf.CompressWeightsMode.INT8_ASYM
        )
        openvino.save_model(model, str(packed), compress_to_fp16=False)
    return packed
