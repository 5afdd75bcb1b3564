"""What the transformers cost at their real sizes: random weights, stage by stage, nothing downloaded.

    python benchmarks/real_sizes.py                                     all stages, 512x512, on this processor
    python benchmarks/real_sizes.py --models sana-sprint-0.6b --size 1024
    python benchmarks/real_sizes.py --cells                             FLUX.2's cell_cache, by share of cells
    python benchmarks/real_sizes.py --device cuda --dtype bfloat16 --repeat 20

A stage has a process of its own. Layers that are alike share one set of numbers, since time hangs on their
shapes alone: so 4 billion numbers are timed at their full depth in little memory (``--whole`` makes all).
Memory is stated as what the whole weights take in 16 bits, and as what a call takes on top of them here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

KLEIN = {
    "num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "attention_head_dim": 128,
    "joint_attention_dim": 7680, "guidance_embeds": False,
}  # fmt: skip
QWEN = {
    "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
}  # fmt: skip
GEMMA = {
    "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26, "num_attention_heads": 8,
    "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 256000,
}  # fmt: skip
SANA = {
    "in_channels": 32, "out_channels": 32, "caption_channels": 2304, "mlp_ratio": 2.5, "patch_size": 1,
    "qk_norm": "rms_norm_across_heads", "guidance_embeds": True, "attention_head_dim": 32,
}  # fmt: skip
SPRINT = {
    "sana-sprint-0.6b": {"num_layers": 28, "num_attention_heads": 36, "num_cross_attention_heads": 16,
                         "cross_attention_head_dim": 72, "cross_attention_dim": 1152},
    "sana-sprint-1.6b": {"num_layers": 20, "num_attention_heads": 70, "num_cross_attention_heads": 20,
                         "cross_attention_head_dim": 112, "cross_attention_dim": 2240},
}  # fmt: skip
DEEP = ("ResBlock",) * 3 + ("EfficientViTBlock",) * 3
SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass
class Stage:
    """A network on torch's current device, and its calls by name, given a tensor to be like."""

    net: Any
    calls: dict[str, Callable[[Any, Any], object]]
    alike: list[Any] = field(default_factory=list)
    """lists of layers of one shape"""


def flux2_text(size: int) -> Stage:
    from transformers import Qwen3Config, Qwen3Model

    net = Qwen3Model(Qwen3Config(**QWEN))
    return Stage(net, {"prompt (once)": lambda n, like: read(n, like, 512)}, [net.layers])


def sana_text(size: int) -> Stage:
    from transformers import Gemma2Config, Gemma2Model

    net = Gemma2Model(Gemma2Config(**GEMMA))
    # the instruction that its authors put before a prompt is read as well
    return Stage(net, {"prompt (once)": lambda n, like: read(n, like, 500)}, [net.layers])


def read(net: Any, like: Any, tokens: int) -> object:
    import torch

    ids = torch.ones((1, tokens), dtype=torch.long, device=like.device)
    return net(input_ids=ids, output_hidden_states=True, use_cache=False)


def flux2_transformer(size: int, **less: int) -> Stage:
    from diffusers import Flux2Transformer2DModel

    net = Flux2Transformer2DModel(**KLEIN | less)
    return Stage(
        net,
        {"a step": lambda n, like: n(**flux2_inputs(like, size // 16, size // 16))},
        [net.transformer_blocks, net.single_transformer_blocks],
    )


def flux2_inputs(like: Any, height: int, width: int) -> dict[str, Any]:
    import torch

    from phosphene.diffusion.dit.flux2 import _ids, _text_ids

    return {
        "hidden_states": torch.randn((1, height * width, 128)).to(like),
        "img_ids": _ids(height, width, 0, like.device),
        "encoder_hidden_states": torch.randn((1, 512, 7680)).to(like),
        "txt_ids": _text_ids(512, like.device),
        "timestep": torch.full((1,), 0.6, device=like.device),
    }


def sana_transformer(name: str) -> Callable[[int], Stage]:
    def make(size: int) -> Stage:
        import torch
        from diffusers import SanaTransformer2DModel

        net = SanaTransformer2DModel(**SANA | SPRINT[name])
        side = size // 32

        def step(n: Any, like: Any) -> object:
            one = torch.ones((1,), device=like.device)
            return n(
                torch.randn((1, 32, side, side)).to(like),
                encoder_hidden_states=torch.randn((1, 300, 2304)).to(like),
                timestep=one,
                guidance=one.to(like),
            )

        return Stage(net, {"a step": step}, [net.transformer_blocks])

    return make


def coder(make: Callable[[], Any], channels: int, factor: int) -> Callable[[int], Stage]:
    """An autoencoder's two ways."""

    def made(size: int) -> Stage:
        import torch

        side = size // factor
        return Stage(
            make(),
            {
                "encode": lambda n, like: n.encode(torch.randn((1, 3, size, size)).to(like)),
                "decode": lambda n, like: n.decode(torch.randn((1, channels, side, side)).to(like)),
            },
        )

    return made


def flux2_vae() -> Any:
    from diffusers import AutoencoderKLFlux2

    return AutoencoderKLFlux2()


def taef2() -> Any:
    # without the branch in the middle blocks, which diffusers has not
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(latent_channels=32)


def dc_ae() -> Any:
    from diffusers import AutoencoderDC

    return AutoencoderDC(
        encoder_block_types=DEEP, decoder_block_types=DEEP, downsample_block_type="conv",
        upsample_block_type="interpolate",
    )  # fmt: skip


def sprint(name: str) -> dict[str, Callable[[int], Stage]]:
    return {
        "text encoder": sana_text,
        "transformer": sana_transformer(name),
        "autoencoder": coder(dc_ae, 32, 32),
    }


MODELS: dict[str, dict[str, Callable[[int], Stage]]] = {
    "flux2-klein-4b": {
        "text encoder": flux2_text,
        "transformer": flux2_transformer,
        "autoencoder": coder(flux2_vae, 32, 8),
        "tiny autoencoder": coder(taef2, 32, 8),
    },
    **{name: sprint(name) for name in SPRINT},
}


def numbers(net: Any) -> int:
    return sum(each.numel() for each in net.parameters())


def built(stage: Stage, device: str, dtype: Any, whole: bool) -> Any:
    """The network with random numbers, where it runs."""
    import torch
    from wan import fill

    if not whole:
        for layers in stage.alike:
            for i in range(1, len(layers)):
                layers[i] = layers[0]
    net = stage.net.to_empty(device=device).to(dtype).eval().requires_grad_(False)
    for each in net.parameters():
        fill(each, each.shape[-1] ** -0.5 if each.ndim > 1 else 1.0)
    for each in net.buffers():
        if each.is_floating_point():
            each.fill_(1.0)
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    return net


def on_meta(make: Callable[[int], Stage], size: int, dtype: Any) -> Stage:
    import torch

    torch.set_default_dtype(dtype)
    with torch.device("meta"):
        stage = make(size)
    torch.set_default_dtype(torch.float32)
    return stage


def peak() -> int:
    """Most memory of this process so far, bytes."""
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(each for each in text.splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of one stage."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model, part = args.one.split("/")
    dtype = getattr(torch, args.dtype)
    stage = on_meta(MODELS[model][part], args.size, dtype)
    count = numbers(stage.net)
    net = built(stage, args.device, dtype, args.whole)
    cuda = args.device.startswith("cuda")
    like = next(net.parameters())[:0]
    rows = []
    for name, call in stage.calls.items():
        before = torch.cuda.memory_allocated() if cuda else peak()
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            if args.repeat > 1:
                call(net, like)
            work = counter.get_total_flops()
            took = [timed(lambda c=call: c(net, like), cuda) for _ in range(args.repeat)]
        work = work or counter.get_total_flops() / args.repeat
        most = torch.cuda.max_memory_allocated() if cuda else peak()
        seconds, busy = sorted(took)[len(took) // 2]
        found = {"model": model, "stage": f"{part}: {name}", "numbers": count, "work": work / 2}
        rows.append(found | {"seconds": seconds, "processor": busy, "on_top": most - before})
    return rows


def timed(work: Callable[[], object], cuda: bool) -> tuple[float, float]:
    import torch

    began, busy = time.perf_counter(), time.process_time()
    work()
    if cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began, time.process_time() - busy


def cells(args: argparse.Namespace) -> None:
    """FLUX.2's calls with a cell cache, by share of the cells that are drawn."""
    import torch

    from phosphene.diffusion.dit.cells import CellCache, Given
    from phosphene.diffusion.dit.flux2 import _text_ids

    dtype = getattr(torch, args.dtype)
    # layers are alike in what they cost: a fifth of them has the same shares
    less = {"num_layers": 1, "num_single_layers": 4} if args.fifth else {}
    stage = on_meta(lambda size: flux2_transformer(size, **less), args.size, dtype)
    # a layer keeps what is its own, so none is shared
    net = built(stage, args.device, dtype, True)
    side = args.size // 16
    told = flux2_inputs(next(net.parameters()), side, side)

    def forward(given: Given) -> Any:
        return net(
            hidden_states=given.tokens, img_ids=given.ids, encoder_hidden_states=given.embeds,
            txt_ids=_text_ids(given.embeds.shape[1], given.tokens.device), timestep=given.times,
            return_dict=False,
        )[0]  # fmt: skip

    given = Given(
        told["hidden_states"], told["img_ids"], told["encoder_hidden_states"], told["timestep"],
        (side, side),
    )  # fmt: skip
    cuda = args.device.startswith("cuda")
    print("| cells drawn | seconds | processor seconds | of a call without it |\n|---|---|---|---|")
    with torch.inference_mode():
        plain = timed(lambda: forward(given), cuda)
        print(f"| all, without | {plain[0]:.2f} | {plain[1]:.2f} | 1 |", flush=True)
        cache = CellCache(net, 10**6)
        first = timed(lambda: cache(cache, given, forward, (), False), cuda)
        row("all, and kept", first, plain)
        [kept] = cache._streams[cache].values()
        for share in SHARES[1:-1]:
            drawn = torch.arange(round(share * side * side), device=given.tokens.device)
            took = timed(lambda d=drawn: cache._draw(kept, given, d, forward), cuda)
            row(f"{100 * share:.0f} %", took, plain)
        row("none", timed(lambda: cache(cache, given, forward, (), False), cuda), plain)
    held = sum(each.numel() * each.element_size() for each in (*kept.keys, *kept.values))
    print(f"kept: {held / 1e6:.0f} MB a step at {args.size}x{args.size} in {args.dtype}")


def row(name: str, took: tuple[float, float], plain: tuple[float, float]) -> None:
    print(f"| {name} | {took[0]:.2f} | {took[1]:.2f} | {took[1] / plain[1]:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--parts", nargs="+", help="text encoder, transformer, ...: of each")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="every layer has its own numbers")
    parser.add_argument("--cells", action="store_true", help="FLUX.2's cell_cache")
    parser.add_argument("--fifth", action="store_true", help="of it a fifth of the layers")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cells:
        cells(args)
        return
    if args.one:
        print(json.dumps(measure(args)))
        return
    print(f"{args.size}x{args.size}, {args.dtype} on {args.device}, load {os.getloadavg()[0]:.1f}")
    print(
        "| model | stage | numbers | in 16 bits | 10^9 multiply-adds | seconds | processor seconds | on top |"
        "\n|---|---|---|---|---|---|---|---|"
    )
    for model in args.models:
        for part in args.parts or MODELS[model]:
            command = [sys.executable, __file__, *sys.argv[1:], "--one", f"{model}/{part}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"| {model} | {part} failed: {done.stderr.strip().splitlines()[-1][:120]} |")
                continue
            for each in json.loads(done.stdout.strip().splitlines()[-1]):
                size, work, more = each["numbers"] / 1e9, each["work"] / 1e9, each["on_top"] / 1e6
                print(
                    f"| {each['model']} | {each['stage']} | {size:.2f} G | {2 * size:.1f} GB | {work:.0f} |"
                    f" {each['seconds']:.1f} | {each['processor']:.1f} | {more:.0f} MB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
