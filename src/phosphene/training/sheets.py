"""Sample sheets and curves, written while training goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor


def save_sheet(path: Path, rows: Tensor) -> None:
    """Write (rows, columns, 3, h, w) pictures in [0, 1] as one PNG."""
    from PIL import Image

    r, c, _, h, w = rows.shape
    sheet = rows.clamp(0, 1).permute(0, 3, 1, 4, 2).reshape(r * h, c * w, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((sheet.float().cpu().numpy() * 255).round().astype(np.uint8)).save(path)


def seen(fields: Tensor) -> Tensor:
    """Fields (n, 2, h, w) as grey pictures (n, 3, h, w) in [0, 1]: bright is far along a palette, and lit."""
    place, light = fields.clamp(-1, 1).float().chunk(2, dim=1)
    grey: Tensor = (place + 1) / 2 * (0.25 + 0.75 * (light + 1).clamp(max=1))
    return grey.expand(-1, 3, -1, -1)


def save_curves(path: Path, rows: Sequence[Mapping[str, float]], title: str) -> None:
    """Plot every figure of a stage's log over its minutes, one small chart each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in rows[-1] if name not in ("step", "minutes")]
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.4 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for axis, name in zip(axes, names, strict=False):
        known = [(row["minutes"], row[name]) for row in rows if name in row]
        axis.plot(*zip(*known, strict=True), linewidth=0.9)
        axis.set_title(name, fontsize=9)
        axis.grid(alpha=0.3)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
