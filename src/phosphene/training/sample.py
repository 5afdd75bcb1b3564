"""Pictures from a trained network: from nothing in a few steps, and on and on as a stream."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from phosphene.diffusion.lsd.feeds import PLAN_SIZE
from phosphene.diffusion.lsd.modules.lsd import HISTORY, Inputs
from phosphene.stream.noise import plan_of
from phosphene.training.corrupt import Past, quantise
from phosphene.training.streams import noisy_start, step_past

Velocity = Callable[..., Tensor]
"""LSD's forward"""


def blank(latent: Tensor, text: Tensor, audio: Tensor, memories: int = 1) -> Inputs:
    """Arguments of a first frame: no past, no memory, no source, no plan; latent (b, c, h, w) is noise."""
    b, zero = len(latent), latent.new_zeros(len(latent))
    return Inputs(
        latent=latent,
        timestep=zero + 1,
        text=text,
        history=latent.new_zeros(b, HISTORY, *latent.shape[1:]),
        has_history=latent.new_zeros(b, HISTORY),
        history_level=zero,
        memory=latent.new_zeros(b, memories, *latent.shape[1:]),
        memory_age=latent.new_zeros(b, memories),
        source=torch.zeros_like(latent),
        has_source=zero,
        audio=audio,
        plan=latent.new_zeros(b, PLAN_SIZE),
        has_plan=zero,
    )


@torch.no_grad()
def from_noise(
    net: Velocity, noise: Tensor, text: Tensor, audio: Tensor, steps: int, guidance: float = 1.0
) -> Tensor:
    """Euler steps from noise (b, c, h, w) to pictures; guidance above 1 asks twice a step (Ho 2022).

    Their plans come from the same noise.
    """
    x, plan, planned = noise, plan_of(noise, PLAN_SIZE), noise.new_ones(len(noise))
    times = torch.linspace(1, 0, steps + 1, device=noise.device).tolist()
    for now, after in itertools.pairwise(times):
        told = replace(
            blank(x, text, audio),
            timestep=x.new_full((len(x),), now),
            plan=plan,
            has_plan=planned,
        )
        v = net(*told.tensors()).float()
        if guidance != 1.0:
            silent = replace(told, text=torch.zeros_like(text))
            away = net(*silent.tensors()).float()
            v = away + guidance * (v - away)
        x = x + (after - now) * v
    return x


def next_picture(net: Velocity, told: Inputs) -> Tensor:
    """One step: the clean picture (b, c, h, w) that the network sees in `told`."""
    velocity = net(*told.tensors()).float()
    return told.latent - told.timestep[:, None, None, None] * velocity


@torch.no_grad()
def go_on(
    net: Velocity, past: Past, noise: Tensor, text: Tensor, audio: Tensor, moves: Tensor, t: float
) -> tuple[Tensor, Past]:
    """One self-fed frame at one step: the picture, and the past with it."""
    b = len(noise)
    start = past.history[:, 0]
    when = noise.new_full((b,), t)
    told = replace(
        blank(noisy_start(start, noise, when), text, audio),
        timestep=when,
        history=past.history,
        has_history=past.has,
        history_level=past.level,
        memory=past.memory,
        memory_age=past.age,
    )
    picture = quantise(next_picture(net, told))
    return picture, step_past(past, picture, moves)


def first_past(picture: Tensor, memories: int) -> Past:
    """The past of a stream whose first picture (b, c, h, w) has just been drawn."""
    b = len(picture)
    has = picture.new_zeros(b, HISTORY)
    has[:, 0] = 1
    return Past(
        history=torch.stack((picture, torch.zeros_like(picture)), dim=1),
        has=has,
        level=picture.new_zeros(b),
        memory=picture[:, None].expand(-1, memories, -1, -1, -1).contiguous(),
        age=picture.new_zeros(b, memories),
    )
