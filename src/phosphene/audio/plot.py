"""A picture of the analysis that a musician can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene.audio.types import AudioFeatures
from phosphene.errors import OutputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
BACK, PANEL, INK, DIM, LINE = "#0e1016", "#151823", "#e8eaf2", "#8b90a5", "#262b3b"
BASS, MID, TREBLE, HIT, GLOW = "#ff5d73", "#ffb454", "#5ad1e6", "#c5a3ff", "#7ee2a8"
SECTION_TINTS = ("#ffffff0c", "#ffffff00")
MOST_TICKS = 400
"""more beats than this across the page would be a grey bar: then only bars are drawn, or phrases"""


def plot(features: AudioFeatures, path: str | Path, title: str = "") -> None:
    """Write a PNG (or whatever the suffix of ``path`` says) of ``features``.

    From top to bottom: loudness, the three bands, attacks with beats as ticks, harmony. Sections are
    shaded and numbered. Raises :class:`OutputError` when the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({"font.family": "DejaVu Sans", "font.size": 9.5, "axes.unicode_minus": False}):
        figure = Figure(figsize=(14, 8.4), dpi=120, facecolor=BACK)
        FigureCanvasAgg(figure)
        draw(figure, features, title)
        try:
            figure.savefig(str(path), facecolor=BACK)
        except (OSError, ValueError) as error:
            raise OutputError(f"{path} cannot be written: {error}.") from error


def draw(figure: Figure, features: AudioFeatures, title: str) -> None:
    """Fill an empty figure."""
    grid = figure.add_gridspec(
        4,
        1,
        height_ratios=(1.0, 1.5, 1.1, 1.9),
        hspace=0.14,
        left=0.075,
        right=0.975,
        top=0.865,
        bottom=0.065,
    )
    times = features.start + np.arange(features.num_frames) / features.fps
    end = features.start + max(features.duration, 1 / features.fps)
    loud = figure.add_subplot(grid[0])
    rest = [figure.add_subplot(grid[row], sharex=loud) for row in (1, 2, 3)]
    panels = [loud, *rest]
    for axes in panels:
        dress(axes)
        shade_sections(axes, features, end)
    draw_loudness(loud, times, features)
    draw_bands(rest[0], times, features)
    draw_onsets(rest[1], times, features)
    draw_chroma(rest[2], features, end)
    loud.set_xlim(features.start, end)
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    time_axis(panels[-1], features.start, end)
    number_sections(loud, features, end)
    head(figure, features, title)


def dress(axes: Axes) -> None:
    """Dark panel with quiet lines."""
    axes.set_facecolor(PANEL)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(colors=DIM, length=0, labelsize=8.5)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)


def name(axes: Axes, text: str) -> None:
    """Label on the left, upright."""
    axes.set_ylabel(text, color=INK, fontsize=10, labelpad=10)


def section_spans(features: AudioFeatures, end: float) -> list[tuple[float, float]]:
    """(from, to) of every section, seconds."""
    starts = [features.time_of(int(frame)) for frame in features.section_frames]
    return list(zip(starts, [*starts[1:], end], strict=True))


def shade_sections(axes: Axes, features: AudioFeatures, end: float) -> None:
    """Every other section lighter, a thin line where one begins."""
    for index, (begin, stop) in enumerate(section_spans(features, end)):
        axes.axvspan(begin, stop, color=SECTION_TINTS[index % 2], linewidth=0, zorder=0.1)
        if index:
            axes.axvline(begin, color=DIM, linewidth=0.9, alpha=0.75, zorder=3)


def number_sections(axes: Axes, features: AudioFeatures, end: float) -> None:
    """Numbers of the sections above the topmost panel."""
    for index, (begin, stop) in enumerate(section_spans(features, end), start=1):
        axes.annotate(
            str(index),
            ((begin + stop) / 2, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            color=DIM,
            fontsize=9,
            fontweight="bold",
        )


def draw_loudness(axes: Axes, times: Any, features: AudioFeatures) -> None:
    """Energy as a filled curve."""
    axes.fill_between(times, features.energy, color=GLOW, alpha=0.28, linewidth=0)
    axes.plot(times, features.energy, color=GLOW, linewidth=1.0)
    axes.set_ylim(0, 1.06)
    axes.set_yticks([0, 0.5, 1])
    name(axes, "loudness")


def draw_bands(axes: Axes, times: Any, features: AudioFeatures) -> None:
    """The three bands in lanes, bass at the bottom; a line marks 'as usual' in each."""
    lanes = (
        ("bass", features.bass, BASS),
        ("mid", features.mid, MID),
        ("treble", features.treble, TREBLE),
    )
    scale = 2.4
    for lane, (label, values, colour) in enumerate(lanes):
        height = lane + 0.92 * np.minimum(values, scale) / scale
        axes.fill_between(times, lane, height, color=colour, alpha=0.6, linewidth=0)
        axes.plot(times, height, color=colour, linewidth=0.6)
        axes.axhline(
            lane + 0.92 / scale, color=INK, linewidth=0.5, alpha=0.35, linestyle=(0, (4, 4))
        )
        axes.text(
            -0.008, (lane + 0.42) / 3, label, transform=axes.transAxes, color=colour, ha="right",
            va="center", fontsize=9,
        )  # fmt: skip
    axes.set_ylim(0, 3)
    axes.set_yticks([])
    axes.set_ylabel("bands", color=INK, fontsize=10, labelpad=38)


def draw_onsets(axes: Axes, times: Any, features: AudioFeatures) -> None:
    """Attacks as stems, beats as ticks along the floor, bars longer, phrases longest, drops as arrows."""
    axes.fill_between(
        times, features.onset_strength, color=HIT, alpha=0.75, linewidth=0, step="post"
    )
    beats = features.beat_times
    inside = np.flatnonzero(
        (beats >= features.start) & (beats <= features.start + features.duration)
    )
    bars = features.downbeat_times
    bars = bars[(bars >= features.start) & (bars <= features.start + features.duration)]
    phrases = np.asarray([features.time_of(int(frame)) for frame in features.phrase_frames])
    if len(inside) <= MOST_TICKS:
        axes.vlines(beats[inside], -0.16, -0.06, color=INK, linewidth=0.8, alpha=0.75)
    if len(bars) <= MOST_TICKS:
        axes.vlines(bars, -0.22, -0.06, color=INK, linewidth=1.3)
    if len(bars):
        axes.vlines(phrases, -0.28, -0.06, color=GLOW, linewidth=1.8)
    for drop in features.drop_times:
        axes.annotate(
            "",
            (drop, 0.86),
            (drop, 1.06),
            arrowprops={"arrowstyle": "-|>", "color": BASS, "linewidth": 1.6},
        )
    axes.axhline(0, color=LINE, linewidth=0.8)
    axes.set_ylim(-0.28, 1.06)
    axes.set_yticks([-0.15, 0, 0.5, 1], ["bars", "0", "0.5", "1"])
    name(axes, "attacks")


def draw_chroma(axes: Axes, features: AudioFeatures, end: float) -> None:
    """Chromagram with the names of the notes."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list(
        "phosphor", [PANEL, "#2b2a5c", "#7b3f98", "#e0607e", "#ffc27a", "#fff6d8"]
    )
    axes.imshow(
        np.square(features.chroma_cq),
        aspect="auto",
        origin="lower",
        extent=(features.start, end, -0.5, 11.5),
        cmap=colours,
        vmin=0,
        vmax=1,
        interpolation="bilinear",
        zorder=1,
    )
    axes.set_yticks(range(12), NOTES)
    axes.grid(visible=False)
    name(axes, "harmony")


def time_axis(axes: Axes, begin: float, end: float) -> None:
    """Ticks at round times, written m:ss."""
    span = end - begin
    steps = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600)
    step = next((s for s in steps if span / s <= 16), 1800)
    ticks = np.arange(np.ceil(begin / step) * step, end + 1e-9, step)
    axes.set_xticks(ticks, [clock_text(float(t), step) for t in ticks])
    axes.tick_params(axis="x", colors=INK, pad=6)


def clock_text(seconds: float, step: float = 1.0) -> str:
    """61.0 -> '1:01'; with decimals when ticks are closer than a second."""
    places = 0 if step >= 1 else 2
    minutes, rest = divmod(round(seconds, 2), 60)
    return f"{int(minutes)}:{rest:0{3 + places if places else 2}.{places}f}"


def head(figure: Figure, features: AudioFeatures, title: str) -> None:
    """Title on the left, tempo with confidence on the right."""
    figure.text(0.075, 0.945, title or "Analysis", color=INK, fontsize=17, fontweight="bold")
    sections = len(features.section_frames)
    facts = [
        f"{clock_text(features.duration)} long",
        f"{features.num_frames} frames at {features.fps:g} a second",
        f"{sections} section{'s' if sections != 1 else ''}",
    ]
    if features.tempo:
        facts.append(f"{features.metre} in a bar, {features.phrase_bars} bars in a phrase")
    if features.key:
        facts.append(features.key)
    facts.append(f"{features.integrated_loudness:.1f} LUFS")
    figure.text(0.075, 0.912, "   ·   ".join(facts), color=DIM, fontsize=10)
    tempo = f"{features.tempo:.1f} BPM" if features.tempo else "no beat found"
    figure.text(0.975, 0.945, tempo, color=INK, fontsize=17, fontweight="bold", ha="right")
    sure = f"confidence {features.tempo_confidence:.0%}"
    if features.tempo_runner_up:
        sure += f", else {features.tempo_runner_up:.1f}"
    figure.text(0.975, 0.912, sure, color=DIM, fontsize=10, ha="right")
