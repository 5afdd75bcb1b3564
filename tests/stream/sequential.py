"""The same frames the slow way: one frame at a time, every formula as its paper states it, in float64.

Written apart from the engine, with StreamDiffusion's running residual in place of the engine's
reference picture.
"""

from __future__ import annotations

import numpy as np

from phosphene.stream.batch import InFlightFrame
from phosphene.stream.noise import gaussian
from phosphene.stream.steppers import lcm_boundary
from tests.stream.toy import SD, toy_predict


def _eps(in_flight: InFlightFrame, x: np.ndarray, t: float, embeds) -> np.ndarray:
    def host(array):
        return np.asarray(array, np.float64)

    time = np.full(x.shape[0], t)
    return toy_predict(x, time, host(embeds), in_flight.context.map(host))


def denoise_alone(in_flight: InFlightFrame) -> np.ndarray:
    """The finished latent of an eps-predicting toy frame on Stable Diffusion's schedule."""
    plan, guidance = in_flight.plan, in_flight.plan.guidance
    x = np.asarray(in_flight.x, np.float64)
    g, delta = guidance.scale, guidance.delta
    mode = guidance.mode if guidance.scale != 1 else "none"
    residual = None
    for i, t in enumerate(plan.timesteps):
        alpha, sigma = SD.levels(t)
        eps = _eps(in_flight, x, t, in_flight.embeds)
        if mode == "full":
            negative = _eps(in_flight, x, t, in_flight.negative)
            eps = negative + g * (eps - negative)
        if mode == "self" and i == 0 and in_flight.reference is not None:
            residual = (x - alpha * np.asarray(in_flight.reference, np.float64)) / sigma
        if mode == "initialize" and i == 0:
            residual = _eps(in_flight, x, t, in_flight.negative)
        if mode in ("self", "initialize") and residual is not None:
            eps = delta * residual + g * (eps - delta * residual)

        x0 = (x - sigma * eps) / alpha
        c_skip, c_out = lcm_boundary(t) if plan.stepper == "lcm" else (0.0, 1.0)
        denoised = c_out * x0 + c_skip * x
        if i == len(plan.timesteps) - 1:
            return denoised
        t_next = plan.timesteps[i + 1]
        alpha_next, sigma_next = SD.levels(t_next)
        fresh = gaussian(plan.seed, 0, i + 1, x.shape).astype(np.float64)
        if residual is not None:
            # StreamDiffusion pipeline.py: the step applied to the residual, brought to the next level.
            change = c_out * (sigma * residual - sigma * eps) / alpha + c_skip * sigma * residual
        if not plan.add_noise:
            fresh = eps
        elif plan.stepper == "tcd":
            alpha_s, sigma_s = SD.levels((1 - plan.gamma) * t_next)
            shrink = alpha_next / alpha_s
            fresh = (shrink * sigma_s * eps + np.sqrt(1 - shrink**2) * fresh) / sigma_next
        x = alpha_next * denoised + sigma_next * fresh
        if residual is not None:
            residual = fresh + alpha_next * change / sigma_next
    return x
