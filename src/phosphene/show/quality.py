"""`phosphene bench quality`: does the picture show what the prompt says, and how sharp is it?

Every pattern is asked for in several palettes, from several seeds, and a classifier that has seen nothing of
the model says what it sees. Its own hits on rendered pictures are the ceiling of what it can say.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from phosphene import __version__
from phosphene.config import PipelineConfig
from phosphene.diffusion import BaseDiffusionPipeline, load_pipeline
from phosphene.diffusion.lsd.judge import SIDE, Judge
from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.errors import InputError
from phosphene.metrics import contrast, saturation, sharpness
from phosphene.metrics.picture import Frame
from phosphene.show.analysis import write_text
from phosphene.show.bench import machine_name
from phosphene.show.dream import breath
from phosphene.show.drift import keys
from phosphene.show.plots import plot_hits
from phosphene.show.render import apply_size
from phosphene.video.spec import Size

FRAMES = 12
"""frames from a cut to the picture that is judged: half a second"""
LOOKED = 4 * SIDE
"""pixels a side of the pictures whose sharpness is known; larger ones are looked at this small"""
STEPS = (1, 2, 4)
GOALS = {1: 0.85, 2: 0.90}
"""share of pictures that must show their prompt, by denoising steps"""


@dataclass(frozen=True)
class StepQuality:
    """Pictures of one number of denoising steps."""

    steps: int
    pictures: int
    pattern: float
    """share that shows the pattern of the prompt, 0..1"""
    palette: float
    sharpness: float
    """mean over the pictures, as a share of rendered pictures'; so are the next two"""
    contrast: float
    saturation: float
    pattern_hits: tuple[float, ...]
    """share of hits of each pattern, in the judge's order"""
    palette_hits: tuple[float, ...]
    pattern_said: tuple[tuple[int, ...], ...]
    """how many pictures of each pattern (row) the judge took for which (column)"""
    palette_said: tuple[tuple[int, ...], ...]

    @property
    def holds(self) -> bool:
        """Whether pattern and palette reach the goal for so many steps."""
        return min(self.pattern, self.palette) >= GOALS.get(self.steps, 0.0)


@dataclass(frozen=True)
class QualityBench:
    """Everything that was measured."""

    version: str
    machine: str
    patterns: tuple[str, ...]
    palettes: tuple[str, ...]
    judge_pattern: float
    """the judge's own hits on rendered pictures"""
    judge_palette: float
    steps: tuple[StepQuality, ...]

    def describe(self) -> str:
        """A table for people."""
        lines = [
            f"prompts followed, of {len(self.patterns)} patterns and {len(self.palettes)} palettes"
            f" (the judge itself: {self.judge_pattern:.0%} and {self.judge_palette:.0%})",
            "",
            f"{'steps':>5}{'pictures':>10}{'pattern':>9}{'palette':>9}{'sharp':>8}{'contrast':>10}"
            f"{'colour':>8}  goal",
        ]
        for one in self.steps:
            goal = GOALS.get(one.steps)
            lines.append(
                f"{one.steps:5}{one.pictures:10}{one.pattern:9.0%}{one.palette:9.0%}"
                f"{one.sharpness:8.2f}{one.contrast:10.2f}{one.saturation:8.2f}  "
                + (
                    ""
                    if goal is None
                    else f"{goal:.0%}: {'reached' if one.holds else 'NOT reached'}"
                )
            )
        return "\n".join(lines)


def bench_quality(
    config: PipelineConfig,
    size: Size | None,
    seeds: int,
    json_path: str | None = None,
    plot_path: str | None = None,
    judge_folder: str | None = None,
) -> str:
    """Ask for every pattern ``seeds`` times, palettes taking turns; at one, two and four steps.

    Raises :class:`~phosphene.errors.ModelError` without a judge.
    """
    if seeds < 1:
        raise InputError(f"--seeds must be at least 1, not {seeds}.")
    judge = Judge(Path(judge_folder) if judge_folder else WEIGHTS)
    config = config.model_copy(deep=True)
    base = load_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    width, height = apply_size(base, config, size).model
    if width != height or width % LOOKED:
        raise InputError(
            f"quality is measured at {LOOKED}x{LOOKED} or {2 * LOOKED}x{2 * LOOKED}, not {width}x{height}."
        )
    bench = QualityBench(
        version=__version__,
        machine=machine_name(),
        patterns=judge.facts.patterns,
        palettes=judge.facts.palettes,
        judge_pattern=judge.facts.pattern_accuracy,
        judge_palette=judge.facts.palette_accuracy,
        steps=tuple(_measure(base, config, judge, steps, seeds) for steps in STEPS),
    )
    if json_path:
        write_text(Path(json_path), json.dumps(asdict(bench), indent=2) + "\n")
    if plot_path:
        rows = {f"{one.steps} step(s)": (one.pattern_hits, one.palette_hits) for one in bench.steps}
        first = bench.steps[0]
        confusions = (first.pattern_said, first.palette_said)
        plot_hits(bench.patterns, bench.palettes, rows, confusions, plot_path)
    return bench.describe()


def _measure(
    base: BaseDiffusionPipeline, config: PipelineConfig, judge: Judge, steps: int, seeds: int
) -> StepQuality:
    facts = judge.facts
    frames: list[Frame] = []
    asked: list[tuple[int, int]] = []
    for seed in range(seeds):
        for pattern, word in enumerate(facts.words):
            palette = (pattern + seed) % len(facts.palettes)
            asked.append((pattern, palette))
            prompt = f"{facts.palettes[palette]} {word}"
            frames.append(picture(base, config, prompt, steps, seed))
    verdict = judge(np.stack(frames))
    said = (
        np.array([facts.patterns.index(shape) for shape in verdict.patterns]),
        np.array([facts.palettes.index(tint) for tint in verdict.palettes]),
    )
    patterns, palettes = np.array(asked).T
    hits = np.stack([said[0] == patterns, said[1] == palettes], axis=1)
    return StepQuality(
        steps=steps,
        pictures=len(frames),
        pattern=float(hits[:, 0].mean()),
        palette=float(hits[:, 1].mean()),
        sharpness=float(np.mean([sharpness(f) for f in frames])) / facts.sharpness,
        contrast=float(np.mean([contrast(f) for f in frames])) / facts.contrast,
        saturation=float(np.mean([saturation(f) for f in frames])) / facts.saturation,
        pattern_hits=_per(hits[:, 0], patterns, len(facts.patterns)),
        palette_hits=_per(hits[:, 1], palettes, len(facts.palettes)),
        pattern_said=_counts(patterns, said[0], len(facts.patterns)),
        palette_said=_counts(palettes, said[1], len(facts.palettes)),
    )


def _per(hits: np.ndarray, kind: np.ndarray, kinds: int) -> tuple[float, ...]:
    """Share of hits of each kind; 0 for one that was not asked for."""
    return tuple(float(hits[kind == k].mean()) if (kind == k).any() else 0.0 for k in range(kinds))


def _counts(asked: np.ndarray, said: np.ndarray, kinds: int) -> tuple[tuple[int, ...], ...]:
    table = np.zeros((kinds, kinds), int)
    np.add.at(table, (asked, said), 1)
    return tuple(tuple(row) for row in table.tolist())


def picture(
    base: BaseDiffusionPipeline, config: PipelineConfig, prompt: str, steps: int, seed: int
) -> Frame:
    """The frame half a second after a dream of ``prompt`` began, `LOOKED` pixels a side."""
    own = config.model_copy(deep=True)
    own.prompt.base_prompt = prompt
    own.stream.denoising_steps = steps
    own.inference.seed = seed
    fps = config.audio.fps
    *_, last = keys(base, own, breath(FRAMES / fps, fps, seed))
    frame: Frame = base.decode(last.latent, last.palette)[0]
    return np.asarray(Image.fromarray(frame).reduce(len(frame) // LOOKED))
