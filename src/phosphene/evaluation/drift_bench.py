"""`phosphene bench drift`: the built-in model's streams examined, as figures, JSON and a plot."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from phosphene import __version__
from phosphene.config import PipelineConfig
from phosphene.diffusion.registry import load_picture_pipeline
from phosphene.evaluation.ablation import AblationRow, ablation
from phosphene.evaluation.bench import machine_name
from phosphene.evaluation.drift import FIGURES, Run, naive, run
from phosphene.evaluation.drift_checks import HistoryGain, LoopTest, history_gain, loop_test
from phosphene.evaluation.plots import plot_drift
from phosphene.show.analysis import write_text
from phosphene.show.render import apply_size
from phosphene.video.spec import Size

PROMPTS = (
    "crimson and gold mandala", "violet nebula", "teal ocean waves", "orange fire", "emerald aurora",
    "electric blue lightning", "black and white marble", "purple kaleidoscope", "rainbow liquid light show",
    "turquoise caustics", "sunset mountains", "synthwave grid", "cyan hexagons", "red and white op art",
    "violet flower petals", "silver ripples", "blue bubbles", "green cells", "gold stained glass",
    "a dream of nothing at all",
)  # fmt: skip
"""the last names no family and no colour"""


@dataclass(frozen=True)
class DriftBench:
    """Everything that was measured."""

    version: str
    machine: str
    frames: int
    stream: Run
    naive: Run
    prompts: tuple[Run, ...]
    gain: HistoryGain
    loop: LoopTest
    ablation: tuple[AblationRow, ...]

    @property
    def verdicts(self) -> tuple[tuple[str, bool], ...]:
        """What the stream must hold, and whether it does."""
        kept = [abs(self.stream.trend(n).ratio - 1) <= 0.15 for n in FIGURES[:3]]
        return (
            *zip((f"{n} of the end within 15 % of the start" for n in FIGURES[:3]), kept, strict=True),
            ("motion of the end not under half of the start's", self.stream.trend("motion").ratio >= 0.5),
            ("none of the prompts ends in one colour", not any(r.collapsed for r in self.prompts)),
            ("history gain under 1", self.gain.step < 1),
            ("the naive loop fails", fails(self.naive, self.stream)),
        )  # fmt: skip

    def describe(self) -> str:
        """A table for people."""
        lines = [f"{self.frames} self-fed frames of '{self.stream.prompt}', on {self.machine}", ""]
        lines.append(f"{'':20}{'start':>10}{'end':>10}{'ratio':>8}{'slope/1000':>12}{'naive':>8}")
        for name in FIGURES:
            trend, other = self.stream.trend(name), self.naive.trend(name)
            lines.append(
                f"{name:20}{trend.start:10.3g}{trend.end:10.3g}{trend.ratio:8.2f}"
                f"{trend.slope:+12.3f}{other.ratio:8.2f}"
            )
        gain, loop = self.gain, self.loop
        lines += [
            "",
            f"history gain {gain.step:.2f} a frame; half of an error is gone after {gain.half_life:g}",
            f"loop of {loop.rounds} rounds: last differs from second by {loop.distance:.1f} levels, third by"
            f" {loop.between:.1f}; colours {loop.colours:.1f}; motion {loop.motion_ratio:.2f} of the input's",
            "",
            *(f"{'yes' if holds else 'NO ':4}{text}" for text, holds in self.verdicts),
        ]
        if self.ablation:
            lines += ["", *(row.describe() for row in self.ablation)]
        return "\n".join(lines)


def fails(one: Run, beside: Run) -> bool:
    """Whether a run lost a quarter of its contrast, colour, sharpness or motion, or gained a half.

    A loop that freezes within its first frames has nothing left to lose: it fails, too, if it moves less
    than half as much in the end as the run ``beside`` it.
    """
    lost = any(one.trend(name).ratio < 0.75 for name in (*FIGURES[:3], "motion"))
    grown = any(one.trend(name).ratio > 1.5 for name in FIGURES[:3])
    frozen = one.trend("motion").end < 0.5 * beside.trend("motion").end
    return one.collapsed or lost or grown or frozen


def bench_drift(
    config: PipelineConfig,
    frames: int,
    size: Size | None,
    json_path: str | None = None,
    plot_path: str | None = None,
    ablation_folder: str | None = None,
) -> str:
    """Examine streams of ``frames`` frames; writes what was asked for, returns the text to print."""
    base = load_picture_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    apply_size(base, config, size)
    every = max(1, frames // 500)
    short = max(60, frames // 40)
    prompts = []
    for text in PROMPTS:
        own = config.model_copy(deep=True)
        own.prompt.base_prompt = text
        prompts.append(run("prompt", base, own, short, max(1, short // 10)))
    bench = DriftBench(
        version=__version__,
        machine=machine_name(),
        frames=frames,
        stream=run("stream", base, config, frames, every),
        naive=run("naive", base, naive(config), max(120, frames // 5), max(1, every // 2)),
        prompts=tuple(prompts),
        gain=history_gain(base, config),
        loop=loop_test(base, config),
        ablation=ablation(Path(ablation_folder), frames) if ablation_folder else (),
    )
    if json_path:
        told = {**asdict(bench), "verdicts": dict(bench.verdicts)}
        write_text(Path(json_path), json.dumps(told, indent=2) + "\n")
    if plot_path:
        plot_drift(bench.stream, bench.naive, plot_path)
    return bench.describe()
