"""Ways to run the same networks faster, one file each; what cannot be on says why and stays off."""

from __future__ import annotations

from collections.abc import Sequence

from phosphene.config import DiffusionConfig
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.sd.accelerate import (
    attention,
    channels_last,
    compiled,
    deepcache,
    exported,
    fused,
    graphed,
    quantized,
    residual,
)
from phosphene.diffusion.sd.clip import TorchTextNet
from phosphene.diffusion.sd.pictures import Pictures
from phosphene.diffusion.sd.unet import Example, Nets
from phosphene.kernels.choose import PLAIN, Operations


def speed_up(
    nets: Nets,
    pictures: Pictures,
    config: DiffusionConfig,
    example: Example,
    operations: Operations,
    live_loras: bool,
    texts: Sequence[TorchTextNet] = (),
) -> None:
    """Switch on what the config asks for: first what changes the networks, then how they are called."""
    if config.fuse_attention:
        _fuse(nets, config, live_loras)
    if config.quantize == "4" or config.quantize == "8":
        say_once(f"quantize {config.quantize} is off: device mlx has it, torch has int8 and fp8.")
    elif config.quantize != "none" and not (
        config.quantize == "int8" and config.runtime == "openvino"
    ):
        quantized.use(nets, config.quantize, example)
    if config.enable_channels_last:
        channels_last.use(nets)
    attention.use(nets, config)
    if operations is not PLAIN:
        residual.use(nets, operations)
    if config.deepcache > 1:
        deepcache.use(nets, config.deepcache)
    frozen = {
        "compile_unet": config.compile_unet,
        "cuda_graph": config.cuda_graph,
        f"runtime {config.runtime}": config.runtime != "torch",
    }
    asked = [name for name, wanted in frozen.items() if wanted]
    obstacle = _obstacle(config, live_loras)
    if asked and obstacle:
        say_once(
            f"{' and '.join(asked)} is off: a network that is fixed once cannot have {obstacle}."
        )
        return
    if config.runtime != "torch" and config.controlnet_id is not None:
        say_once(
            f"runtime {config.runtime} is off: it exports no ControlNet; torch runs the networks."
        )
    elif config.runtime != "torch":
        exported.use(nets, example, config, texts)
        return
    if config.compile_unet:
        compiled.use(nets, example)
    if config.cuda_graph:
        graphed.use(nets, pictures, example, network_name(config))


def network_name(config: DiffusionConfig) -> str:
    """The model with all that is fused into it."""
    loras = [config.lora_id, *(f"{lora.id} {lora.scale:g}" for lora in config.loras)]
    parts = [config.model, config.model_id, config.ip_adapter_id, *loras, config.dtype]
    parts.append(config.quantize)
    return " ".join(part for part in parts if part)


def _fuse(nets: Nets, config: DiffusionConfig, live_loras: bool) -> None:
    others = {
        "live LoRA scales": live_loras,
        "token_merge": bool(config.token_merge),
        "token_mean": config.token_mean,
        "cross_frame": bool(config.cross_frame),
        "attention xformers": config.attention == "xformers",
        "a ControlNet": config.controlnet_id is not None,
        "an IP-Adapter": config.ip_adapter_id is not None,
        "quantize": config.quantize != "none",
        f"runtime {config.runtime}": config.runtime != "torch",
    }
    hindered = [name for name, there in others.items() if there]
    if hindered:
        say_once(f"fuse_attention is off: it cannot be with {' and '.join(hindered)}.")
        return
    fused.use(nets)


def _obstacle(config: DiffusionConfig, live_loras: bool) -> str:
    """What changes from call to call inside the network."""
    if live_loras:
        return "live LoRA scales"
    if config.deepcache > 1:
        return "deepcache"
    return "cross_frame" if config.cross_frame else ""
