"""The timesteps that each family was distilled on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from phosphene.diffusion.checkpoints.families import Spacing
from phosphene.errors import ConfigError
from phosphene.stream.schedule import INDEX_GRID, FloatArray, Schedule

WHOLE = 1e-6
"""a timestep this little below a whole one is that one: strengths come from divisions"""


@dataclass(frozen=True, eq=False)
class SpacedSchedule(Schedule):
    """A discrete schedule that only visits whole timesteps of its family's own grid.

    ``first`` replaces the noisiest timestep of pictures from nothing, and nothing starts above it. Spacing
    ``last`` has one timestep, the noisiest, whatever is asked for.
    """

    spacing: Spacing = "trailing"
    first: int | None = None

    def steps(
        self, n: int, strength: float = 1.0, indices: Sequence[int] | None = None
    ) -> FloatArray:
        """As :meth:`Schedule.steps`, on whole timesteps, falling; fewer than n where none are left.

        ``trailing`` is diffusers' spacing of that name; ``lcm`` is ``LCMScheduler.set_timesteps``,
        strength included, so a strength counts in fiftieths there.
        """
        if self.spacing == "last":
            if indices is not None and list(indices) != [0]:
                raise ConfigError("this model draws at timestep 999 alone: drop t_index_list.")
            # what cannot be asked for is refused as elsewhere
            return super().steps(n, strength)[:1] * 0.0 + self.t_max
        if indices is not None or not 0.0 < strength <= 1.0 or n < 1:
            return super().steps(n, strength, indices)
        assert self.alphas_cumprod is not None
        length = len(self.alphas_cumprod)
        if self.spacing == "trailing":
            even = strength * length * np.arange(n, 0, -1) / n
            times: FloatArray = np.round(even).astype(np.float64) - 1.0
        else:
            grid = max(1, floor(INDEX_GRID * strength + WHOLE))
            stride = float(length // INDEX_GRID)
            origin: FloatArray = np.arange(grid, 0, -1, dtype=np.float64) * stride - 1.0
            chosen = np.floor(np.linspace(0, grid, num=min(n, grid), endpoint=False))
            times = origin[chosen.astype(np.int64)]
        highest = self.t_max if self.first is None else float(self.first)
        times = np.clip(times, 0.0, highest)
        return np.unique(times)[::-1]

    def levels(self, t: float) -> tuple[float, float]:
        """(alpha, sigma) at ``t`` rounded down: TCD's s falls between timesteps, as in diffusers."""
        return super().levels(floor(t + WHOLE))
