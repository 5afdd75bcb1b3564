"""Guidance: how hard the prompt pulls, and away from what.

With ``g`` the scale and ``d`` the weight ``delta`` of the virtual residual (StreamDiffusion, Kodaira
2023, sec. 3.2):

==========  ==========================  =======================================  ==========
mode        away from                   guided eps                               model rows
==========  ==========================  =======================================  ==========
none        -                           eps_c                                    1
full        the negative prompt         eps_u + g (eps_c - eps_u)                2
self        the frame's own source      d eps_r + g (eps_c - d eps_r)            1
initialize  the first step's negative   as self                                  2, then 1
==========  ==========================  =======================================  ==========

where ``eps_r = (x - alpha r) / sigma`` is the noise that would lead back to the reference ``r``: the
clean latent that the frame started from (self), or the negative prompt's x0 at the frame's first step
(initialize). StreamDiffusion updates eps_r from step to step; kept as ``r``, which travels with its
frame, it is the same number and can carry nothing over from another frame.
"""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.config import GuidanceMode
from phosphene.stream.arrays import Array

MIN_ALPHA = 0.05
"""below the least alpha of Stable Diffusion (0.068); keeps delta != 1 finite where a flow has alpha 0"""


@dataclass(frozen=True)
class Guidance:
    """One frame's guidance. ``scale`` 1 is off in every mode."""

    mode: GuidanceMode = "none"
    scale: float = 1.0
    delta: float = 1.0

    @property
    def on(self) -> bool:
        """Whether it changes anything."""
        return self.mode != "none" and self.scale != 1.0

    def asks_negative(self, step: int) -> bool:
        """Whether the model must also see the negative prompt at ``step`` (0 is the first)."""
        return self.on and (self.mode == "full" or (self.mode == "initialize" and step == 0))


UNGUIDED = Guidance()


def guide_full(x0: Array, x0_negative: Array, scale: float) -> Array:
    """Classifier-free guidance (Ho & Salimans 2022); linear, so the same for x0 as for eps."""
    return x0_negative + scale * (x0 - x0_negative)


def guide_residual(
    x: Array, x0: Array, reference: Array, alpha: float, guidance: Guidance
) -> Array:
    """Residual guidance, the table's ``self`` formula solved for x0.

    ``g x0 + (1 - g) (d r + (1 - d) x / alpha)``: for d = 1 no division is left.
    """
    g, d = guidance.scale, guidance.delta
    virtual = reference if d == 1.0 else d * reference + ((1.0 - d) / max(alpha, MIN_ALPHA)) * x
    return g * x0 + (1.0 - g) * virtual
