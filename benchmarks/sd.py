"""What each way to run Stable Diffusion costs on this machine: real architectures, random weights.

    python benchmarks/sd.py                         every row, 256x256, SD 1.5's architecture
    python benchmarks/sd.py --rows plain deepcache --size 512 --device cuda
    python benchmarks/sd.py --arch sdxl --device cuda
    python benchmarks/sd.py --arch sd-turbo --rows plain "full autoencoder"     SDXS: --arch sdxs
    python benchmarks/sd.py --arch sdxl --count     multiplications and weights only, in a few seconds

Writes a checkpoint tree once (2 GB for SD 1.5, 7 GB for SDXL), then measures every row in a process of its
own, so that the peak memory is the row's. On a CPU the times are CPU seconds of one thread, which other
work on the machine hardly changes; divide by what your cores give. ``--width 0.5``
halves the channels of the U-Net, for machines with little memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

ROWS: dict[str, dict[str, Any]] = {
    "plain": {},
    "full autoencoder": {"use_tiny_vae": False},
    "channels-last": {"enable_channels_last": True},
    "compile": {"compile_unet": True},
    "compile + channels-last": {"compile_unet": True, "enable_channels_last": True},
    "cuda graph": {"cuda_graph": True},
    "xformers": {"attention": "xformers"},
    "int8": {"quantize": "int8"},
    "fp8": {"quantize": "fp8"},
    "token merge 0.5": {"token_merge": 0.5},
    "deepcache 2": {"deepcache": 2},
    "deepcache 4": {"deepcache": 4},
    "cross-frame 1": {"cross_frame": 1, "cross_frame_interval": 4},
    "onnx": {"runtime": "onnx"},
    "tensorrt": {"runtime": "tensorrt"},
    "upscaler x4": {"upscaler_id": "upscaler.safetensors"},
}

GPU_TREES = ("sd-turbo", "sdxs")
"""architectures that the race on GPUs makes as well"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--arch", choices=["sd15", "sdxl", *GPU_TREES], default="sd15")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument(
        "--tree", type=Path, help="keep the checkpoint here, and use it if it is there"
    )
    parser.add_argument("--count", action="store_true", help="count multiplications, time nothing")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.count and args.arch in GPU_TREES:
        parser.error("--count knows sd15 and sdxl.")
    if args.count:
        print(count(args.arch, args.size))
        return
    if args.one:
        print(json.dumps(measure(args, ROWS[args.one])))
        return
    with tempfile.TemporaryDirectory() as temporary:
        args.tree = args.tree or Path(temporary) / "tree"
        if args.arch in GPU_TREES:
            from gpu.networks import make_tree as make_gpu_tree

            make_gpu_tree(args.tree, args.arch, False)
        elif not (args.tree / "model_index.json").is_file():
            make_tree(args.tree, args.arch, args.width)
        print(
            "| row | prompt | encode | U-Net | decode | peak memory | load |\n|---|---|---|---|---|---|---|"
        )
        for row in args.rows:
            command = [
                sys.executable,
                __file__,
                *sys.argv[1:],
                "--tree",
                str(args.tree),
                "--one",
                row,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            print(line(row, done), flush=True)


def line(row: str, done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        return f"| {row} | failed: {done.stderr.strip().splitlines()[-1][:120]} |"
    # that SDXS follows no pictures has nothing to do with time
    said = [text for text in done.stderr.splitlines() if "strength is off" not in text]
    off = [text for text in said if " is off" in text]
    if off:
        return f"| {row} | off: {off[0].split('WARNING')[-1].strip()} |"
    told = json.loads(done.stdout.strip().splitlines()[-1])
    times = " | ".join(f"{told[name]:.0f} ms" for name in ("prompt", "encode", "unet", "decode"))
    return f"| {row} | {times} | {told['memory']:.0f} MB | {told['load']:.0f} s |"


def measure(args: argparse.Namespace, settings: dict[str, Any]) -> dict[str, float]:
    import logging

    import numpy as np
    import torch

    from phosphene.config import DiffusionConfig, InferenceConfig
    from phosphene.diffusion.registry import pipeline_class
    from phosphene.stream.conditioning import Context

    logging.basicConfig(level=logging.WARNING)
    clock = time.process_time if args.device == "cpu" else time.perf_counter
    if "upscaler_id" in settings:
        settings = {"upscaler_id": str(write_upscaler(args.tree))}
    began = clock()
    threads = 1 if args.device == "cpu" else None
    if args.device == "cpu":
        # the same on every machine, and onnx has nothing else
        settings = {"dtype": "float32"} | settings
    config = DiffusionConfig(model=str(args.tree), device=args.device, threads=threads, **settings)
    model = pipeline_class(config.model)(config, InferenceConfig(height=args.size, width=args.size))
    load = clock() - began
    frame = np.random.default_rng(0).integers(0, 256, (1, args.size, args.size, 3), np.uint8)
    latents = model.encode_image(frame)
    embeds = model.encode_prompt("crimson and gold mandala")
    times = torch.tensor([500.0], device=latents.device)
    context = Context(previous=latents)
    texts = iter(range(10**6))

    def median(call: Callable[[], object], runs: int) -> float:
        call()
        took = []
        for _ in range(runs):
            start = clock()
            call()
            if args.device == "cuda":
                torch.cuda.synchronize()
            took.append(clock() - start)
        # the mean tells what a row costs whose calls differ, as deepcache's do
        return 1e3 * (
            statistics.mean(took) if settings.get("deepcache") else statistics.median(took)
        )

    told = {
        "prompt": median(lambda: model.encode_prompt(f"a red cat {next(texts)}"), 3),
        "encode": median(lambda: model.encode_image(frame), 3),
        "unet": median(lambda: model.denoise(latents, times, embeds, context), args.runs),
        "decode": median(lambda: model.decode(latents), 3),
        "load": load,
    }
    if args.device == "cuda":
        return told | {"memory": torch.cuda.max_memory_allocated() / 1e6}
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told | {"memory": kilobytes * 1024 / 1e6}


def architecture(arch: str, width: float = 1.0) -> dict[str, Any]:
    """The published networks of SD 1.5 or SDXL by part, freshly made on torch's current device."""
    import diffusers
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    def text(hidden: int, layers: int, heads: int, act: str, kind: Any = CLIPTextModel) -> Any:
        config = CLIPTextConfig(
            hidden_size=hidden,
            intermediate_size=4 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            hidden_act=act,
            projection_dim=hidden,
            vocab_size=49408,
            eos_token_id=2,
        )
        return kind(config)

    def channels(*counts: int) -> tuple[int, ...]:
        return tuple(int(count * width) // 64 * 64 for count in counts)

    large = arch == "sdxl"
    settings: dict[str, Any] = {
        "sample_size": 128 if large else 64,
        "cross_attention_dim": 2048 if large else 768,
        "attention_head_dim": (5, 10, 20) if large else 8,
        "block_out_channels": channels(320, 640, 1280) if large else channels(320, 640, 1280, 1280),
    }
    if large:
        settings |= {
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2, 10),
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        }
    nets = {
        "unet": diffusers.UNet2DConditionModel(**settings),
        "text_encoder": text(768, 12, 12, "quick_gelu"),
        "vae": diffusers.AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            sample_size=512,
        ),
        "taesdxl" if large else "taesd": diffusers.AutoencoderTiny(),
    }
    if large:
        nets["text_encoder_2"] = text(1280, 32, 20, "gelu", CLIPTextModelWithProjection)
    return nets


def make_tree(folder: Path, arch: str, width: float) -> None:
    """Random weights of the published architectures, float16, in diffusers' layout."""
    import diffusers
    import torch

    torch.manual_seed(0)
    # made in half precision: SDXL would take 14 GB in full
    torch.set_default_dtype(torch.float16)
    nets = architecture(arch, width)
    torch.set_default_dtype(torch.float32)
    for part, net in nets.items():
        net.save_pretrained(folder / part, safe_serialization=True)
    kinds = {name: type(nets[name]).__name__ for name in nets if not name.startswith("taesd")}
    index = {
        name: ["transformers" if name.startswith("text") else "diffusers", kind]
        for name, kind in kinds.items()
    }
    for encoder in [name for name in nets if name.startswith("text")]:
        tokenizer = encoder.replace("text_encoder", "tokenizer")
        write_tokenizer(folder / tokenizer)
        index[tokenizer] = ["transformers", "CLIPTokenizer"]
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        timestep_spacing="trailing",
        steps_offset=1,
    )
    scheduler.save_pretrained(folder / "scheduler")
    index["scheduler"] = ["diffusers", "EulerDiscreteScheduler"]
    large = arch == "sdxl"
    pipeline = "StableDiffusionXLPipeline" if large else "StableDiffusionPipeline"
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline, **index}))


def upscaler() -> Any:
    """The body of realesr-general-x4v3, freshly made on torch's current device."""
    import torch

    layers: list[Any] = [torch.nn.Conv2d(3, 64, 3, padding=1), torch.nn.PReLU(64)]
    for _ in range(32):
        layers += [torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.PReLU(64)]
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(64, 48, 3, padding=1))


def write_upscaler(folder: Path) -> Path:
    from safetensors.torch import save_file

    file = folder / "upscaler.safetensors"
    save_file({f"body.{name}": value for name, value in upscaler().state_dict().items()}, file)
    return file


def count(arch: str, size: int) -> str:
    """Multiplications and weights of every stage, counted on tensors without memory."""
    import diffusers
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from phosphene.config import DiffusionConfig
    from phosphene.diffusion.sd.accelerate import attention, deepcache
    from phosphene.diffusion.sd.unet import Nets, UnetInputs

    def cost(call: Callable[[], object], calls: int = 1) -> float:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            for _ in range(calls):
                call()
        return float(counter.get_total_flops()) / calls / 2e9

    def weights(net: Any) -> float:
        return float(sum(weight.numel() for weight in net.parameters())) * 2 / 1e6

    def unet(**flags: Any) -> float:
        nets = Nets.plain(architecture(arch)["unet"], None)
        config = DiffusionConfig(**flags)
        attention.use(nets, config)
        if config.deepcache > 1:
            deepcache.use(nets, config.deepcache)
        side, large = size // 8, arch == "sdxl"
        given = UnetInputs(
            latents=torch.empty((1, 4, side, side)),
            timesteps=torch.empty((1,)),
            embeds=torch.empty((1, 77, 2048 if large else 768)),
            pooled=torch.empty((1, 1280)) if large else None,
            time_ids=torch.empty((1, 6)) if large else None,
        )
        # the first calls fill what later ones look at
        warm = 0 if config.deepcache > 1 else 2
        for _ in range(warm):
            nets.run(given, nets_owner, fresh=False)
        return cost(lambda: nets.run(given, nets_owner, fresh=False), config.deepcache)

    class Owner:
        """A stream."""

    nets_owner = Owner()
    with torch.device("meta"):
        nets = architecture(arch)
        tiny = nets["taesdxl" if arch == "sdxl" else "taesd"]
        pixels = torch.empty((1, 3, size, size))
        latents = torch.empty((1, 4, size // 8, size // 8))
        tokens = torch.zeros((1, 77), dtype=torch.long)
        enlarge = upscaler()
        control = diffusers.ControlNetModel.from_unet(nets["unet"])
        told: dict[str, Any] = {"encoder_hidden_states": torch.empty((1, 77, 768))}
        if arch == "sdxl":
            told["encoder_hidden_states"] = torch.empty((1, 77, 2048))
            told["added_cond_kwargs"] = {
                "text_embeds": torch.empty((1, 1280)),
                "time_ids": torch.empty((1, 6)),
            }
        texts = [nets[name] for name in nets if name.startswith("text")]
        rows = [
            (
                "prompt (once)",
                sum(cost(lambda net=net: net(tokens)) for net in texts),
                sum(map(weights, texts)),
            ),
            ("encode, tiny", cost(lambda: tiny.encode(pixels)), weights(tiny.encoder)),
            (
                "encode, full",
                cost(lambda: nets["vae"].encode(pixels)),
                weights(nets["vae"].encoder),
            ),
            ("U-Net", unet(), weights(nets["unet"])),
            ("U-Net, token merge 0.5", unet(token_merge=0.5), 0.0),
            ("U-Net, deepcache 2, mean", unet(deepcache=2), 0.0),
            ("U-Net, deepcache 4, mean", unet(deepcache=4), 0.0),
            ("U-Net, cross-frame 1", unet(cross_frame=1, cross_frame_interval=1), 0.0),
            ("decode, tiny", cost(lambda: tiny.decode(latents)), weights(tiny.decoder)),
            (
                "decode, full",
                cost(lambda: nets["vae"].decode(latents)),
                weights(nets["vae"].decoder),
            ),
            (
                "ControlNet",
                cost(lambda: control(latents, 500, controlnet_cond=pixels, **told)),
                weights(control),
            ),
            ("upscaler x4", cost(lambda: enlarge(pixels)), weights(enlarge)),
        ]
    lines = [
        f"{arch} at {size}x{size}:",
        "| stage | G multiply-adds | float16 weights |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {work:.0f} | {f'{megabytes:.0f} MB' if megabytes else ''} |"
        for name, work, megabytes in rows
    ]
    return "\n".join(lines)


def write_tokenizer(folder: Path) -> None:
    """CLIP's byte-level alphabet without merges: as many numbers to compute as with them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable] + [
        chr(256 + i) for i in range(256 - len(printable))
    ]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    settings = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    main()
