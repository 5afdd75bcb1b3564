"""The tiny autoencoder at half its cost: what it saves here, and what stems learn of random and taught ones.

    python benchmarks/stems.py                    times at 512x512, one thread: TAESD's sizes, random weights
    python benchmarks/stems.py --size 256
    python benchmarks/stems.py --learn 1000       steps; stems of TAESD's own size, of random weights
    python benchmarks/stems.py --teach 3000       steps; an autoencoder of TAESD's layers with a quarter of
                                                  its channels is taught our pictures, stems learn from it

Times are CPU seconds of one thread, which other work on the machine changes less than seconds of the clock.
TAESD's own weights are not needed: speed does not hang on values. What is said of pictures is of pictures
that were never learned from.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from phosphene.diffusion.sd import stems
from phosphene.training import runtime
from phosphene.training.config import StemSettings
from phosphene.training.train_stems import HELD, StemsStage, gather

CPU = torch.device("cpu")
RUNS = 7
NARROW = 16
"""channels of the autoencoder that is taught here; TAESD has 64"""
CROP, BATCH, RATE = 64, 8, 2e-3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--learn", type=int, metavar="STEPS")
    parser.add_argument("--teach", type=int, metavar="STEPS")
    args = parser.parse_args()
    if args.learn or args.teach:
        torch.manual_seed(0)
        vae = tiny() if args.learn else taught(args.teach)
        learn(vae, args.learn or args.teach, of_pictures=bool(args.teach))
        return
    compare(args.size)


def tiny(channels: int = 64) -> Any:
    """An autoencoder of TAESD's layers, random weights."""
    from diffusers import AutoencoderTiny

    wide = (channels,) * 4
    return AutoencoderTiny(encoder_block_out_channels=wide, decoder_block_out_channels=wide).eval()


def compare(size: int) -> None:
    """A row for the whole and one with stems, measured in turn."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    whole = tiny()
    half = copy.deepcopy(whole)
    made = stems.Stems.of(half)
    stems.put_in(half, made)
    pixels = 2 * torch.rand(1, 3, size, size) - 1
    latents = torch.randn(1, 4, size // 8, size // 8)
    calls: dict[str, Callable[[Any], Any]] = {
        "encode": lambda vae: vae.encode(pixels),
        "decode": lambda vae: vae.decode(latents),
    }
    took: dict[tuple[str, str], list[float]] = {}
    with torch.inference_mode():
        for run in range(RUNS + 1):
            for row, vae in (("whole", whole), ("with stems", half)):
                for name, call in calls.items():
                    start = time.process_time()
                    call(vae)
                    if run:
                        took.setdefault((row, name), []).append(time.process_time() - start)
    print(f"stems: {sum(each.numel() for each in made.parameters())} numbers\n")
    print(f"| {size}x{size} | encode | decode | numbers |\n|---|---|---|---|")
    for row, vae in (("whole", whole), ("with stems", half)):
        times = [1e3 * statistics.median(took[row, name]) for name in calls]
        numbers = sum(each.numel() for each in vae.parameters())
        print(f"| {row} | {times[0]:.0f} ms | {times[1]:.0f} ms | {numbers} |")


def taught(steps: int) -> Any:
    """A narrow autoencoder that has learned to give our pictures back."""
    vae, shown = tiny(NARROW).train(), gather(StemSettings(pictures=296), 1)[HELD:]
    optim = torch.optim.AdamW(vae.parameters(), lr=RATE)
    for step in range(steps):
        runtime.set_rate(optim, runtime.learning_rate(RATE, step, step / steps, 100))
        places = torch.randint(shown.shape[-1] - CROP + 1, (BATCH, 2)).tolist()
        rows = torch.randint(len(shown), (BATCH,)).tolist()
        crops = [
            shown[i, :, y : y + CROP, x : x + CROP] for i, (y, x) in zip(rows, places, strict=True)
        ]
        pixels = torch.stack(crops).float() / 127.5 - 1.0
        loss = F.l1_loss(vae.decode(vae.encode(pixels).latents).sample, pixels)
        optim.zero_grad(set_to_none=True)
        loss.backward()
        optim.step()
        if step % 200 == 0:
            print(f"teacher {step} loss {loss.item():.4f}", flush=True)
    return vae.eval()


def learn(vae: Any, steps: int, of_pictures: bool) -> None:
    """Stems, and how near they come."""
    settings = StemSettings(pictures=296, batch=BATCH, crop=CROP)
    shown = gather(settings, 1)
    stage = StemsStage(settings, vae, shown, CPU)
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.png"
        print("untrained, dB:", _line(stage.report(sheet)), flush=True)
        for step in range(steps):
            stage.step(step, step / steps)
            if step % 200 == 199:
                print(f"stems {step + 1}, dB:", _line(stage.report(sheet)), flush=True)
        print(f"after {steps} steps, dB:", _line(stage.report(sheet)))
    if of_pictures:
        pixels = shown[:HELD].float() / 127.5 - 1.0
        half = copy.deepcopy(vae)
        stems.put_in(half, copy.deepcopy(stage.average.module))
        for name, each in (("whole", vae), ("with stems", half)):
            with torch.inference_mode():
                back = each.decode(each.encode(pixels).latents).sample.clamp(-1, 1)
            error = F.mse_loss(back, pixels) / 4
            print(f"pictures there and back, {name}: {float(-10 * torch.log10(error)):.2f} dB")


def _line(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in figures.items())


if __name__ == "__main__":
    main()
