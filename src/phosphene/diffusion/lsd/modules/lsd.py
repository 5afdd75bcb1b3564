"""LSD as one network: diffusion block, context memory, temporal consistency -> velocity of the flow.

The network predicts the clean field, which lies on a simple surface, where noise and velocity fill all of
space (Li & He 2025, "Back to basics: let denoising generative models denoise"); the velocity is computed
from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import torch
from torch import Tensor, nn

from phosphene.diffusion.lsd.modules.condition import Condition, ConditionConfig
from phosphene.diffusion.lsd.modules.consistency import TemporalConsistency
from phosphene.diffusion.lsd.modules.diffusion import DiffusionBlock, DiffusionConfig

HISTORY = 2
"""last outputs given as pictures; with two the net sees motion (GameNGen: more add little)"""
T_FLOOR = 1e-3
DEVIATION = 0.6
"""of fields, about their mean; both planes lie in [-1, 1]"""


@dataclass(frozen=True)
class LSDConfig:
    """Sizes of the parts."""

    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    condition: ConditionConfig = field(default_factory=ConditionConfig)
    consistency: int = 24


@dataclass(frozen=True)
class Inputs:
    """Everything one call is told.

    latent: (b, c, h, w) x_t = (1 - t) field + t noise. timestep: (b,) t in [0, 1]. text: (b, seq, text),
    zeros for no prompt. history: (b, 2, c, h, w) last outputs, newest first; has_history: (b, 2) 0 or 1.
    history_level: (b,) in [0, 1], how damaged the history is. memory: (b, m, c, h, w) outputs of long
    ago; memory_age: (b, m) frames, 0 empty. source: (b, c, h, w) picture to follow; has_source: (b,).
    audio: (b, 5) bass, mid, treble, onset, beat phase. plan: (b, PLAN_SIZE) normal numbers from which a
    picture from nothing takes its plan, see `Plan`; has_plan: (b,).
    """

    latent: Tensor
    timestep: Tensor
    text: Tensor
    history: Tensor
    has_history: Tensor
    history_level: Tensor
    memory: Tensor
    memory_age: Tensor
    source: Tensor
    has_source: Tensor
    audio: Tensor
    plan: Tensor
    has_plan: Tensor

    def tensors(self) -> tuple[Tensor, ...]:
        """In the order of `INPUTS`."""
        return tuple(getattr(self, name) for name in INPUTS)


INPUTS = tuple(f.name for f in fields(Inputs))


class LSD(nn.Module):
    """One step of a live stream."""

    def __init__(self, cfg: LSDConfig | None = None) -> None:
        super().__init__()
        self.cfg = cfg = cfg or LSDConfig()
        c, width = cfg.diffusion.latent, cfg.condition.width
        self.condition = Condition(cfg.condition)
        inputs = c * (2 + HISTORY)
        self.block = DiffusionBlock(cfg.diffusion, inputs, c, width, cfg.condition.text)
        self.consistency = TemporalConsistency(c, width, cfg.consistency)
        # gains per channel straight from each picture: keeping one costs no capacity
        self.direct = nn.Linear(width, c * (2 + HISTORY))
        nn.init.zeros_(self.direct.weight)
        nn.init.zeros_(self.direct.bias)

    def forward(
        self,
        latent: Tensor,
        timestep: Tensor,
        text: Tensor,
        history: Tensor,
        has_history: Tensor,
        history_level: Tensor,
        memory: Tensor,
        memory_age: Tensor,
        source: Tensor,
        has_source: Tensor,
        audio: Tensor,
        plan: Tensor,
        has_plan: Tensor,
    ) -> Tensor:
        """Velocity noise - field (b, c, h, w); arguments as in `Inputs`."""
        picture = self.picture(
            latent,
            timestep,
            text,
            history,
            has_history,
            history_level,
            memory,
            memory_age,
            source,
            has_source,
            audio,
            plan,
            has_plan,
        )
        velocity: Tensor = (latent - picture) / timestep[:, None, None, None].clamp(min=T_FLOOR)
        return velocity

    def picture(
        self,
        latent: Tensor,
        timestep: Tensor,
        text: Tensor,
        history: Tensor,
        has_history: Tensor,
        history_level: Tensor,
        memory: Tensor,
        memory_age: Tensor,
        source: Tensor,
        has_source: Tensor,
        audio: Tensor,
        plan: Tensor,
        has_plan: Tensor,
    ) -> Tensor:
        """The clean field (b, c, h, w) that the network sees in its arguments, which are as in `Inputs`."""
        vector = self.condition(timestep, text, has_history, history_level, has_source, audio)
        flags = torch.cat((has_history, has_source[:, None]), dim=1)[..., None, None, None]
        pictures = (torch.cat((history, source[:, None]), dim=1) * flags).flatten(1, 2)
        # unit-variance input: EDM (Karras et al. 2022)
        t = timestep[:, None, None, None]
        power = t * t + DEVIATION**2 * (1 - t) * (1 - t)
        x = torch.cat((latent * power.rsqrt(), pictures), dim=1)
        code = self.block.plan.code(text, plan)
        out = self.block(x, vector, memory, memory_age, code, has_plan)
        gain = self.direct(vector)[..., None, None]
        c = latent.shape[1]
        b, _, h, w = latent.shape
        copies = (pictures * gain[:, c:]).reshape(b, -1, c, h, w).sum(1)
        # the best linear guess at the field as a skip
        share = DEVIATION**2 * (1 - t) / power
        seen = latent * (share + gain[:, :c]) + copies + out
        steady: Tensor = self.consistency(seen, pictures[:, :c], has_history[:, 0], vector)
        return steady


def count(module: nn.Module) -> int:
    """Parameters."""
    return sum(p.numel() for p in module.parameters())
