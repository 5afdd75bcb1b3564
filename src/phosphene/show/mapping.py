"""From what is heard in one frame to what the picture does: plain functions anyone can replace."""

from __future__ import annotations

import inspect
import math
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from phosphene.audio.moment import FrameFeatures
from phosphene.config import CameraConfig, PipelineConfig, ReactConfig
from phosphene.diffusion.notices import say_once
from phosphene.errors import ConfigError, hint
from phosphene.stream.camera import STILL, CameraMove

FloatArray = npt.NDArray[np.float32]

# doublings a second that a usual bass gives at CameraConfig.zoom = 1
ZOOM_UNIT = 0.1
# extra doublings, spread over the attack, of a full-strength hit at beat_punch = 1
PUNCH_UNIT = 0.25
# picture widths of ripple at CameraConfig.warp = 1
WARP_UNIT = 0.004
# of the pose: picture widths of sway, extra zoom of a full hit, seconds of a breath, turn against the
# camera's own, picture widths of ripple
SWAY = 0.06
SWELL = 0.3
BREATH_SECONDS = 9.0
POSE_TURN = 3.0
POSE_WARP = 0.05
# seconds a beat: at 120 beats a minute shapes move 1.6 times as fast on a beat, and 0.4 times between two
SURGE = 0.3


@dataclass(frozen=True)
class Reaction:
    """What one moment does to the picture. Speeds are per second: any frame rate gives the same show."""

    energy: float
    """0..1: loud frames keep less of the previous picture"""
    noise_scale: float
    """factor on the noise of this frame, 1 = as scheduled"""
    controls: FloatArray
    """(5,) bass, mid, treble, onset, beat phase, each 0..1, for models that listen"""
    camera: CameraMove = STILL
    """how the picture moves in a second: zoom 2 doubles it"""
    recall: float = 0.0
    """0..1: how far the picture is drawn back to the guide of its prompt"""
    pose: CameraMove = STILL
    """how the guide is seen; absolute, apart from what ``spin`` has turned it by"""
    spin: float = 0.0
    """radians a second that the guide turns"""
    pace: float = 0.0
    """seconds a second that the guide moves at its own pace"""
    surge: float = 0.0
    """seconds a beat by which that is more on the beat and less between two"""

    @property
    def is_finite(self) -> bool:
        """Whether all of it are numbers; a camera move is by its making."""
        plain = (self.energy, self.noise_scale, self.recall, self.spin, self.pace, self.surge)
        return all(map(math.isfinite, plain)) and bool(np.isfinite(self.controls).all())


Mapping = Callable[[FrameFeatures], Reaction]
GROUP = "phosphene.mappings"
"""entry points; each a function (heard) or (heard, config) -> Reaction"""
DEFAULT = "default"
_OWN: dict[str, Callable[..., Reaction]] = {}
"""mappings from files that this process was started with"""


class Mappings:
    """The mapping that a config names, whatever it names from one frame to the next.

    What a mapping of somebody's own makes is looked at: where it raises, or gives no numbers, the default's
    reaction takes its place, and ``complain`` is told once. Raises :class:`ConfigError` for an unknown name.
    """

    def __init__(
        self,
        config: PipelineConfig,
        complain: Callable[[str], None] = say_once,
        own: Mapping | None = None,
    ) -> None:
        self._complain = complain
        self._own = own
        self._found: dict[str, Callable[..., Reaction]] = {}
        self._said: set[str] = set()
        self._find(config.react.mapping)

    def __call__(self, config: PipelineConfig) -> Mapping:
        """The mapping for these settings."""
        name = config.react.mapping
        if self._own is None and name == DEFAULT:
            return default_mapping(config)
        function = self._own or self._find(name)
        takes_config = self._own is None and _parameters(function) > 1
        return lambda heard: self._ask(name, function, takes_config, heard, config)

    def _ask(
        self,
        name: str,
        function: Callable[..., Reaction],
        takes_config: bool,
        heard: FrameFeatures,
        config: PipelineConfig,
    ) -> Reaction:
        try:
            reaction = function(heard, config) if takes_config else function(heard)
            if isinstance(reaction, Reaction) and reaction.is_finite:
                return reaction
            fault = "gave no Reaction" if not isinstance(reaction, Reaction) else "gave no numbers"
        except Exception as error:
            fault = f"failed ({type(error).__name__}: {error})"
        if name not in self._said:
            self._said.add(name)
            called = getattr(function, "__name__", name) if name == DEFAULT else name
            self._complain(f"the mapping '{called}' {fault}: the default takes its place there.")
        return react(heard, config)

    def _find(self, name: str) -> Callable[..., Reaction]:
        if name not in self._found:
            self._found[name] = find_mapping(name)
        return self._found[name]


def mapping_names() -> list[str]:
    """Names that ``react.mapping`` may take."""
    return sorted({DEFAULT, *_OWN, *(point.name for point in entry_points(group=GROUP))})


def find_mapping(name: str) -> Callable[..., Reaction]:
    """The function that is registered as ``name``. Raises :class:`ConfigError`."""
    if name == DEFAULT:
        return react
    if name in _OWN:
        return _OWN[name]
    for point in entry_points(group=GROUP):
        if point.name == name:
            try:
                found = point.load()
            except Exception as error:
                raise ConfigError(
                    f"the mapping '{name}' ({point.value}) cannot be loaded: {error}."
                ) from error
            return _checked(found, name)
    raise ConfigError(f"unknown mapping '{name}': {hint(name, mapping_names())}")


def load_mapping(text: str) -> str:
    """Take a mapping from ``FILE.py`` or ``FILE.py:FUNCTION`` into this process; gives the name it has then.

    Without a function it is the one called ``mapping``, or the only one in the file. Anything else is taken
    for a name. Only what starts a show may say this: a file is run. Raises :class:`ConfigError`.
    """
    file, _, wanted = text.rpartition(":") if ".py:" in text else (text, "", "")
    if not file.endswith(".py"):
        find_mapping(text)
        return text
    path = Path(file)
    try:
        space = runpy.run_path(str(path), run_name=path.stem)
    except Exception as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise ConfigError(f"the mapping {file} cannot be read: {reason}.") from error
    here = {
        name: each
        for name, each in space.items()
        if inspect.isfunction(each) and each.__module__ == path.stem and not name.startswith("_")
    }
    if not wanted:
        wanted = "mapping" if "mapping" in here or len(here) != 1 else next(iter(here))
    if wanted not in here:
        known = f"it has {', '.join(sorted(here))}" if here else "it has none"
        raise ConfigError(f"{file} has no function '{wanted}': {known}; write {file}:FUNCTION.")
    _OWN[path.stem] = _checked(here[wanted], text)
    return path.stem


def _checked(function: object, name: str) -> Callable[..., Reaction]:
    if not callable(function) or not 1 <= _parameters(function) <= 2:
        raise ConfigError(
            f"the mapping '{name}' is no function of what is heard, or of that and the settings."
        )
    return cast(Callable[..., Reaction], function)


@lru_cache(maxsize=64)
def _parameters(function: Callable[..., object]) -> int:
    """How many arguments must be, or may well be given."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(each.kind in kinds for each in inspect.signature(function).parameters.values())


def default_mapping(config: PipelineConfig) -> Mapping:
    """Bass zooms, mids turn and ripple, attacks punch, loudness loosens the grip on the past."""
    return lambda heard: react(heard, config)


def react(heard: FrameFeatures, config: PipelineConfig) -> Reaction:
    """The default mapping."""
    knobs, camera, stream = config.react, config.camera, config.stream
    bass = excite(heard.bass, knobs.bass_gain, knobs)
    mid = excite(heard.mid, knobs.mid_gain, knobs)
    treble = excite(heard.treble, knobs.treble_gain, knobs)
    attack = min(1.0, heard.onset * knobs.reactivity)
    # between beats it stirs and is drawn to its guide as ever, but lights up and punches less
    onset = attack * (1.0 - (1.0 - knobs.off_beat) * heard.off_beat)
    controls = np.array(
        [saturate(bass), saturate(mid), saturate(treble), onset, heard.beat_phase], np.float32
    )
    return Reaction(
        energy=min(1.0, heard.energy * knobs.reactivity),
        noise_scale=1.0 + 0.1 * stream.noise_scale * knobs.reactivity * (attack - 0.25),
        controls=controls,
        camera=camera_speed(heard, bass, mid, onset, camera),
        recall=min(1.0, stream.anchor * (1.0 + attack)),
        pose=pose(heard, bass, mid, onset, camera),
        spin=math.radians(camera.rotate) * POSE_TURN,
        pace=stream.pace,
        surge=SURGE * stream.pace,
    )


def excite(relative: float, gain: float, react: ReactConfig) -> float:
    """Relative loudness after gain and the reactivity knob; 1 stays "usual" at any reactivity."""
    return max(0.0, 1.0 + react.reactivity * (relative * gain - 1.0))


def saturate(relative: float) -> float:
    """Relative loudness 0.. -> 0..1, with usual at one half."""
    return 1.0 - math.exp(-math.log(2.0) * relative)


def camera_speed(
    heard: FrameFeatures, bass: float, mid: float, onset: float, config: CameraConfig
) -> CameraMove:
    """What the camera does in a second."""
    # a hit lasts a few frames; its punch is shared out over them by the onset curve itself
    punch = PUNCH_UNIT * config.beat_punch * onset * min(2.0, bass) * 8.0
    doublings = ZOOM_UNIT * config.zoom * bass + punch * _sign(config.zoom)
    return CameraMove(
        zoom=2.0**doublings,
        rotate=math.radians(config.rotate) * mid,
        pan_x=config.pan_x,
        pan_y=config.pan_y,
        warp=WARP_UNIT * config.warp * mid * 24.0,
        phase=2.0 * math.pi * heard.beat_position / 8.0,
    )


def during(speed: CameraMove, dt: float) -> CameraMove:
    """The move that a camera of ``speed`` per second makes in ``dt`` seconds."""
    return CameraMove(
        zoom=speed.zoom**dt,
        rotate=speed.rotate * dt,
        pan_x=speed.pan_x * dt,
        pan_y=speed.pan_y * dt,
        warp=speed.warp * dt,
        phase=speed.phase,
    )


def pose(
    heard: FrameFeatures, bass: float, mid: float, onset: float, config: CameraConfig
) -> CameraMove:
    """How the guide stands at a moment: it sways, ripples, and swells on attacks."""
    sway = SWAY * min(1.0, abs(config.zoom))
    swell = SWELL * config.beat_punch * onset * min(2.0, bass)
    breath = 0.5 + 0.5 * math.sin(2.0 * math.pi * heard.time / BREATH_SECONDS)
    return CameraMove(
        zoom=1.0 + 2.0 * sway * (1.0 + breath) + swell,
        pan_x=sway * math.sin(2.0 * math.pi * heard.time / 11.0),
        pan_y=sway * math.cos(2.0 * math.pi * heard.time / 7.0),
        warp=POSE_WARP * config.warp * (0.3 + mid),
        phase=2.0 * math.pi * heard.beat_position / 4.0,
    )


def surged(surge: float, beats: float, since: float) -> float:
    """Seconds gained from beat position ``since`` to ``beats``: more on every beat, less between two."""
    turn = 2.0 * math.pi
    return surge * (math.sin(turn * beats) - math.sin(turn * since)) / turn


def _sign(zoom: float) -> float:
    return -1.0 if zoom < 0 else 1.0
