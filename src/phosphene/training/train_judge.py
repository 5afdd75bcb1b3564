"""Train the judge of `phosphene bench quality` on seeds that no other training uses."""

from __future__ import annotations

import json
import random
import time
import warnings
import zlib
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from phosphene.diffusion.lsd.judge import SIDE, Facts
from phosphene.metrics import contrast, saturation, sharpness
from phosphene.training import runtime
from phosphene.training.clips import family_names
from phosphene.training.config import TrainConfig
from phosphene.training.nets.judge import JudgeNet
from phosphene.training.render import FAMILIES, ClipBatch, random_audio, render
from phosphene.training.render.colour import gradient
from phosphene.training.render.words import MODIFIERS, hex_to_rgb

PALETTES = {
    "red": "e50000",
    "orange": "f97306",
    "yellow": "ffff14",
    "green": "15b01a",
    "cyan": "00ffff",
    "blue": "0343df",
    "purple": "7e1e9c",
    "hot pink": "ff028d",
    "brown": "653700",
    "black and white": "000000 ffffff",
}
"""named colours far enough apart to be told apart; values as in the caption vocabulary (XKCD, CC0)"""
DRAWING = 0.4
"""of the time goes to drawing pictures, at most"""


def draw_examples(
    cfg: TrainConfig,
    rounds: int,
    split: str,
    size: int,
    seconds: float,
    device: torch.device,
    side: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (n, side, side, 3) uint8 with pattern and palette numbers (n,).

    They are drawn at ``size`` and averaged down to ``side``, which is ``size`` itself if not given.
    """
    patterns: list[int] = []
    names, colours = family_names(cfg.data), list(PALETTES.values())
    n, side = len(colours), side or size
    # one block for all: small pictures kept between large temporary ones tear the heap to pieces
    frames = torch.empty(rounds * len(names) * n, side, side, 3, dtype=torch.uint8)
    start = time.monotonic()
    for index in range(rounds):
        for number, name in enumerate(names):
            seed = zlib.crc32(f"{split}/{cfg.seed}/{index}/{name}".encode())
            rng = random.Random(seed)
            looks = [_lut(rng, text) for text in colours]
            modifier = [rng.choice(MODIFIERS) for _ in range(n)]
            batch = ClipBatch(
                family=name,
                luts=torch.stack(looks).to(device),
                audio=random_audio(torch.Generator().manual_seed(seed), n, 1).to(device),
                speed=torch.ones(n, device=device),
                scale=torch.tensor([rng.uniform(0.85, 1.2) * m.scale for m in modifier]).to(device),
                contrast=torch.tensor([m.contrast for m in modifier], device=device),
                seed=seed,
            )
            drawn = render(batch, size)[:, 0]
            frames[len(patterns) : len(patterns) + n] = _pooled(drawn, side).cpu()
            patterns += [number] * n
        if time.monotonic() - start > seconds:
            break
    count = len(patterns)
    return frames[:count], torch.tensor(patterns), torch.arange(count) % n


def _pooled(frames: Tensor, side: int) -> Tensor:
    """uint8 (n, side, side, 3) of sides a multiple of `side`, by averaging blocks."""
    planes = F.avg_pool2d(frames.permute(0, 3, 1, 2).float(), frames.shape[1] // side)
    return planes.round().to(torch.uint8).permute(0, 2, 3, 1)


def _lut(rng: random.Random, stops: str) -> Tensor:
    rgb = torch.tensor([hex_to_rgb(stop) for stop in stops.split()])
    return gradient(rgb, dark=rng.uniform(0.55, 1.0), light=rng.uniform(0.3, 0.9))


def train_judge(out: Path, cfg: TrainConfig, minutes: float | None = None) -> str:
    """Train, measure on held-out pictures, write `judge.onnx` and `judge.json`; returns a line for people."""
    device = runtime.pick_device(cfg.device)
    torch.manual_seed(cfg.seed)
    budget, start = 60 * (minutes or cfg.judge.minutes), time.monotonic()
    seconds = DRAWING * budget
    frames, patterns, palettes = draw_examples(cfg, 200, "judge", 128, seconds, device, SIDE)
    frames, patterns, palettes = frames.to(device), patterns.to(device), palettes.to(device)
    print(f"{len(frames)} pictures for the judge", flush=True)
    names = family_names(cfg.data)
    net = runtime.place(JudgeNet(len(names), len(PALETTES), cfg.judge.width), device)
    optim = torch.optim.AdamW(net.parameters(), lr=cfg.judge.rate, weight_decay=0.02)
    clock, step = runtime.Clock(budget - (time.monotonic() - start)), 0
    while clock.progress < 1:
        runtime.set_rate(optim, runtime.learning_rate(cfg.judge.rate, step, clock.progress, 100))
        pick = torch.randint(len(frames), (cfg.judge.batch,), device=device)
        shown = _disturbed(frames[pick].permute(0, 3, 1, 2).float() / 255)
        pattern, palette = net(shown)
        loss = F.cross_entropy(pattern, patterns[pick], label_smoothing=0.05)
        loss = loss + F.cross_entropy(palette, palettes[pick], label_smoothing=0.05)
        optim.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optim.step()
        step += 1
        if step % 50 == 1:
            print(f"judge {step} {clock.spent_s / 60:.1f}m loss {loss.item():.3f}", flush=True)
    facts = _examine(net.eval(), cfg, device)
    out.mkdir(parents=True, exist_ok=True)
    _export(net, out / "judge.onnx")
    (out / "judge.json").write_text(json.dumps(asdict(facts), indent=2) + "\n", encoding="utf-8")
    return (
        f"judge: {step} steps, held-out pictures: pattern {facts.pattern_accuracy:.1%},"
        f" palette {facts.palette_accuracy:.1%}"
    )


def _disturbed(pictures: Tensor) -> Tensor:
    """Flipped, blurred, noisy, brighter or darker: a judge must not care how a picture was made."""
    if torch.rand(()) < 0.5:
        pictures = pictures.flip(-1)
    soft = F.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    b = len(pictures)
    blur = torch.rand(b, 1, 1, 1, device=pictures.device) * 0.8
    gain = 0.8 + 0.4 * torch.rand(b, 1, 1, 1, device=pictures.device)
    noise = 0.03 * torch.rand(b, 1, 1, 1, device=pictures.device) * torch.randn_like(pictures)
    return ((pictures + blur * (soft - pictures)) * gain + noise).clamp(0, 1)


@torch.no_grad()
def _examine(net: JudgeNet, cfg: TrainConfig, device: torch.device) -> Facts:
    frames, patterns, palettes = draw_examples(cfg, 2, "judge-test", 256, 60.0, device)
    hits = torch.zeros(2)
    for part, pattern, palette in zip(
        *(torch.split(column, 64) for column in (frames, patterns, palettes)), strict=True
    ):
        small = F.avg_pool2d(part.permute(0, 3, 1, 2).float() / 255, 256 // SIDE)
        says = net(small.to(device))
        hits += torch.tensor(
            [
                float((said.argmax(1).cpu() == truth).sum())
                for said, truth in zip(says, (pattern, palette), strict=True)
            ]
        )
    looked = [frame.numpy() for frame in frames[:: max(1, len(frames) // 200)]]
    names = family_names(cfg.data)
    return Facts(
        patterns=names,
        words=tuple(FAMILIES[name].words[0] for name in names),
        palettes=tuple(PALETTES),
        pattern_accuracy=float(hits[0] / len(frames)),
        palette_accuracy=float(hits[1] / len(frames)),
        sharpness=sum(map(sharpness, looked)) / len(looked),
        contrast=sum(map(contrast, looked)) / len(looked),
        saturation=sum(map(saturation, looked)) / len(looked),
    )


def _export(net: JudgeNet, path: Path) -> None:
    import onnx

    from phosphene.training.export import halve_weights

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.cpu(),
            (torch.rand(2, 3, SIDE, SIDE),),
            str(path),
            dynamo=False,
            opset_version=18,
            input_names=["frames"],
            output_names=["pattern", "palette"],
            dynamic_axes={"frames": {0: "batch"}, "pattern": {0: "batch"}, "palette": {0: "batch"}},
        )
    model = onnx.load(str(path))
    halve_weights(model)
    onnx.save(model, str(path))
