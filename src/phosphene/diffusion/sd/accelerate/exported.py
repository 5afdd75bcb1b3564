"""U-Net and autoencoder exported to ONNX and run with ONNX Runtime or OpenVINO; text encoders with that.

An export is kept under the user's cache, by a fingerprint of the weights and of what made it: a LoRA,
another version or another number format gives another file. Batch and size stay free.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phosphene.config import DiffusionConfig
from phosphene.diffusion import runtimes
from phosphene.diffusion.checkpoints.device import counts_in_bfloat16
from phosphene.diffusion.intel import OpenvinoNet
from phosphene.diffusion.notices import first_line, say_once
from phosphene.diffusion.sd.clip import TorchTextNet
from phosphene.diffusion.sd.unet import (
    Example,
    Nets,
    PictureCall,
    UnetCall,
    UnetInputs,
    call_of,
    decoder_of,
    encoder_of,
)

if TYPE_CHECKING:
    import torch

OPSET = 17
SAMPLES = 16
"""numbers of each tensor that make a fingerprint"""
FREE = {"latents": (0, 2, 3), "pixels": (0, 2, 3), "pictures": (0, 1)}
"""axes that may change; of all other inputs the first"""


Run = Callable[[dict[str, "torch.Tensor"], Sequence[int]], "torch.Tensor"]
"""inputs by name and the shape of what comes out -> that"""


@dataclass(frozen=True)
class Runner:
    """What exported networks are to run on."""

    config: DiffusionConfig
    name: str
    """onnx, tensorrt or openvino"""
    providers: list[str]
    """of ONNX Runtime"""

    def open(self, file: Path) -> Run:
        """The network in an exported file."""
        threads = self.config.threads
        if self.name == "openvino":
            return partial(_infer, self.openvino(file, counts_in_bfloat16(self.config)))
        return partial(_run, _session(file, threads, self.providers))

    def openvino(self, file: Path, bfloat16: bool = False) -> OpenvinoNet:
        config = self.config
        int8 = config.quantize == "int8"
        return OpenvinoNet(file, config.openvino_device, config.threads, int8, bfloat16)


@dataclass(frozen=True)
class Ways:
    """The calls of :class:`Nets`, exported."""

    call: UnetCall
    encode: PictureCall
    decode: PictureCall


def use(
    nets: Nets, example: Example, config: DiffusionConfig, texts: Sequence[TorchTextNet] = ()
) -> None:
    """Export what is not exported yet, and run it from now on; plain torch where that fails."""
    import torch

    name: str = config.runtime
    if name == "auto":
        name = _pick(nets, example, config)
        if name == "torch":
            return
    try:
        ways = _build(nets, example, config, name)
        nets.rehearse(ways.call, example(1))
    except Exception as error:
        say_once(f"runtime {name} is off, torch runs the networks: {first_line(error)}.")
        return
    nets.call, nets.encode, nets.decode = ways.call, ways.encode, ways.decode
    for net in (nets.unet, nets.vae):
        # only their configs are asked from now on; the weights would be in memory twice
        torch.nn.Module.to(net, "meta")
    if name == "openvino":
        for index, text in enumerate(texts):
            _export_text(text, index, Runner(config, name, []))


def _pick(nets: Nets, example: Example, config: DiffusionConfig) -> str:
    """The fastest of torch, ONNX Runtime and OpenVINO, by the U-Net's call at the configured size."""
    import torch

    given = example(1)
    if given.latents.device.type != "cpu":
        say_once(
            f"runtime auto: torch draws, on {given.latents.device.type} nothing else is tried."
        )
        return "torch"
    if given.latents.dtype == torch.bfloat16:
        say_once(
            "runtime auto: torch draws, in bfloat16, which ONNX Runtime does not count in; OpenVINO does, and"
            " was faster where it was measured: pip install 'phosphene[openvino]'."
        )
        return "torch"

    def exported(name: str) -> Callable[[], object]:
        call = _build(nets, example, config, name).call
        return lambda: nets.rehearse(call, given)

    ways: dict[str, Callable[[], Callable[[], object]]] = {
        "torch": lambda: lambda: nets.rehearse(nets.call, given),
        "onnx": lambda: exported("onnx"),
    }
    if importlib.util.find_spec("openvino") is not None:
        ways["openvino"] = lambda: exported("openvino")
    told = fingerprint(nets.unet, "unet", given.tensors())
    parts = [
        told,
        *map(str, given.latents.shape),
        str(config.threads),
        config.openvino_device,
        config.quantize,
        "bfloat16" if counts_in_bfloat16(config) else "float32",
    ]
    return runtimes.fastest(" ".join(parts), ways)


def _build(nets: Nets, example: Example, config: DiffusionConfig, name: str) -> Ways:
    import torch

    given = example(1)
    place = given.latents.device
    if given.latents.dtype == torch.bfloat16:
        raise RuntimeError("ONNX takes float32 or float16, not bfloat16")
    if name == "openvino" and place.type != "cpu":
        raise RuntimeError("OpenVINO takes arrays from the cpu: choose device cpu")
    providers = [] if name == "openvino" else _providers(place, name == "tensorrt")
    runner = Runner(config, name, providers)
    call = _unet(nets, given, runner)
    size = given.latents.shape[2:]
    vae_type = next(nets.vae.parameters()).dtype
    pixels = torch.zeros((1, 3, 8 * size[0], 8 * size[1]), dtype=vae_type, device=place)
    encode = _picture(encoder_of(nets.vae), nets.vae, "encoder", "pixels", pixels, runner)
    latents = given.latents.to(vae_type)
    decode = _picture(decoder_of(nets.vae), nets.vae, "decoder", "latents", latents, runner)
    return Ways(call, encode, decode)


def _export_text(text: TorchTextNet, index: int, runner: Runner) -> None:
    """Let a text encoder run on OpenVINO; torch's stays where that fails."""
    import torch

    example = {"ids": torch.zeros((1, text.rows), dtype=torch.int64)}

    def outputs(ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        states, pooled = text.read(ids)
        return (states,) if pooled is None else (states, pooled)

    try:
        net = runner.openvino(_exported(outputs, text.encoder, f"text{index}", example))

        def read(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
            found = [torch.from_numpy(each.copy()) for each in net({"ids": ids.numpy()})]
            return found[0], found[1] if len(found) > 1 else None

        read(example["ids"])
    except Exception as error:
        say_once(f"runtime openvino is off for a text encoder, torch runs it: {first_line(error)}.")
        return
    text.read = read
    torch.nn.Module.to(text.encoder, "meta")


def _providers(device: torch.device, tensorrt: bool) -> list[str]:
    """Providers to run with, best first. Raises RuntimeError where the one asked for is missing."""
    import onnxruntime

    wanted = ["CPUExecutionProvider"]
    if device.type == "cuda":
        wanted = ["CUDAExecutionProvider"]
    if tensorrt:
        wanted = ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
    missing = [each for each in wanted if each not in onnxruntime.get_available_providers()]
    if missing:
        raise RuntimeError(
            f"ONNX Runtime has no {missing[0]} here (pip install onnxruntime-gpu, with an NVIDIA GPU)"
        )
    return wanted


def _unet(nets: Nets, given: UnetInputs, runner: Runner) -> UnetCall:
    names = list(given.tensors())

    def traced(*tensors: torch.Tensor) -> torch.Tensor:
        return call_of(nets.unet)(UnetInputs.of(dict(zip(names, tensors, strict=True))))

    run = runner.open(_exported(traced, nets.unet, "unet", given.tensors()))

    def call(now: UnetInputs) -> torch.Tensor:
        return run(now.tensors(), now.latents.shape)

    return call


def _picture(
    function: Any, vae: Any, part: str, name: str, example: torch.Tensor, runner: Runner
) -> Any:
    run = runner.open(_exported(function, vae, part, {name: example}))
    factor = 2 ** (len(vae.config.block_out_channels) - 1)

    def call(now: torch.Tensor) -> torch.Tensor:
        batch, _, height, width = now.shape
        if part == "encoder":
            shape = (batch, vae.config.latent_channels, height // factor, width // factor)
        else:
            shape = (batch, 3, height * factor, width * factor)
        return run({name: now}, shape)

    return call


def _exported(
    function: Any, net: torch.nn.Module, part: str, inputs: dict[str, torch.Tensor]
) -> Path:
    """The .onnx file of ``function``, made if it was not before."""
    folder = cache_folder() / fingerprint(net, part, inputs)
    if not (folder / "net.onnx").is_file():
        _export(function, net, inputs, folder)
    return folder / "net.onnx"


def _session(file: Path, threads: int | None, providers: list[str]) -> Any:
    """An ONNX Runtime session."""
    import onnxruntime

    # of what the switch in phosphene.quiet might leave on
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    # 0 is ONNX Runtime's own choice
    options.intra_op_num_threads = threads or 0
    # left spinning after a call, its threads take the cores from the next network
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(file), options, providers=providers)


def cache_folder() -> Path:
    """Where exports are kept."""
    return runtimes.cache_folder() / "onnx"


def fingerprint(net: torch.nn.Module, part: str, inputs: dict[str, torch.Tensor]) -> str:
    """Digest of a network's weights (some of every tensor), inputs and the versions that export it."""
    import diffusers
    import torch

    told = [part, torch.__version__, diffusers.__version__, str(OPSET), type(net).__name__]
    told += [f"{name} {tensor.dtype} {tensor.ndim}" for name, tensor in inputs.items()]
    digest = hashlib.sha256("\n".join(told).encode())
    for name, weight in net.named_parameters():
        flat = weight.detach().reshape(-1)
        some = flat[:: max(1, len(flat) // SAMPLES)].float().cpu().numpy()
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode() + some.tobytes())
    return f"{part}-{digest.hexdigest()[:20]}"


def _export(
    function: Any, net: torch.nn.Module, inputs: dict[str, torch.Tensor], folder: Path
) -> None:
    """Write ``net.onnx``, and its weights beside it where they are large: all of it or nothing."""
    import torch

    class Traced(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = function(*tensors)
            return result

    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        with torch.no_grad():
            torch.onnx.export(
                Traced().eval(),
                tuple(inputs.values()),
                str(part / "net.onnx"),
                input_names=list(inputs),
                output_names=["out", "more"][: _count(function, inputs)],
                dynamic_axes={
                    name: {
                        axis: f"{name}{axis}" if axis else "batch" for axis in FREE.get(name, (0,))
                    }
                    for name in inputs
                },
                opset_version=OPSET,
                # the newer exporter needs one package more and fixes the sizes of U-Nets
                dynamo=False,
            )
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _count(function: Any, inputs: dict[str, torch.Tensor]) -> int:
    """How many tensors a function gives; most give one."""
    import torch

    if "ids" not in inputs:
        return 1
    with torch.no_grad():
        return len(function(*inputs.values()))


def _infer(net: OpenvinoNet, inputs: dict[str, torch.Tensor], shape: Any) -> torch.Tensor:
    """Run on the tensors' own memory; the result has ``shape``, and memory of its own."""
    import torch

    feeds = {name: tensor.contiguous().numpy() for name, tensor in inputs.items()}
    return torch.from_numpy(net(feeds)[0].copy()).reshape(tuple(shape))


def _run(session: Any, inputs: dict[str, torch.Tensor], shape: Any) -> torch.Tensor:
    """Run on the tensors' own memory, on any device; the result has ``shape``."""
    import numpy as np
    import torch

    kinds = {torch.float32: np.float32, torch.float16: np.float16}
    binding = session.io_binding()
    # a binding holds addresses only: these must live until it has run
    held = {name: tensor.contiguous() for name, tensor in inputs.items()}
    first = next(iter(held.values()))
    out = torch.empty(tuple(shape), dtype=first.dtype, device=first.device)
    place = (first.device.type, first.device.index or 0)
    for name, tensor in held.items():
        kind, size = kinds[tensor.dtype], tuple(tensor.shape)
        binding.bind_input(name, *place, kind, size, tensor.data_ptr())
    binding.bind_output("out", *place, kinds[out.dtype], tuple(out.shape), out.data_ptr())
    if first.device.type == "cuda":
        torch.cuda.current_stream().synchronize()
    session.run_with_iobinding(binding)
    return out
