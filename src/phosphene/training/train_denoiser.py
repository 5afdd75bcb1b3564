"""Train the denoiser on cached latents: flow matching, then on its own outputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.training import parallel, runtime
from phosphene.training.autoencoder import Autoencoder
from phosphene.training.flow import FlowConfig, Pair, broadcast, flow_loss, make_pair
from phosphene.training.latents import Clips, load_clips
from phosphene.training.sheets import denoiser_sheet
from phosphene.training.train_autoencoder import load_autoencoder
from phosphene.training.unet import UNet, UNetConfig


@dataclass(frozen=True)
class DenoiserTraining:
    """Budget and recipe of the denoiser."""

    minutes: float = 65.0
    batch: int = 32
    peak_lr: float = 1.5e-3
    ema: float = 0.997
    unroll_from: float = 0.5  # progress at which the net starts to see its own outputs
    unroll: int = 4  # most self-fed frames before the trained one
    guidance: float = 0.5  # weight of model guidance, see `flow_loss`
    guidance_from: float = 0.3  # the prompt must mean something first
    recoloured: float = 0.25  # last frame taken from the clip's twin in other colours
    stranger: float = 0.07  # last frame taken from another clip altogether
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """before, last, target: three consecutive frames (b, c, h, w); audio of the last two (b, 5)."""

    before: Tensor
    last: Tensor
    target: Tensor
    text: Tensor
    audio_last: Tensor
    audio: Tensor


def draw(clips: Clips, cfg: DenoiserTraining, count: int, device: torch.device) -> Batch:
    """A random batch; prompt changes come as last frames of a recoloured twin or of a stranger."""
    own = torch.randint(len(clips), (count,))
    chance = torch.rand(count)
    source = torch.where(chance < cfg.recoloured, clips.twin[own], own)
    other = torch.randint(len(clips), (count,))
    source = torch.where(chance > 1 - cfg.stranger, other, source)
    latents = torch.stack(
        (clips.latents[source, 0], clips.latents[source, 1], clips.latents[own, 2])
    ).float()
    # mirroring is sound: the decoder was trained to follow it
    mirror = torch.rand(count) < 0.5
    latents[:, mirror] = latents[:, mirror].flip(-1)
    before, last, target = latents.to(device)
    return Batch(
        before=before,
        last=last,
        target=target,
        text=clips.text[own].to(device),
        audio_last=clips.audio[own, 1].to(device),
        audio=clips.audio[own, 2].to(device),
    )


@torch.no_grad()
def self_fed(net: UNet, batch: Batch, noise: Tensor, frames: int) -> Tensor:
    """Where the net's own stream stands after some frames from `before`.

    One in four keeps the true last frame. The noise stays the same from frame to frame, as in a live
    stream, so that its imprint shows and is unlearned.
    """
    t = 0.45 + 0.4 * torch.rand(len(noise), device=noise.device)
    none, one = torch.zeros_like(t), torch.ones_like(t)
    last = batch.before
    for _ in range(frames):
        x = (1 - broadcast(t)) * last + broadcast(t) * noise
        v = net(x, t, batch.text, last, one, none, batch.audio_last).float()
        last = (x - broadcast(t) * v).clamp(-4, 4)
    own = torch.rand_like(t) < 0.75
    return torch.where(broadcast(own), last, batch.last)


def training_pair(net: UNet, batch: Batch, flow: FlowConfig, frames: int) -> Pair:
    """A batch ready for the net, after `frames` self-fed frames."""
    noise = torch.randn_like(batch.target)
    last = self_fed(net, batch, noise, frames) if frames else batch.last
    return make_pair(flow, batch.target, last, batch.text, batch.audio, noise)


def train_denoiser(
    data: Path,
    out: Path,
    cfg: DenoiserTraining,
    net_cfg: UNetConfig,
    flow: FlowConfig,
    device: torch.device,
) -> None:
    """Train until the clock runs out, resuming from `out/denoiser.pt`, which it writes."""
    path = out / "denoiser.pt"
    torch.manual_seed(cfg.seed)
    net = runtime.place(UNet(net_cfg), device)
    average = runtime.Average(net, cfg.ema)
    optim = torch.optim.AdamW(
        net.parameters(), lr=cfg.peak_lr, betas=(0.9, 0.98), weight_decay=0.01
    )
    step, spent = 0, 0.0
    if path.exists():
        state = runtime.load(path, device)
        net.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        optim.load_state_dict(state["optim"])
        step, spent, average.steps = state["step"], state["spent_s"], state["step"]
    clips = load_clips(data, TextEncoder(out / "text.npz"))
    codec: Autoencoder = load_autoencoder(out / "autoencoder.pt", device)
    torch.manual_seed(cfg.seed + step + 7919 * parallel.rank())
    clock = runtime.Clock(60 * cfg.minutes, spent)
    saved = logged = clock.spent_s
    progress, running = clock.progress, 1.0
    while progress < 1:
        for group in optim.param_groups:
            group["lr"] = runtime.learning_rate(cfg.peak_lr, step, progress)
        batch = draw(clips, cfg, cfg.batch // parallel.workers(), device)
        with runtime.fast_math(device):
            frames = 1 + step % cfg.unroll if progress > cfg.unroll_from else 0
            pair = training_pair(net, batch, flow, frames)
            loss = flow_loss(net, pair, cfg.guidance if progress > cfg.guidance_from else 0.0)
        optim.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        progress = parallel.average_gradients(net.parameters(), clock.progress)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optim.step()
        step += 1
        if parallel.rank():
            continue
        average.update(net)
        running += 0.02 * (loss.item() - running)
        if clock.every(20, logged):
            logged = clock.spent_s
            print(f"denoiser step {step} {clock.spent_s:.0f}s loss {running:.4f}", flush=True)
        if clock.every(240, saved) or progress >= 1:
            saved = clock.spent_s
            runtime.save(
                path,
                {
                    "model": net.state_dict(),
                    "average": average.module.state_dict(),
                    "optim": optim.state_dict(),
                    "step": step,
                    "spent_s": clock.spent_s,
                    "loss": running,
                    "config": asdict(net_cfg),
                    "clips": len(clips),
                },
            )
            denoiser_sheet(
                average.module, codec, clips, out / f"sheets/denoiser-{step:06d}.png", device
            )


def load_denoiser(path: Path, device: torch.device) -> UNet:
    """The averaged denoiser of a checkpoint, frozen."""
    state = runtime.load(path, device)
    cfg = dict(
        state["config"],
        widths=tuple(state["config"]["widths"]),
        blocks=tuple(state["config"]["blocks"]),
    )
    net = UNet(UNetConfig(**cfg)).to(device)
    net.load_state_dict(state["average"])
    return net.eval().requires_grad_(False)
