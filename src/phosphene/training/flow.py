"""Training pairs and sampling of a rectified flow that continues its own last frame."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from phosphene.training.unet import UNet


@dataclass(frozen=True)
class FlowConfig:
    """How often each situation of a live stream comes up in training."""

    t_mean: float = 1.1  # logit-normal; above 0 leans to noise, where one-step streams live
    t_std: float = 1.1
    pure_noise: float = 0.1  # t = 1 exactly, the first frame
    no_previous: float = 0.15
    clean_previous: float = 0.35
    max_history_noise: float = 0.5
    from_previous: float = 0.8  # x_t made from the last frame, not the next: as the stream does
    no_text: float = 0.1


@dataclass(frozen=True)
class Pair:
    """Network inputs, the picture they should lead to, and (b,) loss weights."""

    latent: Tensor
    timestep: Tensor
    text: Tensor
    previous: Tensor
    has_previous: Tensor
    history_noise: Tensor
    audio: Tensor
    target: Tensor
    weight: Tensor


def broadcast(v: Tensor) -> Tensor:
    return v[:, None, None, None]


def make_pair(
    cfg: FlowConfig,
    target: Tensor,
    previous: Tensor,
    text: Tensor,
    audio: Tensor,
    noise: Tensor | None = None,
) -> Pair:
    """Noise a batch of next frames (b, c, h, w), given their last frames, for training.

    Where x_t is made from the last frame, t stays above 0.4 and the loss
    counts t-fold: near the last frame no velocity of moderate size leads to a new picture.
    """
    b, device = len(target), target.device
    t = torch.sigmoid(cfg.t_mean + cfg.t_std * torch.randn(b, device=device))
    t = torch.where(torch.rand(b, device=device) < cfg.pure_noise, torch.ones_like(t), t)
    has = (torch.rand(b, device=device) >= cfg.no_previous).float()
    level = cfg.max_history_noise * torch.rand(b, device=device)
    level = level * (torch.rand(b, device=device) >= cfg.clean_previous)
    stream = (torch.rand(b, device=device) < cfg.from_previous) & (has > 0)
    t = torch.where(stream, t.clamp(min=0.4), t)
    source = torch.where(broadcast(stream), previous, target)
    noise = torch.randn_like(target) if noise is None else noise
    x = (1 - broadcast(t)) * source + broadcast(t) * noise
    return Pair(
        latent=x,
        timestep=t,
        text=text * (torch.rand(b, 1, 1, device=device) >= cfg.no_text),
        previous=previous + broadcast(level) * torch.randn_like(previous),
        has_previous=has,
        history_noise=level * has,
        audio=audio,
        target=target,
        weight=torch.where(stream, t, torch.ones_like(t)),
    )


def velocity(net: UNet, pair: Pair) -> Tensor:
    out: Tensor = net(
        pair.latent,
        pair.timestep,
        pair.text,
        pair.previous,
        pair.has_previous,
        pair.history_noise,
        pair.audio,
    )
    return out


def flow_loss(net: UNet, pair: Pair, guidance: float = 0.0) -> Tensor:
    """Mean squared error of the velocity that leads from x_t to the target in one straight step.

    For x_t made from the target this is noise - target, plain flow matching (Lipman et al. 2023).
    `guidance` w > 0 adds w times what the prompt changes to the target (model guidance, Tang et al. 2025):
    the net learns what classifier-free guidance of scale 1 / (1 - w) would give, at the price of one call.
    """
    got = velocity(net, pair).float()
    wanted = (pair.latent - pair.target) / broadcast(pair.timestep).clamp(min=1e-3)
    if guidance > 0:
        with torch.no_grad():
            unprompted = velocity(net, replace(pair, text=torch.zeros_like(pair.text))).float()
            wanted = wanted + guidance * (got - unprompted)
    loss: Tensor = (broadcast(pair.weight) * (got - wanted).square()).mean()
    return loss


@torch.no_grad()
def sample(net: UNet, noise: Tensor, text: Tensor, audio: Tensor, steps: int) -> Tensor:
    """Euler from pure noise (b, c, h, w) without a previous frame."""
    b = len(noise)
    zero = noise.new_zeros(b)
    x = noise
    times = torch.linspace(1, 0, steps + 1, device=noise.device).tolist()
    for now, after in itertools.pairwise(times):
        v = net(x, zero + now, text, torch.zeros_like(x), zero, zero, audio)
        x = x + (after - now) * v
    return x


@torch.no_grad()
def continue_stream(
    net: UNet,
    last: Tensor,
    noise: Tensor,
    text: Tensor,
    audio: Tensor,
    t: float,
    history_noise: float,
) -> Tensor:
    """One stream frame: noise the last latent to t, one step back with the last latent in view."""
    zero = last.new_zeros(len(last))
    x = (1 - t) * last + t * noise
    v: Tensor = net(x, zero + t, text, last, zero + 1, zero + history_noise, audio)
    return x - t * v
