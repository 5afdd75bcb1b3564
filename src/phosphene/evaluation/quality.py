"""`phosphene bench quality`: does the picture show what the prompt says, and how fine is it?

Every pattern is asked for from several seeds, and a classifier that has seen nothing of the model says what
it sees: in fields born from noise in four steps, and in streams of one step after a second, by themselves
and with the guide. Its own hits on the renderer's fields are the ceiling of what it can say. Mixtures that no
training has drawn are asked for too.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene import __version__
from phosphene.config import PipelineConfig
from phosphene.diffusion import BaseDiffusionPipeline, Context
from phosphene.diffusion.lsd.judge import Judge, mixtures
from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.diffusion.lsd.render import Motif, Shots, draw, numbers_of
from phosphene.diffusion.registry import load_picture_pipeline
from phosphene.errors import InputError
from phosphene.evaluation.bench import machine_name
from phosphene.evaluation.drift import keys
from phosphene.evaluation.plots import plot_hits
from phosphene.show.analysis import write_text
from phosphene.show.dream import breath
from phosphene.show.render import apply_size
from phosphene.stream.arrays import to_numpy
from phosphene.video.spec import Size

FloatArray = npt.NDArray[np.float32]

BIRTH_STEPS = 4
GOAL = 0.85
"""share of fields that must show their prompt"""
MIXED_GOAL = 0.6
"""share of unseen mixtures of which both parts must be seen"""
AMONG = 2
"""likeliest patterns among which what fills a mixture must be; its fold must be the likeliest"""
COLOURS = ("crimson", "gold", "green", "blue", "violet")
"""prompts name a colour, as people's do; the field must not care"""


@dataclass(frozen=True)
class Case:
    """Fields made one way."""

    name: str
    pictures: int
    pattern: float
    """share that shows the pattern of the prompt, 0..1"""
    detail: float
    """mean difference of neighbours, as a share of the renderer's fields of the same families"""
    contrast: float
    """deviation, likewise"""
    pattern_hits: tuple[float, ...]
    """share of hits of each pattern, in the judge's order"""
    pattern_said: tuple[tuple[int, ...], ...]
    """how many fields of each pattern (row) the judge took for which (column)"""
    mixed: float
    """share of unseen mixtures both of whose parts are seen, see `both_seen`"""

    @property
    def holds(self) -> bool:
        """Whether patterns are seen as often as they must."""
        return self.pattern >= GOAL


@dataclass(frozen=True)
class QualityBench:
    """Everything that was measured."""

    version: str
    machine: str
    patterns: tuple[str, ...]
    judge_pattern: float
    """the judge's own hits on the renderer's fields"""
    judge_mixed: float
    """and on the renderer's mixtures"""
    cases: tuple[Case, ...]

    def describe(self) -> str:
        """A table for people."""
        lines = [
            f"prompts followed, of {len(self.patterns)} patterns (the judge itself: {self.judge_pattern:.0%};"
            f" both parts of unseen mixtures: {self.judge_mixed:.0%})",
            "",
            f"{'fields':34}{'number':>8}{'pattern':>9}{'mixed':>8}{'detail':>8}{'contrast':>10}  goal",
        ]
        for one in self.cases:
            reached = "reached" if one.holds else "NOT reached"
            both = "reached" if one.mixed >= MIXED_GOAL else "NOT reached"
            lines.append(
                f"{one.name:34}{one.pictures:8}{one.pattern:9.0%}{one.mixed:8.0%}{one.detail:8.2f}"
                f"{one.contrast:10.2f}  {GOAL:.0%}: {reached}, mixed {MIXED_GOAL:.0%}: {both}"
            )
            weak = sorted(zip(one.pattern_hits, self.patterns, strict=True))[:8]
            lines.append("    least seen: " + ", ".join(f"{name} {hit:.0%}" for hit, name in weak))
        return "\n".join(lines)


def bench_quality(
    config: PipelineConfig,
    size: Size | None,
    seeds: int,
    json_path: str | None = None,
    plot_path: str | None = None,
    judge_folder: str | None = None,
) -> str:
    """Ask for every pattern ``seeds`` times, and for every unseen mixture once.

    Raises :class:`~phosphene.errors.ModelError` without a judge, InputError for a model without fields.
    """
    if seeds < 1:
        raise InputError(f"--seeds must be at least 1, not {seeds}.")
    judge = Judge(Path(judge_folder) if judge_folder else WEIGHTS)
    config = config.model_copy(deep=True)
    base = load_picture_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    apply_size(base, config, size)
    _, planes, height, width = base.get_latent_shape()
    if planes != 2 or height != width:
        raise InputError("quality is measured on square pictures of a model that draws fields.")
    patterns = judge.facts.patterns
    unseen = mixtures(patterns)[1]
    drawn = np.concatenate([_drawn(Motif(name), range(seeds), height) for name in patterns])
    mixed = np.concatenate([_drawn(motif, (0,), height) for motif in unseen])
    bench = QualityBench(
        version=__version__,
        machine=machine_name(),
        patterns=patterns,
        judge_pattern=judge.facts.pattern_accuracy,
        judge_mixed=both_seen(judge, unseen, mixed),
        cases=tuple(
            _measure(name, way, judge, unseen, seeds, drawn)
            for name, way in _ways(base, config).items()
        ),
    )
    if json_path:
        write_text(Path(json_path), json.dumps(asdict(bench), indent=2) + "\n")
    if plot_path:
        rows = {one.name: one.pattern_hits for one in bench.cases}
        plot_hits(bench.patterns, rows, bench.cases[0].pattern_said, plot_path)
    return bench.describe()


class _Way:
    """How fields come about: by themselves, or in a stream."""

    def __init__(self, base: BaseDiffusionPipeline, config: PipelineConfig, stream: bool) -> None:
        self._base, self._config, self._stream = base, config, stream

    def __call__(self, prompt: str, seed: int) -> FloatArray:
        """(1, 2, h, w) of ``prompt``."""
        if not self._stream:
            return birth(self._base, prompt, seed)
        own = self._config.model_copy(deep=True)
        own.prompt.base_prompt, own.inference.seed = prompt, seed
        *_, last = keys(self._base, own, breath(1.0, own.audio.fps, seed))
        return to_numpy(last.latent)


def _ways(base: BaseDiffusionPipeline, config: PipelineConfig) -> dict[str, _Way]:
    # the same model with nothing to follow
    alone = copy.copy(base)
    alone.recall = lambda *_, **__: None  # type: ignore[method-assign]
    one = config.model_copy(deep=True)
    one.stream.denoising_steps = 1
    return {
        f"born from noise, {BIRTH_STEPS} steps": _Way(base, config, stream=False),
        "stream, 1 s, no guide": _Way(alone, one, stream=True),
        "stream, 1 s, with the guide": _Way(base, one, stream=True),
    }


def birth(
    base: BaseDiffusionPipeline, prompt: str, seed: int, steps: int = BIRTH_STEPS
) -> FloatArray:
    """(1, 2, h, w) from pure noise by Euler steps, nothing given but the prompt."""
    embeds = base.encode_prompt(prompt)
    noise = np.random.default_rng(seed).standard_normal(base.get_latent_shape()).astype(np.float32)
    x = base.asarray(noise)
    told = Context(noise=x)
    for now, after in itertools.pairwise(np.linspace(1, 0, steps + 1)):
        velocity = base.denoise(x, base.asarray(np.array([now], np.float32)), embeds, told)
        x = x + float(after - now) * velocity
    return np.clip(to_numpy(x), -1, 1)


def _measure(
    name: str,
    way: _Way,
    judge: Judge,
    unseen: Sequence[Motif],
    seeds: int,
    drawn: FloatArray,
) -> Case:
    facts = judge.facts
    made = [
        way(f"{COLOURS[(k + seed) % len(COLOURS)]} {word}", seed)
        for k, word in enumerate(facts.words)
        for seed in range(seeds)
    ]
    fields = np.concatenate(made)
    asked = np.repeat(np.arange(len(facts.patterns)), seeds)
    said = np.array([facts.patterns.index(row[0]) for row in judge.patterns(fields)])
    table = np.zeros((len(facts.patterns),) * 2, int)
    np.add.at(table, (asked, said), 1)
    mixed = np.concatenate([way(motif.label, 0) for motif in unseen])
    return Case(
        name=name,
        pictures=len(fields),
        pattern=float((said == asked).mean()),
        detail=detail(fields) / detail(drawn),
        contrast=float(fields.std(axis=(2, 3)).mean() / drawn.std(axis=(2, 3)).mean()),
        pattern_hits=tuple(
            float((said == asked)[asked == k].mean()) for k in range(len(facts.patterns))
        ),
        pattern_said=tuple(tuple(int(v) for v in row) for row in table),
        mixed=both_seen(judge, unseen, mixed),
    )


def both_seen(judge: Judge, motifs: Sequence[Motif], fields: FloatArray) -> float:
    """Share of mixtures that are folded as they should be, by what is among the likeliest to fill them."""
    seen = zip(motifs, judge.folds(fields), judge.patterns(fields, AMONG), strict=True)
    return float(np.mean([m.fold == fold and m.family in said for m, fold, said in seen]))


def detail(fields: FloatArray) -> float:
    """Mean difference of neighbours of (b, 2, h, w)."""
    return float(np.abs(np.diff(fields, axis=-1)).mean() + np.abs(np.diff(fields, axis=-2)).mean())


def _drawn(motif: Motif, seeds: Iterable[int], side: int) -> FloatArray:
    """(n, 2, side, side): the renderer's own fields, in usual sound."""
    numbers = numbers_of([100_003 + seed for seed in seeds])
    one = np.ones(len(numbers), np.float32)
    upright = np.tile(np.array([1, 0, 0, 0], np.float32), (len(numbers), 1))
    sound = np.tile(np.array([0.5, 0.5, 0.5, 0, 0], np.float32), (len(numbers), 1))
    field = draw(Shots(motif, numbers, one, sound, upright, one, one), side, side)
    planes = np.stack([2 * field.value - 1, field.light - 1], axis=1)
    return np.asarray(np.clip(planes, -1, 1), np.float32)
