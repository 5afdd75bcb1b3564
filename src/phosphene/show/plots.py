"""Benches as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from phosphene.errors import OutputError
from phosphene.show.drift import FIGURES, Run


def plot_drift(stream: Run, naive: Run, path: str) -> None:
    """Every figure over the frames, the stream's and the naive loop's. Raises OutputError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 3).ravel()
    for axis, name in zip(axes, FIGURES, strict=False):
        for run, colour in ((naive, "#c0504d"), (stream, "#2f6db5")):
            x = [sample.frame for sample in run.samples]
            y = [getattr(sample, name) for sample in run.samples]
            axis.plot(x, y, color=colour, linewidth=0.8, label=run.name)
        axis.set_title(name.replace("_", " "), fontsize=9)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    for axis in axes[len(FIGURES) :]:
        axis.set_visible(False)
    figure.suptitle(f"self-fed frames of '{stream.prompt}'", fontsize=11)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error


def plot_hits(
    patterns: Sequence[str],
    palettes: Sequence[str],
    rows: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    confusions: tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]],
    path: str,
) -> None:
    """How often each pattern and palette was seen where it was asked for, and what else was seen instead.

    rows: by name, shares 0..1 for all patterns and for all palettes. confusions: counts asked x seen of
    patterns and of palettes. Raises OutputError.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 15), layout="constrained")
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(2, 1, height_ratios=(5, 9))
    bars, tables = parts
    colours = ("#2f6db5", "#c0504d", "#7a9a3a")
    wide = 0.8 / len(rows)
    for axis, names, column in zip(bars.subplots(2, 1), (patterns, palettes), (0, 1), strict=True):
        for index, (label, shares) in enumerate(rows.items()):
            at = [place + index * wide for place in range(len(names))]
            axis.bar(at, shares[column], wide, label=label, color=colours[index % 3], align="edge")
        middle = [place + 0.4 for place in range(len(names))]
        axis.set_xticks(middle, names, rotation=90 if column == 0 else 0, fontsize=8)
        axis.set_ylim(0, 1)
        axis.grid(axis="y", alpha=0.3)
    bars.axes[0].set_title("pictures that show the pattern, and the palette, of their prompt")
    bars.axes[0].legend(fontsize=8)
    grids = tables.subplots(1, 2, width_ratios=(3, 1))
    for axis, names, counts in zip(grids, (patterns, palettes), confusions, strict=True):
        axis.imshow(counts, cmap="Blues")
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axis.set_yticks(range(len(names)), names, fontsize=7)
        axis.set_title(f"asked for (rows) and seen (columns), {next(iter(rows))}", fontsize=9)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error
