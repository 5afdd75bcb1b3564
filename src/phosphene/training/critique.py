"""A critic beside a decoder in training: what it says of its pictures, and how it learns."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phosphene.training import losses, runtime
from phosphene.training.nets.critic import PictureCritic

NOISE = 0.05
"""of the critic's slope estimate, grey level 1 = white"""
SLOPE = 1.0
COMING = 0.1
"""progress over which its voice grows"""
AHEAD = 0.05
"""progress that it learns before its first word"""


class Critique:
    """A critic that joins in at a share of the progress.

    Args:
        width: channels of the critic.
        start: progress 0..1 from which it is heard.
        strength: of its pull against fidelity's; 0: there is none.
        rate: highest learning rate.
    """

    def __init__(
        self, width: int, start: float, strength: float, rate: float, device: torch.device
    ) -> None:
        self._start, self._strength, self._device = start, strength, device
        self._critic = runtime.place(PictureCritic(width), device)
        self._optim = torch.optim.AdamW(self._critic.parameters(), lr=rate, betas=(0.0, 0.99))

    def backward(self, faithful: Tensor, output: Tensor, target: Tensor, progress: float) -> None:
        """Gradients of ``faithful``, a loss of ``output`` (b 3 h w), and of what the critic says of it."""
        if progress < self._start or self._strength == 0:
            faithful.backward()  # type: ignore[no-untyped-call]
            return
        eager = min(1.0, (progress - self._start) / COMING)
        with runtime.fast_math(self._device):
            convincing = losses.maker_loss(self._critic(target), self._critic(output)).float()
        losses.balanced_backward(output, faithful, convincing, eager * self._strength)

    def learn(
        self, target: Tensor, output: Tensor, progress: float, rate: float
    ) -> dict[str, Tensor]:
        """Tell made pictures from real ones a little better; its loss, if it is at work yet."""
        if self._strength == 0 or progress < self._start - AHEAD:
            return {}
        runtime.set_rate(self._optim, 0.5 * rate)
        pictures = torch.cat((target, output.detach().clamp(-0.2, 1.2)))
        noisy = pictures + NOISE * torch.randn_like(pictures)
        with runtime.fast_math(self._device):
            logits = self._critic(torch.cat((pictures, noisy))).float()
        clear, disturbed = logits.chunk(2)
        loss = losses.critic_loss(*clear.chunk(2))
        total = loss + SLOPE * losses.steepness(clear, disturbed, NOISE)
        self._optim.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._optim.step()
        return {"critic": loss.detach()}

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"critic": self._critic.state_dict(), "critic_optim": self._optim.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`."""
        self._critic.load_state_dict(state["critic"])
        runtime.restore_optimisers(state, critic_optim=self._optim)
