"""Noise schedules: how much picture and how much noise there is at a timestep.

All models obey ``x_t = alpha(t) * x0 + sigma(t) * eps``. Timesteps are known on the host, so everything
here is NumPy; only the resulting numbers ever reach a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError

Prediction = Literal["eps", "v", "x0", "flow"]
"""what a model's output means; see :func:`x0_weights`"""

FloatArray = npt.NDArray[np.float64]

INDEX_GRID = 50
"""entries of the grid that ``t_index_list`` counts on: LCM's, as in StreamDiffusion"""
TINY = 1e-6
"""floor of divisors: alpha is 0 at the noisy end of flow schedules, sigma at the clean end"""


@dataclass(frozen=True, eq=False)
class Schedule:
    """Signal and noise over time, from clean (t = 0) to noise (t = ``t_max``).

    ``alphas_cumprod`` (T,) makes it variance preserving, alpha^2 + sigma^2 = 1, with t in 0..T-1.
    ``None`` makes it a flow (rectified flow, Liu 2022): alpha = 1 - t, sigma = t, with t in 0..1.
    """

    alphas_cumprod: FloatArray | None = None

    @classmethod
    def flow(cls, shift: float = 1.0) -> Schedule:
        """Straight lines between picture and noise, t in 0..1.

        ``shift`` moves the steps towards noise, more of it the larger the pictures (Esser 2024, eq. 23).
        """
        return cls(None) if shift == 1.0 else ShiftedSchedule(shift_of=lambda _: shift)

    @property
    def t_max(self) -> float:
        """The noisiest timestep."""
        return 1.0 if self.alphas_cumprod is None else float(len(self.alphas_cumprod) - 1)

    def alpha_sigma(self, t: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """(alpha, sigma) at any timesteps, any shape; values outside 0..t_max count as the ends.

        Between whole timesteps log(alpha / sigma) is linear (Lu 2022, DPM-Solver), so fractional
        ones keep the variance too.
        """
        times = np.clip(np.asarray(t, np.float64), 0.0, self.t_max)
        if self.alphas_cumprod is None:
            return 1.0 - times, times
        snr = np.exp(2.0 * np.interp(times, np.arange(len(self.alphas_cumprod)), self._log_ratio))
        return np.sqrt(snr / (1.0 + snr)), np.sqrt(1.0 / (1.0 + snr))

    def levels(self, t: float) -> tuple[float, float]:
        """(alpha, sigma) at one timestep, as plain numbers that keep float32 arrays float32."""
        alpha, sigma = self.alpha_sigma(t)
        return float(alpha), float(sigma)

    def thousandths(self, t: float) -> float:
        """``t`` counted in thousandths of the schedule, the unit of LCM's boundary condition."""
        return 1000.0 * t if self.alphas_cumprod is None else 1000.0 * t / len(self.alphas_cumprod)

    def steps(
        self, n: int, strength: float = 1.0, indices: Sequence[int] | None = None
    ) -> FloatArray:
        """Timesteps to denoise at, noisiest first, shape (n,).

        ``strength`` 0..1 is linear in the schedule's own time: 0 keeps the input (no steps at all),
        1 ignores it (starts at ``t_max``). ``indices`` overrules both with StreamDiffusion's
        ``t_index_list``: index k of 50 is ``t_max * (1 - k / 50)``, for 1000 timesteps 999 - 20 k.
        Raises :class:`ConfigError`.
        """
        if indices is not None:
            return self._indexed(indices)
        if not 0.0 <= strength <= 1.0:
            raise ConfigError(f"strength must be 0..1, not {strength:g}.")
        if n < 1:
            raise ConfigError(f"the number of denoising steps must be at least 1, not {n}.")
        if strength == 0.0:
            return np.empty(0)
        return self.t_max * strength * np.arange(n, 0, -1) / n

    def from_blend_ratio(self, ratio: float) -> float:
        """The timestep at which a clean picture makes up ``ratio`` (0..1) of a unit of amplitude.

        Blending ``ratio`` of a picture into unit noise, ``r x0 + sqrt(1 - r^2) eps``, is the same as
        starting where ``alpha / sqrt(alpha^2 + sigma^2) = r``. Ratios that the schedule never
        reaches give its ends.
        """
        ratio = min(max(ratio, 0.0), 1.0)
        signal_to_noise = ratio / max(np.sqrt(1.0 - ratio * ratio), TINY)
        if self.alphas_cumprod is None:
            return float(1.0 / (1.0 + signal_to_noise))
        # np.interp wants rising abscissae: walk the falling log ratio backwards.
        times = np.arange(len(self.alphas_cumprod))[::-1]
        return float(np.interp(np.log(max(signal_to_noise, TINY)), self._log_ratio[::-1], times))

    @cached_property
    def _log_ratio(self) -> FloatArray:
        assert self.alphas_cumprod is not None
        log_ratio: FloatArray = 0.5 * (np.log(self.alphas_cumprod) - np.log1p(-self.alphas_cumprod))
        return log_ratio

    def strength_at(self, t: float) -> float:
        """The strength (0..1) whose first step is at ``t``."""
        return t / self.t_max

    def _indexed(self, indices: Sequence[int]) -> FloatArray:
        wrong = [k for k in indices if not 0 <= k < INDEX_GRID]
        if wrong or not indices or list(indices) != sorted(set(indices)):
            raise ConfigError(
                f"t_index_list must rise, with every index in 0..{INDEX_GRID - 1}, not {list(indices)}."
            )
        k = np.asarray(indices, np.float64)
        if self.alphas_cumprod is None:
            return 1.0 - k / INDEX_GRID
        stride = len(self.alphas_cumprod) // INDEX_GRID
        return self.t_max - stride * k


@dataclass(frozen=True, eq=False)
class ShiftedSchedule(Schedule):
    """A flow whose steps are even before a shift ``s`` moves them: ``s t / (1 + (s - 1) t)``."""

    shift_of: Callable[[int], float] = lambda _: 1.0
    """the shift of a picture that is drawn in so many steps"""
    usual_steps: int = 4
    """of a whole picture, where nobody says"""

    def steps(
        self, n: int, strength: float = 1.0, indices: Sequence[int] | None = None
    ) -> FloatArray:
        """As :meth:`Schedule.steps`, shifted; n steps of a part have the shift of all there would be."""
        even = super().steps(n, strength, indices)
        whole = self.usual_steps if indices is not None or not strength else round(n / strength)
        return shifted(even, self.shift_of(max(1, whole)))

    def strength_at(self, t: float) -> float:
        """The strength whose first step is about at ``t``."""
        return float(shifted(np.asarray(t), 1.0 / self.shift_of(self.usual_steps)))


def shifted(times: FloatArray, shift: float) -> FloatArray:
    """Times of a flow, 0..1, moved towards noise; ``1 / shift`` moves them back."""
    moved: FloatArray = shift * times / (1.0 + (shift - 1.0) * times)
    return moved


def x0_weights(kind: Prediction, alpha: float, sigma: float) -> tuple[float, float]:
    """(a, b) with ``x0 = a x + b prediction``.

    ====  ==================  ==============================  ==========================
    kind  the model predicts  x0                              source
    ====  ==================  ==============================  ==========================
    eps   eps                 (x - sigma eps) / alpha         Ho 2020, eq. 15
    x0    x0                  x0                              -
    v     alpha eps-sigma x0  (alpha x - sigma v) / (a2+s2)   Salimans & Ho 2022, app. D
    flow  eps - x0            (x - sigma v) / (alpha+sigma)   Liu 2022, eq. 1
    ====  ==================  ==============================  ==========================
    """
    if kind == "eps":
        return 1.0 / max(alpha, TINY), -sigma / max(alpha, TINY)
    if kind == "x0":
        return 0.0, 1.0
    if kind == "v":
        power = alpha * alpha + sigma * sigma
        return alpha / power, -sigma / power
    return 1.0 / (alpha + sigma), -sigma / (alpha + sigma)
