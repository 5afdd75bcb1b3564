"""Train the picture codec on crops of rendered frames."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from phosphene.training import parallel, runtime
from phosphene.training.autoencoder import Autoencoder, AutoencoderConfig, psnr, reconstruction_loss
from phosphene.training.dataset import find_shards


@dataclass(frozen=True)
class AutoencoderTraining:
    """Budget and recipe. `noise` is the largest latent noise; it smooths the latent space."""

    minutes: float = 25.0
    batch: int = 16
    crop: int = 128
    peak_lr: float = 1.5e-3
    noise: float = 0.2
    seed: int = 0


def random_crops(
    frames: list[npt.NDArray[np.uint8]], count: int, size: int, rng: np.random.Generator
) -> Tensor:
    """(count, 3, size, size) in [0, 1] from random frames of random shards."""
    out = np.empty((count, size, size, 3), np.uint8)
    for i in range(count):
        shard = frames[rng.integers(len(frames))]
        n, t, h, w, _ = shard.shape
        y, x = rng.integers(h - size + 1), rng.integers(w - size + 1)
        out[i] = shard[rng.integers(n), rng.integers(t), y : y + size, x : x + size]
    return torch.from_numpy(out).permute(0, 3, 1, 2).float() / 255


def transform_pair(
    latent: Tensor, target: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Flip or shrink latent and target alike, so that the decoder learns to follow.

    After EQ-VAE (Kouzelis et al. 2025). The stream zooms and turns latents: a latent
    space that is not equivariant would smear.
    """
    if rng.random() < 0.5:
        latent, target = latent.flip(-1), target.flip(-1)
    if rng.random() < 0.5:
        latent, target = latent.flip(-2), target.flip(-2)
    if rng.random() < 0.2:
        size = latent.shape[-1] * 3 // 4
        latent = F.interpolate(latent, (size, size), mode="bilinear", antialias=True)
        target = F.interpolate(target, (size * 8, size * 8), mode="bilinear", antialias=True)
    return latent, target


def train_autoencoder(
    data: Path,
    out: Path,
    cfg: AutoencoderTraining,
    net_cfg: AutoencoderConfig,
    device: torch.device,
) -> Path:
    """Train until the clock runs out, resuming from `out/autoencoder.pt`; returns that path."""
    path = out / "autoencoder.pt"
    torch.manual_seed(cfg.seed)
    model = runtime.place(Autoencoder(net_cfg), device)
    average = runtime.Average(model, 0.998)
    optim = torch.optim.AdamW(
        model.parameters(), lr=cfg.peak_lr, betas=(0.9, 0.98), weight_decay=1e-3
    )
    step, spent = 0, 0.0
    if path.exists():
        state = runtime.load(path, device)
        model.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optim.load_state_dict(state["optim"])
        step, spent, average.steps = state["step"], state["spent_s"], state["step"]
    clock = runtime.Clock(60 * cfg.minutes, spent)
    saved = logged = clock.spent_s
    progress = clock.progress
    torch.manual_seed(cfg.seed + step + 7919 * parallel.rank())
    rng = np.random.default_rng(cfg.seed + step + 7919 * parallel.rank())
    frames = [s.frames() for s in find_shards(data)]
    while progress < 1:
        for group in optim.param_groups:
            group["lr"] = runtime.learning_rate(cfg.peak_lr, step, progress)
        target = random_crops(frames, cfg.batch // parallel.workers(), cfg.crop, rng)
        target = target.to(device, memory_format=torch.channels_last)
        with runtime.fast_math(device):
            latent = model.encoder(target)
            level = cfg.noise * torch.rand(len(latent), 1, 1, 1, device=device)
            latent, target = transform_pair(latent + level * torch.randn_like(latent), target, rng)
            loss = reconstruction_loss(model.decoder(latent).float(), target)
        optim.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        progress = parallel.average_gradients(model.parameters(), clock.progress)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optim.step()
        step += 1
        if parallel.rank():
            continue
        average.update(model)
        if clock.every(20, logged):
            logged = clock.spent_s
            print(
                f"autoencoder step {step} {clock.spent_s:.0f}s loss {loss.item():.4f}", flush=True
            )
        if clock.every(120, saved) or progress >= 1:
            saved = clock.spent_s
            frames = [s.frames() for s in find_shards(data)]  # shards may still be arriving
            quality = _report(
                average.module, frames, out / f"sheets/autoencoder-{step:06d}.png", device
            )
            print(f"autoencoder step {step} psnr {quality:.2f} dB", flush=True)
            state = {
                "model": model.state_dict(),
                "average": average.module.state_dict(),
                "optim": optim.state_dict(),
                "step": step,
                "spent_s": clock.spent_s,
                "config": asdict(net_cfg),
                "psnr": quality,
            }
            runtime.save(path, state)
    return path


@torch.no_grad()
def _report(
    model: torch.nn.Module, frames: list[npt.NDArray[np.uint8]], sheet: Path, device: torch.device
) -> float:
    """PSNR on 64 fixed frames of the first shard; writes originals over reconstructions."""
    pick = np.linspace(0, len(frames[0]) - 1, 64).astype(int)
    target = torch.from_numpy(frames[0][pick, 0]).permute(0, 3, 1, 2).float().to(device) / 255
    assert isinstance(model, Autoencoder)
    output = torch.cat([model.decoder(model.encoder(t)) for t in torch.split(target, 8)])
    shown = torch.stack((target[::5][:12], output[::5][:12].clamp(0, 1)))
    runtime.save_sheet(sheet, torch.cat((shown[:, :6], shown[:, 6:])))
    return psnr(output, target)


def load_autoencoder(path: Path, device: torch.device) -> Autoencoder:
    """The averaged codec of a checkpoint, frozen."""
    state = runtime.load(path, device)
    model = Autoencoder(AutoencoderConfig(**state["config"])).to(device)
    model.load_state_dict(state["average"])
    return model.eval().requires_grad_(False)
