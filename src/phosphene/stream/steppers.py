"""From one denoising step to the next, as plain functions of plain numbers.

Both rules mix what the model sees, ``next = x0 * a + eps * b + noise * c``; they differ in how much of
the predicted noise is kept and how much is drawn anew.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

SIGMA_DATA = 0.5
TIMESTEP_SCALING = 10.0
"""constants of LCM's boundary condition (Luo 2023, app. C; diffusers' LCMScheduler)"""


class Mix(NamedTuple):
    """Weights of the next noisy latent."""

    x0: float
    eps: float
    noise: float


def lcm_boundary(t: float) -> tuple[float, float]:
    """(c_skip, c_out) with ``denoised = c_skip x + c_out x0``, so that a clean input stays itself.

    ``t`` counts in thousandths of the schedule, as in Stable Diffusion (0..999).
    """
    scaled = t * TIMESTEP_SCALING
    power = scaled * scaled + SIGMA_DATA * SIGMA_DATA
    return SIGMA_DATA * SIGMA_DATA / power, scaled / sqrt(power)


def lcm_mix(alpha_next: float, sigma_next: float, add_noise: bool = True) -> Mix:
    """Latent consistency step (Luo 2023, alg. 3): forget the old noise, draw new.

    Without ``add_noise`` the predicted noise goes back in (DDIM, Song 2020, eq. 12 with eta 0), so
    that the level of noise is the one the next timestep states.
    """
    if add_noise:
        return Mix(alpha_next, 0.0, sigma_next)
    return Mix(alpha_next, sigma_next, 0.0)


def tcd_mix(
    alpha_next: float, sigma_next: float, alpha_s: float, sigma_s: float, add_noise: bool = True
) -> Mix:
    """Trajectory consistency step (Zheng 2024, alg. 4): down to s, then noise back up to the next t.

    ``s = (1 - gamma) t_next``: gamma 0 keeps all the predicted noise, 1 none of it.
    """
    if not add_noise:
        return Mix(alpha_next, sigma_next, 0.0)
    kept = alpha_next * sigma_s / alpha_s
    return Mix(alpha_next, kept, sqrt(max(sigma_next * sigma_next - kept * kept, 0.0)))
