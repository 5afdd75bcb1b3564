"""Benches as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phosphene.errors import OutputError
from phosphene.evaluation.drift import FIGURES, Run


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
    rows: Mapping[str, Sequence[float]],
    confusion: Sequence[Sequence[int]],
    path: str,
) -> None:
    """How often each pattern was seen where it was asked for, and what else was seen instead.

    rows: by name, shares 0..1 for all patterns. confusion: counts asked x seen, of the first of them. Raises
    OutputError.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 18), layout="constrained")
    FigureCanvasAgg(figure)
    bars, table = figure.subplots(2, 1, height_ratios=(3, 12))
    colours = ("#2f6db5", "#c0504d", "#7a9a3a")
    wide = 0.8 / len(rows)
    for index, (label, shares) in enumerate(rows.items()):
        at = [place + index * wide for place in range(len(patterns))]
        bars.bar(at, shares, wide, label=label, color=colours[index % 3], align="edge")
    bars.set_xticks([place + 0.4 for place in range(len(patterns))], patterns, rotation=90)
    bars.set_ylim(0, 1)
    bars.grid(axis="y", alpha=0.3)
    bars.set_title("fields that show the pattern of their prompt")
    bars.legend(fontsize=8)
    table.imshow(confusion, cmap="Blues")
    table.set_xticks(range(len(patterns)), patterns, rotation=90, fontsize=7)
    table.set_yticks(range(len(patterns)), patterns, fontsize=7)
    table.set_title(f"asked for (rows) and seen (columns), {next(iter(rows))}", fontsize=9)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error
