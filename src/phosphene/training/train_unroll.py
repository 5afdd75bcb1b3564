"""Stage 2: sharp one-step frames on its own history.

Three kinds of rows share every step:
- streams that start in a clip, feed themselves up to `frames` frames, and must then meet the clip again;
- long streams that have left their clip behind, for which only a critic can say whether they still look
  like video of their prompt: drift, which no short unroll shows, is what it sees;
- pictures from nothing, which must match a many-step teacher's in one step, or in any.
Self-fed frames are detached and quantised to 8 bits (DIAMOND; Alonso et al. 2024). A one-step student
against a critic on its own rollouts is the way of Lin et al. 2025, "Autoregressive adversarial
post-training", at a thousandth of the size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor

from phosphene.diffusion.lsd.feeds import PLAN_SIZE
from phosphene.diffusion.lsd.modules.lsd import LSD, Inputs
from phosphene.stream.noise import plan_of
from phosphene.training import losses, runtime
from phosphene.training.bank import Running, StreamBank
from phosphene.training.clips import MEMORIES, planes
from phosphene.training.config import TrainConfig
from phosphene.training.corrupt import Past, corrupt, quantise
from phosphene.training.nets.critic import StreamCritic
from phosphene.training.pool import Clips
from phosphene.training.remember import remember
from phosphene.training.sample import blank, next_picture
from phosphene.training.stage import CriticStage, Figures
from phosphene.training.stream_sheet import stream_sheet
from phosphene.training.streams import (
    STREAM_T,
    Streams,
    at,
    draw_streams,
    follow,
    inputs_of,
    join,
    noisy_start,
    past_of,
    step_past,
)
from phosphene.training.teacher import Pairs, draw_pairs

BLIND = 0.3
"""share of rows in which the critic does not see the frame before"""
ONE_STEP = 0.6
"""share of pictures from nothing that start at t = 1"""


@dataclass(frozen=True)
class Rows:
    """One step's work: arguments, targets (b, c, h, w), 1 (b,) where a target holds, whose prompt it is."""

    told: Inputs
    target: Tensor
    aimed: Tensor
    owner: Tensor
    running: Running


class UnrollStage(CriticStage):
    """LSD on its own histories, against a critic."""

    name = "unroll"

    def __init__(self, cfg: TrainConfig, clips: Clips, start: LSD, device: torch.device) -> None:
        torch.manual_seed(cfg.seed + 1)
        self.minutes = cfg.unroll.minutes
        self._cfg, self._clips, self._device = cfg, clips, device
        self.net = runtime.place(LSD(start.cfg), device)
        self.net.load_state_dict(start.state_dict())
        self.average = runtime.Average(self.net, cfg.unroll.average)
        text, audio = clips.text.shape[-1], clips.audio.shape[-1]
        critic = StreamCritic(clips.fields.shape[2], text, audio, cfg.unroll.critic_width)
        self._critic = runtime.place(critic, device)
        self._forward = runtime.compiled(self.net.forward, cfg.compile, device)
        self._judge = runtime.compiled(self._critic.forward, cfg.compile, device)
        self._optim = torch.optim.AdamW(
            self.net.parameters(), lr=cfg.unroll.rate, betas=(0.5, 0.98), weight_decay=0.01
        )
        self._critic_optim = torch.optim.AdamW(
            self._critic.parameters(), lr=cfg.unroll.critic_rate, betas=(0.0, 0.99)
        )
        self._bank = StreamBank(cfg.unroll.keep)
        self._pairs: Pairs = draw_pairs(start.forward, clips, cfg.unroll, device)

    def step(self, step: int, progress: float) -> Figures:
        cfg = self._cfg.unroll
        # warmed up anew: the critic knows nothing at first
        runtime.set_rate(self._optim, runtime.learning_rate(cfg.rate, step, progress))
        runtime.set_rate(
            self._critic_optim, runtime.learning_rate(cfg.critic_rate, step, 0.8 * progress, 20)
        )
        with runtime.fast_math(self._device):
            rows = self._rows()
            picture = next_picture(self._forward, rows.told)
        self._keep(rows, picture.detach())
        real, fake = self._seen(rows, picture)
        with runtime.fast_math(self._device):
            convincing = losses.maker_loss(self._judge(*real), self._judge(*fake)).float()
        error = losses.pseudo_huber(picture - rows.target).flatten(1).mean(1)
        faithful = (error * rows.aimed).sum() / rows.aimed.sum().clamp(min=1)
        self._optim.zero_grad(set_to_none=True)
        eager = cfg.sharp * min(1.0, (step + 1) / 300)
        push = losses.balanced_backward(picture, faithful, convincing, eager)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self._optim.step()
        self.average.update(self.net)
        critic = self._train_critic(real, (fake[0].detach(), *fake[1:]))
        device = self._device
        return {
            "faithful": faithful.detach(),
            "critic": critic,
            "push": torch.tensor(push, device=device),
            "deviation": self._bank.deviation(64),
        }

    def _rows(self) -> Rows:
        """Roll streams forward without gradients up to the frame to be trained."""
        cfg = self._cfg.unroll
        fresh = round(cfg.batch * cfg.fresh)
        long = round((cfg.batch - fresh) * cfg.long) if self._cfg.unroll_on else 0
        if len(self._bank) < cfg.batch:
            long = 0
        short = cfg.batch - fresh - long
        most = min(cfg.frames, self._clips.frames - 3) if self._cfg.unroll_on else 0
        frames = int(torch.randint(most + 1, ()))
        streams, running, k = self._short(short, frames)
        aimed = torch.ones(short, device=self._device)
        if long:
            # one batch of one size: two would cost twice the launches, and twice the compiling
            more = self._long(long)
            streams, running = _stacked(streams, more[0]), _joined(running, more[1])
            k, aimed = torch.cat((k, more[2])), torch.cat((aimed, torch.zeros_like(more[2])))
        told, running = self._roll(streams, running, k, frames)
        target = at(streams.frames, (k + frames).clamp(max=streams.frames.shape[1] - 1))
        owner = running.owner
        if fresh:
            alone, picture, whose = self._fresh(fresh, told.memory.shape[1])
            told, target = join([told, alone]), torch.cat((target, picture))
            aimed = torch.cat((aimed, torch.ones(fresh, device=self._device)))
            owner = torch.cat((owner, whose))
        return Rows(told, target, aimed, owner, running)

    def _short(self, count: int, frames: int) -> tuple[Streams, Running, Tensor]:
        flow = self._cfg.flow
        streams = draw_streams(self._clips, count, flow.stranger)
        k = torch.randint(2, self._clips.frames - frames, (count,), device=self._device)
        past = corrupt(past_of(streams, k), self._cfg.corruption)
        if not self._cfg.memory_on:
            past = replace(past, age=torch.zeros_like(past.age))
        return streams, Running(past, streams.owner, streams.moves), k

    def _long(self, count: int) -> tuple[Streams, Running, Tensor]:
        running = self._bank.take(count, self._clips)
        k = torch.zeros(count, dtype=torch.long, device=self._device)
        return _owned(self._clips, running), running, k

    def _roll(
        self, streams: Streams, running: Running, k: Tensor, frames: int
    ) -> tuple[Inputs, Running]:
        """Arguments of the frame after `frames` self-fed ones, and the streams up to there."""
        b, device = len(k), self._device
        low, high = STREAM_T
        t = low + (high - low) * torch.rand(b, device=device)
        sourced = (streams.has_source > 0) & (torch.rand(b, device=device) < 0.5)
        held = torch.randn_like(streams.frames[:, 0])
        fresh = torch.rand(b, device=device)
        past = running.past
        for frame in range(frames + 1):
            now = k + frame
            noise = _blend(held, torch.randn_like(held), fresh)
            start = torch.where(
                sourced[:, None, None, None], at(streams.source, now), past.history[:, 0]
            )
            begun = sourced | (past.has[:, 0] > 0)
            when = torch.where(begun, t, torch.ones_like(t))
            told = inputs_of(streams, past, now, noisy_start(start, noise, when), when)
            if frame < frames:
                with torch.no_grad():
                    picture = quantise(next_picture(self._forward, told))
                past = step_past(past, picture, running.moves)
        return told, replace(running, past=past)

    def _fresh(self, count: int, memories: int) -> tuple[Inputs, Tensor, Tensor]:
        device = self._device
        pick = torch.randint(len(self._pairs), (count,), device=device)
        noise, picture = self._pairs.noise[pick].float(), self._pairs.picture[pick].float()
        owner = self._pairs.owner[pick]
        later = torch.rand(count, device=device) > ONE_STEP
        some = 0.1 + 0.9 * torch.rand(count, device=device)
        t = torch.where(later, some, torch.ones_like(some))
        told = blank(
            noisy_start(picture, noise, t),
            self._pairs.text[pick],
            self._pairs.audio[pick],
            memories,
        )
        # of the plan that the teacher had
        plan, planned = plan_of(noise, PLAN_SIZE), torch.ones_like(t)
        return replace(told, timestep=t, plan=plan, has_plan=planned), picture, owner

    def _keep(self, rows: Rows, picture: Tensor) -> None:
        """Put the streams back, one frame on."""
        if not self._cfg.unroll_on:
            return
        running = rows.running
        picture = quantise(picture[: len(running)])
        past = step_past(running.past, picture, running.moves)
        if self._cfg.memory_on:
            # on average every stride frames, whatever a step's own length
            past = remember(past, picture, int(torch.randint(4, ())), 4)
        self._bank.put(replace(running, past=replace(past, level=torch.zeros_like(past.level))))

    def _seen(self, rows: Rows, picture: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What the critic is shown: true frames of the same prompts, and the made ones."""
        clips, device = self._clips, self._device
        b = len(picture)
        k = torch.randint(1, clips.frames, (b,), device=device)
        first = clips.fields.shape[1] - clips.frames
        now = planes(clips.fields[rows.owner, first + k])
        before = planes(clips.fields[rows.owner, first + k - 1])
        before = follow(before, clips.moves[rows.owner])
        has = rows.told.has_history[:, 0] * (torch.rand(b, device=device) > BLIND)
        text = clips.words(rows.owner)
        real = (now, before, has, text, clips.audio[rows.owner, k])
        fake = (picture, rows.told.history[:, 0], has, text, rows.told.audio)
        return real, fake

    def _train_critic(self, real: tuple[Tensor, ...], fake: tuple[Tensor, ...]) -> Tensor:
        cfg = self._cfg.unroll
        sides = [torch.cat(pair) for pair in zip(real, fake, strict=True)]
        noisy = sides[0] + cfg.critic_noise * torch.randn_like(sides[0])
        with runtime.fast_math(self._device):
            clear = self._judge(*sides).float()
            disturbed = self._judge(noisy, *sides[1:]).float()
        loss = losses.critic_loss(*clear.chunk(2))
        total = loss + cfg.critic_slope * losses.steepness(clear, disturbed, cfg.critic_noise)
        self.teach(total)
        return loss.detach()

    def report(self, sheet: Path) -> dict[str, float]:
        net = self.average.module
        assert isinstance(net, LSD)
        return stream_sheet(net, self._clips, sheet)


def _blend(held: Tensor, fresh: Tensor, share: Tensor) -> Tensor:
    """Noise of unit variance with `share` (b,) of its variance new."""
    new = share[:, None, None, None]
    return (1 - new).sqrt() * held + new.sqrt() * fresh


def _owned(clips: Clips, running: Running) -> Streams:
    """Running streams with their owners' prompts, and the sound of any clip; they have no source."""
    owner = running.owner
    heard = torch.randint(len(clips), (len(owner),), device=owner.device)
    frames = planes(clips.fields[owner, MEMORIES:])
    return Streams(
        frames=frames,
        past=frames,
        memory=running.past.memory,
        age=running.past.age,
        audio=clips.audio[heard],
        text=clips.words(owner),
        moves=running.moves,
        source=torch.zeros_like(frames),
        has_source=torch.zeros_like(running.moves[:, 0]),
        owner=owner,
    )


def _joined(one: Running, other: Running) -> Running:
    past = Past(
        *(torch.cat((getattr(one.past, f.name), getattr(other.past, f.name))) for f in fields(Past))
    )
    return Running(past, torch.cat((one.owner, other.owner)), torch.cat((one.moves, other.moves)))


def _stacked(one: Streams, other: Streams) -> Streams:
    return Streams(
        *(torch.cat((getattr(one, f.name), getattr(other, f.name))) for f in fields(Streams))
    )
