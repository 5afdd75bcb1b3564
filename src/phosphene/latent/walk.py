"""How far a walk has come: one moment at a time, whatever the music does, wherever the music comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from phosphene.audio.moment import FrameFeatures
from phosphene.config import LatentConfig
from phosphene.latent.walks import ease_out

BEATS_PER_STEP = {"half": 0.5, "beat": 1.0, "two_beats": 2.0, "bar": 4.0}
SCENE_FADE_SECONDS = 0.5
MOST_BEATS = 4.0
"""more beats than this between two frames are no playing on but a jump"""
BARS_PER_SHAPE = 4
"""a shape stays for four bars, or until the scene changes"""


@dataclass(frozen=True)
class Place:
    """Where a walk is at a moment."""

    scene: int
    arrival: float
    """0..1: how far the scene has taken over from the one before"""
    angle: float
    """radians along the path"""
    tilt: float
    """radians the spiral has left its circle by"""


@dataclass(frozen=True)
class WalkState:
    """A walk between two moments. It never jumps, though the music may."""

    begun: bool = False
    beats: float = 0.0
    """beats walked so far, jumps left out"""
    drift: float = 0.0
    """radians drifted"""
    walked: float = 0.0
    """radians of the steps that are over"""
    step: int = 0
    """number of the step under way, counted in ``note``"""
    length: float = 0.0
    """its radians"""
    note: str = "beat"
    tilt: float = 0.0
    scene: int = 0
    shapes: int = 0
    since_scene: float = 0.0
    """seconds"""
    position: float = 0.0
    """beat position of the music at the last moment"""
    section: int = 0
    bar: int = 0

    @property
    def shape(self) -> int:
        """Counts the shapes of the guide: another one every four bars, and with every scene."""
        return self.scene + self.shapes

    @property
    def place(self) -> Place:
        """Where the walk is now."""
        return Place(
            scene=self.scene,
            arrival=min(1.0, self.since_scene / SCENE_FADE_SECONDS),
            angle=self.drift + self.angle_at(self.position),
            tilt=self.tilt,
        )

    def angle_at(self, position: float) -> float:
        """Radians walked when the music was at ``position`` beats, the drift left out."""
        phase = min(1.0, max(0.0, position / BEATS_PER_STEP[self.note] - self.step))
        return self.walked + self.length * ease_out(phase)


def step_length(energy: float, config: LatentConfig) -> float:
    """Radians of a step that begins at this loudness 0..1: 0.5 to 1.5 x ``config.distance``."""
    return config.distance * (0.5 + energy)


def advance(
    state: WalkState,
    heard: FrameFeatures,
    dt: float,
    config: LatentConfig,
    same: bool = True,
    scenes: int = 0,
) -> WalkState:
    """The walk ``dt`` seconds later; the first call is its start.

    A steady drift, plus one eased step per note: it begins on the beat, never before it, and is longer when
    it starts loud. ``same`` tells whether it is still the same music; its place may have jumped all the
    same. ``scenes`` are new places that the performer asked for.
    """
    position, first = heard.beat_position, not state.begun
    # who counts no bars has bars of four
    bar = heard.bar or math.floor(position / 4.0)
    moved = position - state.position
    natural = same and not first and -MOST_BEATS <= moved <= MOST_BEATS
    state = _walk(state, heard, config, natural)
    if not first:
        state = replace(
            state,
            drift=state.drift + config.drift * dt,
            since_scene=(0.0 if scenes else state.since_scene) + dt,
        )
    if natural:
        turned = bar // BARS_PER_SHAPE > state.bar // BARS_PER_SHAPE
        state = replace(
            state,
            beats=state.beats + moved,
            tilt=state.tilt + config.spiral_rate * moved,
            shapes=state.shapes + turned,
        )
    elif first:
        state = replace(state, beats=position)
    fresh = same and not first and config.scene_per_section and heard.section != state.section
    return replace(
        state,
        begun=True,
        scene=state.scene + scenes + fresh,
        since_scene=0.0 if fresh else state.since_scene,
        position=position,
        section=heard.section,
        bar=bar,
    )


def _walk(state: WalkState, heard: FrameFeatures, config: LatentConfig, natural: bool) -> WalkState:
    """Begin the steps whose time has come."""
    position = heard.beat_position / BEATS_PER_STEP[config.note]
    now, length = math.floor(position), step_length(heard.energy, config)
    begin = replace(state, step=now, length=length, note=config.note)
    if not state.begun:
        return begin
    if natural and state.note == config.note and now >= state.step:
        if now == state.step:
            return state
        # steps that were passed over are as long as the one that begins
        return replace(begin, walked=state.walked + state.length + (now - state.step - 1) * length)
    # after a jump the walk goes on from where it is, in the middle of another step
    here = state.angle_at(state.position)
    return replace(begin, walked=here - length * ease_out(position - now))
