"""Stage 1 of LSD: the next frame from true but damaged history, by flow matching."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from phosphene.training import runtime
from phosphene.training.config import FlowSettings, TrainConfig
from phosphene.training.corrupt import corrupt
from phosphene.training.nets.codec import Autoencoder
from phosphene.training.nets.lsd import LSD, Inputs
from phosphene.training.pool import Clips
from phosphene.training.sample import next_picture
from phosphene.training.stage import Figures, Stage
from phosphene.training.stream_sheet import stream_sheet
from phosphene.training.streams import (
    STREAM_T,
    at,
    draw_streams,
    inputs_of,
    noisy_start,
    past_of,
)

T_MEAN, T_SPREAD = 0.4, 1.1
"""logit-normal timesteps of pictures from nothing (Esser et al. 2024), leaning to noise"""
PURE = 0.25
"""share of them at t = 1 exactly, where a one-step picture starts"""
T_WEIGHT = 0.3
"""velocity errors count as at least this late; below, they are errors of a few grey levels"""


class FlowStage(Stage):
    """LSD on true histories."""

    name = "flow"

    def __init__(
        self, cfg: TrainConfig, clips: Clips, codec: Autoencoder, device: torch.device
    ) -> None:
        torch.manual_seed(cfg.seed)
        self.minutes = cfg.flow.minutes
        self._cfg, self._clips, self._codec, self._device = cfg, clips, codec, device
        self.net = runtime.place(LSD(cfg.net.net(clips.text.shape[-1])), device)
        self.average = runtime.Average(self.net, cfg.flow.average)
        self._forward = runtime.compiled(self.net.forward, cfg.compile, device)
        self._optim = torch.optim.AdamW(
            self.net.parameters(), lr=cfg.flow.rate, betas=(0.9, 0.98), weight_decay=0.01
        )

    def step(self, step: int, progress: float) -> Figures:
        settings = self._cfg.flow
        runtime.set_rate(self._optim, runtime.learning_rate(settings.rate, step, progress))
        told, target, weight = flow_batch(self._clips, self._cfg, settings.batch)
        with runtime.fast_math(self._device):
            picture = next_picture(self._forward, told)
        error = (picture - target).square().flatten(1).mean(1)
        loss = (weight * error).mean()
        self._optim.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self._optim.step()
        self.average.update(self.net)
        alone = told.has_history[:, 0] == 0
        return {
            "loss": loss.detach(),
            "next": error[~alone].detach().mean(),
            "fresh": error[alone].detach().mean(),
        }

    def state(self) -> dict[str, Any]:
        return {
            **self.average.state(self.net),
            "optim": self._optim.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.average.restore(state, self.net)
        runtime.restore_optimisers(state, optim=self._optim)

    def report(self, sheet: Path) -> dict[str, float]:
        net = self.average.module
        assert isinstance(net, LSD)
        return stream_sheet(net, self._codec, self._clips, sheet)


def flow_batch(clips: Clips, cfg: TrainConfig, count: int) -> tuple[Inputs, Tensor, Tensor]:
    """Network arguments, target pictures (b, c, h, w) and loss weights (b,) of random frames."""
    flow: FlowSettings = cfg.flow
    device = clips.latents.device
    streams = draw_streams(clips, count, flow.recoloured, flow.stranger)
    k = torch.randint(2, clips.frames, (count,), device=device)
    past = corrupt(past_of(streams, k), cfg.corruption)
    if not cfg.memory_on:
        past = replace(past, age=torch.zeros_like(past.age))
    target = at(streams.frames, k)
    t = torch.sigmoid(T_MEAN + T_SPREAD * torch.randn(count, device=device))
    t = torch.where(torch.rand(count, device=device) < PURE, torch.ones_like(t), t)
    live = (torch.rand(count, device=device) < flow.from_previous) & (past.has[:, 0] > 0)
    low, high = STREAM_T
    t = torch.where(live, low + (high - low) * torch.rand(count, device=device), t)
    start = torch.where(live[:, None, None, None], past.history[:, 0], target)
    # with a source picture, a stream starts from that as often as from its last frame
    sourced = (streams.has_source > 0) & (torch.rand(count, device=device) < 0.5)
    start = torch.where(sourced[:, None, None, None], at(streams.source, k), start)
    live = live | sourced
    t = torch.where(sourced, t.clamp(min=low), t)
    mute = torch.rand(count, device=device) < flow.no_text
    text = streams.text * ~mute[:, None, None]
    latent = noisy_start(start, torch.randn_like(start), t)
    told = inputs_of(streams, past, k, latent, t, text)
    weight = torch.where(live, torch.ones_like(t), 1 / t.clamp(min=T_WEIGHT) ** 2)
    return told, target, weight


def load_lsd(path: Path, cfg: TrainConfig, text: int, device: torch.device) -> LSD:
    """The averaged network of a checkpoint, frozen."""
    state = runtime.load(path, device)["stage"]
    net = LSD(cfg.net.net(text)).to(device)
    net.load_state_dict(state["average"])
    return net.eval().requires_grad_(False)
