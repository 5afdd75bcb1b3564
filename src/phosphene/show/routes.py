"""Modulation routes: what is heard, counted or turned moves a setting, on top of the mapping.

Evaluated in the director's step, so a show is the same live and drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import cast

from phosphene.audio.moment import FrameFeatures
from phosphene.audio.types import NOTES
from phosphene.config import ConfigModel, PipelineConfig, Route
from phosphene.config.fields import nearest, value_at
from phosphene.errors import ConfigError, hint
from phosphene.show.mapping import saturate
from phosphene.stream.noise import uniform

SECTIONS = ("stream", "latent", "prompt", "camera", "react")
"""whose settings are looked at for every frame"""
CONTROLLER = "controller:"
TOP_HZ = 11025.0
"""where the features' highest band ends"""
QUIETEST = -70.0
"""LUFS; below it nothing is gated in (EBU R 128)"""
_SCALED: dict[str, Callable[[float], float]] = {
    "bass": saturate,
    "mid": saturate,
    "treble": saturate,
    "centroid": lambda hz: min(1.0, hz / TOP_HZ),
    "loudness": lambda lufs: min(1.0, max(0.0, 1.0 - lufs / QUIETEST)),
}
"""what is not 0..1 by itself; counts (bar, section ...) are taken as they are"""
_CLOCK = {"frame", "time", "fps", "chroma"}
FEATURES = tuple(each.name for each in fields(FrameFeatures) if each.name not in _CLOCK)


@dataclass(frozen=True)
class RouteState:
    """A route between two frames."""

    name: str = ""
    """source and target: another route begins anew"""
    level: float = 0.0
    """the source, after attack and release"""
    held: float = 0.0
    """what is added"""
    mark: int | None = None
    """the beat or bar of ``held``"""


@dataclass(frozen=True)
class Now:
    """What routes listen to."""

    heard: FrameFeatures
    beats: float
    dt: float
    seed: int
    controllers: Mapping[str, float]


def check_routes(config: PipelineConfig) -> None:
    """Raise :class:`ConfigError`, in one sentence, for a route that cannot be."""
    for number, route in enumerate(config.react.routes, start=1):
        where = f"route {number} ({route.source} -> {route.target})"
        _check_source(route.source, where)
        _check_target(route.target, where)
        if route.range is not None and not route.range[0] < route.range[1]:
            raise ConfigError(
                f"{where}: range must be two rising numbers, not {list(route.range)}."
            )


def routed(
    config: PipelineConfig, states: tuple[RouteState, ...], now: Now
) -> tuple[PipelineConfig, tuple[RouteState, ...]]:
    """The settings of this frame, and the routes after it."""
    routes = config.react.routes
    if not routes:
        return config, ()
    after: list[RouteState] = []
    moved: dict[str, float] = {}
    for index, route in enumerate(routes):
        name = f"{route.source} {route.target}"
        known = index < len(states) and states[index].name == name
        state = _follow(route, states[index] if known else RouteState(name), now)
        after.append(state)
        value = moved.get(route.target, float(value_at(config, route.target))) + state.held
        low, high = route.range or (-math.inf, math.inf)
        moved[route.target] = min(high, max(low, value))
    return _with(config, moved), tuple(after)


def _follow(route: Route, state: RouteState, now: Now) -> RouteState:
    """One route, a frame later."""
    raw = _source(route, now)
    shaped = math.copysign(abs(raw) ** route.curve, raw)
    seconds = route.attack if shaped > state.level else route.release
    rise = 1.0 if seconds <= 0 else 1.0 - math.exp(-now.dt / seconds)
    level = state.level + rise * (shaped - state.level)
    marks = {"none": None, "beat": math.floor(now.beats), "bar": now.heard.bar}
    mark = marks[route.quantise]
    holds = mark is not None and mark == state.mark
    held = state.held if holds else route.gain * level
    return RouteState(state.name, level, held, mark)


def _source(route: Route, now: Now) -> float:
    """What a route listens to, 0..1 except for counts."""
    name = route.source
    if name == "lfo":
        return _wave(route.shape, now.beats / route.beats % 1.0)
    if name == "random":
        return uniform(now.seed, math.floor(now.beats))
    if name.startswith(CONTROLLER):
        return now.controllers.get(name.removeprefix(CONTROLLER), 0.0)
    if name.startswith("chroma."):
        return float(now.heard.chroma[NOTES.index(name.removeprefix("chroma."))])
    value = float(getattr(now.heard, name))
    scaled = _SCALED[name](value) if name in _SCALED else value
    # a bad moment must not stay in the envelope
    return scaled if math.isfinite(scaled) else 0.0


def _wave(shape: str, phase: float) -> float:
    """0..1 over a turn, from 0 upwards."""
    if shape == "sine":
        return 0.5 - 0.5 * math.cos(2.0 * math.pi * phase)
    if shape == "triangle":
        return 1.0 - abs(2.0 * phase - 1.0)
    return phase if shape == "saw" else float(phase >= 0.5)


def _check_source(source: str, where: str) -> None:
    known = ["lfo", "random", *FEATURES, *(f"chroma.{note}" for note in NOTES)]
    if source in known or (source.startswith(CONTROLLER) and source != CONTROLLER):
        return
    told = hint(source, known, "a feature, lfo, random or controller:NAME.")
    raise ConfigError(f"{where}: unknown source '{source}': {told}")


def _check_target(target: str, where: str) -> None:
    if target.startswith("react.routes"):
        raise ConfigError(f"{where}: a route cannot move a route, which would be a cycle.")
    section, _, name = target.partition(".")
    if section not in PipelineConfig.model_fields:
        raise ConfigError(f"{where}: there is no setting '{target}'.")
    kind = cast(type[ConfigModel], PipelineConfig.model_fields[section].annotation)
    if name not in kind.model_fields:
        told = hint(target, (f"{section}.{each}" for each in kind.model_fields))
        raise ConfigError(f"{where}: there is no setting '{target}': {told}")
    if section not in SECTIONS:
        raise ConfigError(
            f"{where}: {target} is not looked at for every frame, so no route moves it: routes move"
            f" numbers of {', '.join(SECTIONS[:-1])} and {SECTIONS[-1]}."
        )
    if kind.model_fields[name].annotation not in (float, int):
        raise ConfigError(f"{where}: {target} is no number, so no route moves it.")


def _with(config: PipelineConfig, moved: Mapping[str, float]) -> PipelineConfig:
    """``config`` with other numbers, within their bounds."""
    changes: dict[str, dict[str, float]] = {}
    for path, value in moved.items():
        section, _, name = path.partition(".")
        changes.setdefault(section, {})[name] = nearest(path, value)
    return config.model_copy(
        update={
            section: getattr(config, section).model_copy(update=values)
            for section, values in changes.items()
        }
    )
