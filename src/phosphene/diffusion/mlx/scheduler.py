"""The noise schedule that a checkpoint's scheduler config describes, as diffusers computes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from phosphene.diffusion.checkpoints.families import Family
from phosphene.diffusion.sd.pipeline import PREDICTIONS, SMALLEST_ALPHA
from phosphene.diffusion.sd.schedule import SpacedSchedule
from phosphene.errors import ModelError
from phosphene.stream.schedule import FloatArray, Prediction

Config = dict[str, Any]


def schedule_of(config: Config, family: Family) -> SpacedSchedule:
    """The schedule of a checkpoint. Raises ModelError for betas that no known family has."""
    alphas = np.maximum(alphas_cumprod(config), SMALLEST_ALPHA)
    return SpacedSchedule(alphas, spacing=family.spacing, first=family.first)


def prediction_of(config: Config, name: str) -> Prediction:
    """What the network predicts. Raises ModelError."""
    kind = config.get("prediction_type", "epsilon")
    if kind not in PREDICTIONS:
        raise ModelError(f"{name} predicts '{kind}': only {', '.join(PREDICTIONS)} can be used.")
    return PREDICTIONS[kind]


def alphas_cumprod(config: Config) -> FloatArray:
    """(T,) share of signal power. Raises ModelError."""
    start, end = config.get("beta_start", 0.0001), config.get("beta_end", 0.02)
    count, kind = config.get("num_train_timesteps", 1000), config.get("beta_schedule", "linear")
    if config.get("trained_betas") is not None:
        betas = np.asarray(config["trained_betas"])
    elif kind == "linear":
        betas = np.linspace(start, end, count)
    elif kind == "scaled_linear":
        betas = np.linspace(start**0.5, end**0.5, count) ** 2
    else:
        raise ModelError(
            f"the scheduler's beta_schedule '{kind}' is unknown to MLX: use device mps."
        )
    alphas: FloatArray = np.cumprod(1.0 - betas, dtype=np.float64)
    return _down_to_zero(alphas) if config.get("rescale_betas_zero_snr") else alphas


def _down_to_zero(alphas: FloatArray) -> FloatArray:
    """The last timestep becomes pure noise (Lin 2023, "Common diffusion noise schedules", alg. 1)."""
    roots = np.sqrt(alphas)
    rescaled: FloatArray = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
    return rescaled
