"""Stage 1: the next field from true but damaged history, and fields from nothing, by flow matching.

The network predicts the clean field; the loss is weighted so that it is one of velocities (Li & He 2025).
Guidance by the prompt is trained in: what a prompt adds to the network's own answer is added to what it is
aimed at (Tang et al. 2025, "Diffusion models without classifier-free guidance"): a step takes one call.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from phosphene.diffusion.lsd.modules.lsd import LSD, Inputs
from phosphene.training import muon, runtime
from phosphene.training.config import FlowSettings, TrainConfig
from phosphene.training.corrupt import corrupt
from phosphene.training.pool import Clips
from phosphene.training.stage import Figures, TrainingStage
from phosphene.training.stream_sheet import stream_sheet
from phosphene.training.streams import (
    STREAM_T,
    at,
    draw_streams,
    guided,
    inputs_of,
    noisy_start,
    past_of,
)

T_MEAN, T_SPREAD = 0.3, 1.1
"""logit-normal timesteps of pictures from nothing (Esser et al. 2024), leaning to noise"""
PURE = 0.25
"""share of them at t = 1 exactly, where a one-step picture starts"""
T_WEIGHT = 0.2
"""velocity errors count as at least this late; below, they are errors of a few grey levels"""
STREAM_WEIGHT = 1.5
"""of a frame that starts from the last one, where no velocity is defined"""
SOURCED = 0.8
"""of the clips with a source picture, how many are shown it; half of these start from it"""
GUIDED_FROM = 0.25
"""timestep from which a prompt's pull is amplified: below, the picture has been decided"""
STREAM_GUIDANCE = 0.3
"""of the guidance of pictures from nothing, what frames with a past get"""
DECAY_FROM = 0.7
"""progress at which learning rates begin to fall"""
CLIP = 2.0
"""longest gradient"""


class FlowStage(TrainingStage):
    """LSD on true histories.

    Args:
        wide: clips in 16 : 9, or None; a share of the steps is theirs.
        start: weights to start from, see `start.shipped`.
    """

    name = "flow"

    def __init__(
        self,
        cfg: TrainConfig,
        clips: Clips,
        wide: Clips | None,
        device: torch.device,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        torch.manual_seed(cfg.seed)
        self.minutes = cfg.flow.minutes
        self._cfg, self._clips, self._wide, self._device = cfg, clips, wide, device
        net = LSD(cfg.net.net(clips.text.shape[-1]))
        if start is not None:
            net.load_state_dict(start)
        self.net = runtime.place(net, device)
        self.average = runtime.Average(self.net, cfg.flow.average)
        self._forward = runtime.compiled(self.net.picture, cfg.compile, device)
        matrices, rest = muon.split(self.net)
        self._muon = muon.Muon(matrices)
        self._optim = torch.optim.AdamW(
            rest, lr=cfg.flow.rate, betas=(0.9, 0.98), weight_decay=0.01
        )

    def step(self, step: int, progress: float) -> Figures:
        settings = self._cfg.flow
        speed = min(1.0, (step + 1) / 50) * min(1.0, (1 - progress) / (1 - DECAY_FROM))
        runtime.set_rate(self._optim, settings.rate * speed)
        wide = self._wide is not None and float(torch.rand(())) < settings.wide
        clips = self._wide if wide and self._wide is not None else self._clips
        told, target, weight = flow_batch(clips, self._cfg, settings.batch)
        with runtime.fast_math(self._device):
            picture = self._forward(*told.tensors())
        aim = target + self._pull(told, picture.detach(), progress)
        error = (picture.float() - aim).square().flatten(1).mean(1)
        loss = (weight * error).mean()
        self.net.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self._optim.step()
        self._muon.step(settings.matrix_rate * speed)
        self.average.update(self.net)
        alone = told.has_history[:, 0] == 0
        return {
            "loss": loss.detach(),
            "next": error[~alone].detach().mean(),
            "fresh": (weight * error)[alone].detach().mean(),
        }

    @torch.no_grad()
    def _pull(self, told: Inputs, picture: Tensor, progress: float) -> Tensor:
        """What is added to the aim: the prompt's own share of the answer."""
        settings = self._cfg.flow
        if settings.guidance <= 0 or progress < settings.guided_from:
            return torch.zeros_like(picture)
        with runtime.fast_math(self._device):
            silent = replace(told, text=torch.zeros_like(told.text))
            away = self._forward(*silent.tensors()).float()
        alone = told.has_history[:, 0] == 0
        strength = torch.where(alone, 1.0, STREAM_GUIDANCE) * (told.timestep > GUIDED_FROM)
        return settings.guidance * strength[:, None, None, None] * (picture.float() - away)

    def state(self) -> dict[str, Any]:
        return {
            **self.average.state(self.net),
            "optim": self._optim.state_dict(),
            "muon": self._muon.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.average.restore(state, self.net)
        runtime.restore_optimisers(state, optim=self._optim, muon=self._muon)

    def report(self, sheet: Path) -> dict[str, float]:
        net = self.average.module
        assert isinstance(net, LSD)
        return stream_sheet(net, self._clips, sheet)


def flow_batch(clips: Clips, cfg: TrainConfig, count: int) -> tuple[Inputs, Tensor, Tensor]:
    """Network arguments, target fields (b, c, h, w) and loss weights (b,) of random frames."""
    flow: FlowSettings = cfg.flow
    device = clips.fields.device

    def chance(p: float) -> Tensor:
        return torch.rand(count, device=device) < p

    streams = draw_streams(clips, count, flow.stranger)
    k = torch.randint(2, clips.frames, (count,), device=device)
    target = at(streams.frames, k)
    past = corrupt(guided(past_of(streams, k), target), cfg.corruption)
    if not cfg.memory_on:
        past = replace(past, age=torch.zeros_like(past.age))
    alone = past.has[:, 0] == 0
    t = torch.sigmoid(T_MEAN + T_SPREAD * torch.randn(count, device=device))
    t = torch.where(chance(PURE) & alone, torch.ones_like(t), t)
    live = chance(flow.from_previous) & ~alone
    low, high = STREAM_T
    t = torch.where(live, low + (high - low) * torch.rand(count, device=device), t)
    start = torch.where(live[:, None, None, None], past.history[:, 0], target)
    # with a source picture, a stream starts from that as often as from its last frame
    shown = (streams.has_source > 0) & chance(SOURCED)
    sourced = shown & chance(0.5)
    streams = replace(streams, has_source=shown.float())
    start = torch.where(sourced[:, None, None, None], at(streams.source, k), start)
    live = live | sourced
    t = torch.where(sourced, t.clamp(min=0.4), t)
    text = streams.text * ~chance(flow.no_text)[:, None, None]
    latent = noisy_start(start, torch.randn_like(start), t)
    told = inputs_of(streams, past, k, latent, t, text)
    told = replace(told, source=told.source * shown[:, None, None, None])
    velocity = 1 / t.clamp(min=T_WEIGHT) ** 2
    return told, target, torch.where(live, torch.full_like(t, STREAM_WEIGHT), velocity)


def load_lsd(path: Path, cfg: TrainConfig, text: int, device: torch.device) -> LSD:
    """The averaged network of a checkpoint, frozen."""
    state = runtime.load(path, device)["stage"]
    net = LSD(cfg.net.net(text)).to(device)
    net.load_state_dict(state["average"])
    return net.eval().requires_grad_(False)
