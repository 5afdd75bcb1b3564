"""One chunk of a Wan stream at its real size with random weights, timed stage by stage.

    python benchmarks/wan.py                          1.3 B, one latent frame at 320x576, on this machine
    python benchmarks/wan.py --device cuda --repeat 20 --size 832x480 --frames 3
    python benchmarks/wan.py --text                   umt5-xxl from a made file of 11 GB: load, encode, free

No weights are needed and no quality is shown: what is timed is what a trained student of this size takes. The
window is filled first, so that attention sees all that it will ever see.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch

from phosphene.diffusion.wan.autoencoder import StreamingAutoencoder, WanAutoencoder
from phosphene.diffusion.wan.network import CausalWan, Prompt
from phosphene.diffusion.wan.plan import GB, Plan
from phosphene.diffusion.wan.tiny import Taehv, TinyAutoencoder

SIZES = {"1.3B": (12, 8960, 30), "14B": (40, 13824, 40)}
"""heads, width of the feed-forward part, layers of Wan 2.1"""
SINK = 3


def network(name: str, device: str, dtype: torch.dtype) -> CausalWan:
    """Random, made where it runs."""
    from diffusers import WanTransformer3DModel

    heads, ffn, layers = SIZES[name]
    torch.set_default_dtype(dtype)
    with torch.device("meta"):
        net = WanTransformer3DModel(
            num_attention_heads=heads, ffn_dim=ffn, num_layers=layers, attention_head_dim=128
        )
    torch.set_default_dtype(torch.float32)
    del net.rope
    net = net.to_empty(device=device)
    for each in net.parameters():
        fill(each, each.shape[-1] ** -0.5 if each.ndim > 1 else 1.0)
    return CausalWan(net.eval().requires_grad_(False))


def fill(tensor: torch.Tensor, scale: float = 1.0) -> None:
    """Random numbers, the same million again and again: drawing billions takes longer than a step."""
    flat = tensor.data.view(-1)
    made = torch.randn(1 << 20, device=tensor.device, dtype=torch.float32).to(tensor.dtype) * scale
    for at in range(0, flat.numel(), made.numel()):
        flat[at : at + made.numel()] = made[: flat.numel() - at]


def timed(name: str, repeat: int, device: str, work: Callable[[], object]) -> float:
    """Median seconds of ``work``, printed."""
    took, spent = [], []
    for _ in range(repeat):
        began, used = time.perf_counter(), time.process_time()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        took.append(time.perf_counter() - began)
        spent.append(time.process_time() - used)
    seconds, cpu = (sorted(each)[len(each) // 2] for each in (took, spent))
    print(
        f"  {name:<34} {seconds * 1e3:10.1f} ms, {cpu * 1e3:10.1f} ms of processor time", flush=True
    )
    return seconds


def resident() -> float:
    return psutil.Process().memory_info().rss / GB


def write_umt5(folder: Path) -> None:
    """umt5-xxl as Wan publishes it, 16 bits, of random numbers, and a tokenizer of letters."""
    from tokenizers import Tokenizer, models, processors
    from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

    from phosphene.diffusion.wan.text import XXL

    with torch.device("meta"):
        shapes = {n: t.shape for n, t in UMT5EncoderModel(UMT5Config(**XXL)).state_dict().items()}
    # the words' table is there once
    del shapes["encoder.embed_tokens.weight"]
    head, at = {}, 0
    for name, shape in shapes.items():
        end = at + 2 * shape.numel()
        head[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    told = json.dumps(head).encode()
    block = (0.02 * torch.randn(1 << 22)).to(torch.bfloat16).view(torch.uint8).numpy().tobytes()
    with (folder / "models_t5_umt5-xxl-enc-bf16.safetensors").open("wb") as file:
        file.write(len(told).to_bytes(8, "little") + told)
        for left in range(at, 0, -len(block)):
            file.write(block[:left])
    letters = [(chr(code), -3.0) for code in range(32, 127)]
    tokens = Tokenizer(
        models.Unigram([("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *letters], 2)
    )
    tokens.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(str(folder / "tokenizer"))


def text(device: str, folder: Path) -> None:
    """Time the text encoder: read and shortened, a prompt, another prompt, the first one again."""
    from phosphene.diffusion.wan.layout import PLAIN, Layout
    from phosphene.diffusion.wan.text import Prompts

    file = folder / "models_t5_umt5-xxl-enc-bf16.safetensors"
    if not file.is_file():
        write_umt5(folder)
    os.environ["PHOSPHENE_CACHE"] = str(folder / "cache")
    layout = Layout("made", PLAIN, file, text=file, tokenizer=folder / "tokenizer")
    prompts = Prompts(layout, 4096, torch.device(device), 8, "keep")
    one, two = "teal ocean waves at dusk, slow", "a crimson kaleidoscope of glass"
    for name, prompt in (
        ("load and encode", one),
        ("encode another", two),
        ("a known prompt", one),
    ):
        timed(f"umt5-xxl in 8 bits: {name}", 1, device, lambda p=prompt: prompts.encode([p]))
    process = psutil.Process()
    held = process.memory_info()
    print(
        f"  held {(held.rss - held.shared) / GB:.1f} GB of its own, and of the file what the system keeps"
        f" in memory"
    )
    prompts._encoder = None
    gc.collect()
    held = process.memory_info()
    print(f"  freed: {(held.rss - held.shared) / GB:.1f} GB")


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=SIZES, default="1.3B")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", default="576x320", metavar="WxH")
    parser.add_argument("--frames", type=int, default=1, help="latent frames a chunk")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--window", type=int, default=9)
    parser.add_argument(
        "--encode", action="store_true", help="time encoding, for video in, as well"
    )
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--dtype", help="bfloat16 or float32 (default: float32 on a processor)")
    parser.add_argument("--text", action="store_true", help="the text encoder alone")
    parser.add_argument("--folder", type=Path, help="keep the text encoder's file here")
    args = parser.parse_args()
    if args.text:
        with tempfile.TemporaryDirectory() as temporary:
            text(args.device, args.folder or Path(temporary))
        return
    width, height = map(int, args.size.split("x"))
    device, repeat = args.device, args.repeat
    args.dtype = args.dtype or ("float32" if device == "cpu" else "bfloat16")
    dtype = getattr(torch, args.dtype)
    began = time.perf_counter()
    net = network(args.model, device, dtype)
    numbers = sum(each.numel() for each in net.transformer.parameters())
    print(
        f"{args.model}: {numbers / 1e9:.2f} G numbers in {args.dtype} on {device}, made in"
        f" {time.perf_counter() - began:.0f} s; {torch.get_num_threads()} threads",
        flush=True,
    )
    from diffusers import AutoencoderKLWan

    coders: dict[str, StreamingAutoencoder] = {
        "wan": WanAutoencoder(AutoencoderKLWan().to(device, dtype).eval()),
        "tiny": TinyAutoencoder(Taehv().to(device, dtype).eval()),
    }
    prompt = Prompt(torch.randn(1, 512, 4096, device=device, dtype=dtype))
    h, w = height // 8, width // 8
    cache = net.cache(h, w, SINK, args.window)
    slots = SINK + args.window
    for each in (*cache.keys, *cache.values):
        fill(each)
    first = 100
    cache.frames = [[0, 1, 2, *range(first - args.window, first)]]
    # where the window's frames lie follows from their numbers
    for frame in range(first - args.window, first):
        cache.frames[0][cache.slot(frame)] = frame
    x = torch.randn(1, 16, args.frames, h, w, device=device, dtype=dtype)
    plan = Plan(numbers, net.layers, net.heads * 128, height, width, SINK, args.window,
                number_bytes=dtype.itemsize, decoder="tiny")  # fmt: skip
    print(
        f"{width}x{height}, {args.frames} latent frames of {plan.tokens} tokens, {slots} in the cache"
        f" ({cache.bytes / GB:.2f} GB); the plan: {plan.describe()}; resident {resident():.1f} GB",
        flush=True,
    )
    first_step = timed("first step (a prompt's keys too)", 1, device,
                       lambda: net(x, [1000.0], prompt, cache, [first]))  # fmt: skip
    step = timed("later step", repeat, device, lambda: net(x, [833.0], prompt, cache, [first]))
    clean = timed("clean pass", repeat, device, lambda: net(x, [0.0], prompt, cache, [first]))
    decode = {}
    for name, coder in coders.items():
        memory: list[object] = []
        coder.decode(x[:, :, :1], memory)
        decode[name] = timed(
            f"decode, {name}", repeat, device, lambda c=coder, m=memory: c.decode(x, m)
        )
    if not args.encode:
        coders = {}
    pictures = torch.rand(4, 3, height, width, device=device, dtype=dtype)
    for name, coder in coders.items():
        memory = []
        coder.encode(pictures[:1], memory)
        timed(
            f"encode 4 pictures, {name}",
            repeat,
            device,
            lambda c=coder, m=memory: c.encode(pictures, m),
        )
    chunk = step * args.steps + clean
    for name, seconds in decode.items():
        whole = chunk + seconds
        rate = 4 * args.frames / whole
        print(
            f"  chunk of {args.steps} steps, decoder {name}: {whole:.2f} s, {rate:.2f} pictures a second"
        )
    print(
        f"  a new prompt costs {first_step - step:+.2f} s once, its recache {12 / args.frames * clean:.2f} s"
    )
    most = torch.cuda.max_memory_allocated() / GB if device.startswith("cuda") else resident()
    print(
        f"  memory: {most:.1f} GB ({'allocated at most' if device.startswith('cuda') else 'resident'})"
    )


if __name__ == "__main__":
    main()
