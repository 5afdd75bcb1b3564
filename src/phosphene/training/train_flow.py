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
from phosphene.diffusion.lsd.modules.plan import PlanReader, unlikeliness
from phosphene.training import muon, runtime
from phosphene.training.config import FlowSettings, TrainConfig
from phosphene.training.corrupt import corrupt
from phosphene.training.pool import Clips
from phosphene.training.stage import Figures, TrainingStage
from phosphene.training.start import Shipped
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
PLANNED = 0.8
"""share of pictures from nothing that are told their plan; the rest must do without"""
PLAN_WARMUP = 800
"""steps in which a plan's cost rises: what costs before it is of use is never learned"""
PLAN_RATE = 2.5
"""of a plan's own parts, how much faster they learn: fewer rows teach them"""
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
        start: Shipped | None = None,
    ) -> None:
        torch.manual_seed(cfg.seed)
        self.minutes = cfg.flow.minutes
        self._cfg, self._clips, self._wide, self._device = cfg, clips, wide, device
        net = LSD(cfg.net.net(clips.text.shape[-1]))
        if start is not None:
            net.load_state_dict(start.denoiser)
        self.net = runtime.place(net, device)
        self.average = runtime.Average(self.net, cfg.flow.average)
        reader = PlanReader(net.cfg.diffusion.latent, net.cfg.condition.text)
        if start is not None:
            reader.load_state_dict(start.reader)
        self._reader = runtime.place(reader, device)
        self._forward = runtime.compiled(self.net.picture, cfg.compile, device)
        matrices, rest = muon.split(self.net, "block.")
        reading, read = muon.split(self._reader)
        plans = {id(p) for p in self.net.block.plan.parameters()}
        slow = [p for p in rest if id(p) not in plans]
        fast = [*(p for p in rest if id(p) in plans), *read]
        self._muon = muon.Muon([*matrices, *reading])
        groups: list[dict[str, Any]] = [
            {"params": slow},
            {"params": fast, "scale": PLAN_RATE},
        ]
        self._optim = torch.optim.AdamW(
            groups,
            lr=cfg.flow.rate,
            betas=(0.9, 0.98),
            weight_decay=0.01,
        )

    def step(self, step: int, progress: float) -> Figures:
        settings = self._cfg.flow
        speed = min(1.0, (step + 1) / 50) * min(1.0, (1 - progress) / (1 - DECAY_FROM))
        runtime.set_rate(self._optim, settings.rate * speed)
        wide = self._wide is not None and float(torch.rand(())) < settings.wide
        clips = self._wide if wide and self._wide is not None else self._clips
        told, target, weight = flow_batch(clips, self._cfg, settings.batch)
        told, code, nats = self._planned(told, target)
        with runtime.fast_math(self._device):
            picture = self._forward(*told.tensors())
        aim = target + self._pull(told, code.detach(), picture.detach(), progress)
        error = (picture.float() - aim).square().flatten(1).mean(1)
        loss = (weight * error).mean()
        for module in (self.net, self._reader):
            module.zero_grad(set_to_none=True)
        cost = settings.plan * min(1.0, (step / PLAN_WARMUP) ** 2)
        (loss + cost * nats.mean()).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([*self.net.parameters(), *self._reader.parameters()], CLIP)
        self._optim.step()
        self._muon.step(settings.matrix_rate * speed)
        self.average.update(self.net)
        alone = told.has_history[:, 0] == 0
        return {
            "loss": loss.detach(),
            "next": error[~alone].detach().mean(),
            "fresh": (weight * error)[alone].detach().mean(),
            "nats": nats.detach().sum() / told.has_plan.sum().clamp(min=1),
            "planned": (weight * error)[told.has_plan > 0].detach().mean(),
        }

    def _planned(self, told: Inputs, target: Tensor) -> tuple[Inputs, Tensor, Tensor]:
        """Most pictures from nothing told the plan of their target; plans (b, PLAN_SIZE), their nats (b,)."""
        plans = self.net.block.plan
        free = (told.has_history[:, 0] == 0) & (told.has_source == 0)
        planned = free & (torch.rand(len(free), device=free.device) < PLANNED)
        with runtime.fast_math(self._device):
            mean, log = self._reader(target, told.text)
        mean, log = mean.float(), log.float()
        code = mean + log.exp() * torch.randn_like(mean)
        likely = plans.prior(told.text)
        nats = unlikeliness((mean, log), likely) * planned
        told = replace(told, plan=_normal(code, likely), has_plan=planned.float())
        return told, code, nats

    @torch.no_grad()
    def _pull(self, told: Inputs, code: Tensor, picture: Tensor, progress: float) -> Tensor:
        """What is added to the aim: the prompt's own share of the answer."""
        settings = self._cfg.flow
        if settings.guidance <= 0 or progress < settings.guided_from:
            return torch.zeros_like(picture)
        with runtime.fast_math(self._device):
            silent = replace(told, text=torch.zeros_like(told.text))
            silent = replace(silent, plan=_normal(code, self.net.block.plan.prior(silent.text)))
            away = self._forward(*silent.tensors()).float()
        alone = told.has_history[:, 0] == 0
        strength = torch.where(alone, 1.0, STREAM_GUIDANCE) * (told.timestep > GUIDED_FROM)
        return settings.guidance * strength[:, None, None, None] * (picture.float() - away)

    def state(self) -> dict[str, Any]:
        return {
            **self.average.state(self.net),
            "reader": self._reader.state_dict(),
            "optim": self._optim.state_dict(),
            "muon": self._muon.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.average.restore(state, self.net)
        self._reader.load_state_dict(state["reader"])
        runtime.restore_optimisers(state, optim=self._optim, muon=self._muon)

    def report(self, sheet: Path) -> dict[str, float]:
        net = self.average.module
        assert isinstance(net, LSD)
        return stream_sheet(net, self._clips, sheet)


def _normal(code: Tensor, likely: tuple[Tensor, Tensor]) -> Tensor:
    """The numbers (b, PLAN_SIZE) from which a prior would draw a plan."""
    mean, log = likely
    return (code - mean) * torch.exp(-log)


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
