"""What training minimises."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def reconstruction_loss(output: Tensor, target: Tensor) -> Tensor:
    """How far pictures (b, 3, h, w) are apart: levels, edges and fine detail.

    L1 at three scales, L1 of the horizontal and vertical differences, and L1 of the Haar detail bands at two
    scales, in which a missing thin line or a grid stands out from large flat areas.
    """
    loss = F.l1_loss(output, target)
    for scale in (2, 4):
        loss = loss + 0.5 * F.l1_loss(F.avg_pool2d(output, scale), F.avg_pool2d(target, scale))
    for dim in (-1, -2):
        loss = loss + F.l1_loss(output.diff(dim=dim), target.diff(dim=dim))
    difference = output - target
    for _ in range(2):
        difference, details = haar(difference)
        loss = loss + 0.5 * details.abs().mean()
    return loss


def crispness_loss(output: Tensor, target: Tensor, window: int = 8) -> Tensor:
    """How far pictures (b, c, h, w) are from being as steep, window by window, wherever the edges lie.

    What cannot be known exactly an L1 loss answers with blur; this asks for as much edge as there is.
    Means of squares, as a sum of differences is the same for a step and for its blur.
    """
    loss = output.new_zeros(())
    for dim in (-1, -2):
        made, wanted = (
            (F.avg_pool2d(x.diff(dim=dim).square(), window, window // 2) + 1e-5).sqrt()
            for x in (output, target)
        )
        loss = loss + F.l1_loss(made, wanted)
    return loss


def haar(x: Tensor) -> tuple[Tensor, Tensor]:
    """One level of the Haar transform: means (b, c, h/2, w/2) and details (b, 3c, h/2, w/2), halved."""
    b, c, h, w = x.shape
    block = F.pixel_unshuffle(x, 2).view(b, c, 4, h // 2, w // 2)
    p, q, r, s = block.unbind(2)
    details = torch.cat((p - q + r - s, p + q - r - s, p - q - r + s), dim=1) / 4
    return (p + q + r + s) / 4, details


def pseudo_huber(difference: Tensor, scale: float = 0.3) -> Tensor:
    """Quadratic near 0, linear far off: sqrt(d^2 + c^2) - c (Charbonnier et al. 1997), element by element."""
    return (difference * difference + scale * scale).sqrt() - scale


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic pairing: a real picture must look more real than the made one beside it.

    Jolicoeur-Martineau 2019; with gradient penalties it converges (R3GAN, Huang et al. 2024).
    """
    return F.softplus(fake - real).mean()


def maker_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The other side of `critic_loss`."""
    return F.softplus(real - fake).mean()


def steepness(logits: Tensor, disturbed: Tensor, noise: float) -> Tensor:
    """Squared slope of a critic, estimated from its answer to pictures with a little noise added.

    Approximates the R1 and R2 penalties without second derivatives (Lin et al. 2025, "Diffusion
    adversarial post-training", sec. 3.4).
    """
    return ((disturbed - logits) / noise).square().mean()


def balanced_backward(output: Tensor, faithful: Tensor, convincing: Tensor, share: float) -> float:
    """Backpropagate two losses of `output` so that the second pulls with `share` of the first's strength.

    Strength is the norm of the gradient at the output (after VQGAN's adaptive weight, Esser et al. 2021),
    which frees the recipe from the losses' scales. Returns the second's norm over the first's.
    """
    (pull,) = torch.autograd.grad(faithful, output, retain_graph=True)
    (push,) = torch.autograd.grad(convincing, output, retain_graph=True)
    ratio = push.norm() / pull.norm().clamp(min=1e-12)
    output.backward(pull + push * (share / ratio.clamp(min=1e-6)))  # type: ignore[no-untyped-call]
    return float(ratio)
