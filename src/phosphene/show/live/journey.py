"""The walk of a song that nobody has heard to its end: the offline rules, one moment at a time."""

from __future__ import annotations

import math

from phosphene.audio.moment import FrameFeatures
from phosphene.config import LatentConfig
from phosphene.latent.timing import BEATS_PER_STEP, SCENE_FADE_SECONDS, Place, step_length
from phosphene.latent.walks import ease_out
from phosphene.show.director import BEATS_PER_SHAPE

MOST_BEATS = 4.0
"""more beats than this between two frames are no playing on but a jump"""


class Journey:
    """Follows the beat wherever it goes and never jumps, though the music may.

    What it remembers does not grow. Played from the start without a jump it walks as
    :func:`phosphene.latent.timing.place_at` says.
    """

    def __init__(self) -> None:
        self.beats = 0.0
        """beats walked so far, jumps left out"""
        self._drift = 0.0
        self._walked = 0.0
        # the step under way: its number, its length, the note it is counted in
        self._step: tuple[int, float, str] | None = None
        self._tilt = 0.0
        self._position = 0.0
        self._section = 0
        self._scene = 0
        self._shapes = 0
        self._since_scene = 0.0

    @property
    def shape(self) -> int:
        """Counts the remembered shapes: another one every four bars, and with every scene."""
        return self._scene + self._shapes

    def scene(self) -> None:
        """Go to a new place now."""
        self._scene += 1
        self._since_scene = 0.0

    def advance(
        self, heard: FrameFeatures, seconds: float, config: LatentConfig, same: bool = True
    ) -> Place:
        """Where the walk is ``seconds`` after the last call; the first call is its start.

        ``same`` tells whether it is still the same music; its place may have jumped all the same.
        """
        first = self._step is None
        if not first:
            self._drift += config.drift * seconds
            self._since_scene += seconds
        position = heard.beat_position
        moved = position - self._position
        natural = same and not first and -MOST_BEATS <= moved <= MOST_BEATS
        self._walk(heard, config, natural)
        if natural:
            self.beats += moved
            self._tilt += config.spiral_rate * moved
            turned = math.floor(position / BEATS_PER_SHAPE)
            self._shapes += turned > math.floor(self._position / BEATS_PER_SHAPE)
        elif first:
            self.beats = position
        if same and not first and config.scene_per_section and heard.section != self._section:
            self.scene()
        self._position, self._section = position, heard.section
        return Place(
            scene=self._scene,
            arrival=min(1.0, self._since_scene / SCENE_FADE_SECONDS),
            angle=self._drift + self._angle(position),
            tilt=self._tilt,
        )

    def _walk(self, heard: FrameFeatures, config: LatentConfig, natural: bool) -> None:
        """Begin the steps whose time has come."""
        position = heard.beat_position / BEATS_PER_STEP[config.note]
        now, length = math.floor(position), step_length(heard.energy, config)
        if self._step is None:
            self._step = now, length, config.note
            return
        step, current, note = self._step
        if natural and note == config.note and now >= step:
            if now > step:
                self._walked += current + (now - step - 1) * length
                self._step = now, length, note
            return
        # after a jump the walk goes on from where it is, in the middle of another step
        here = self._angle(self._position)
        self._step = now, length, config.note
        self._walked = here - length * ease_out(position - now)

    def _angle(self, position: float) -> float:
        assert self._step is not None
        step, length, note = self._step
        phase = min(1.0, max(0.0, position / BEATS_PER_STEP[note] - step))
        return self._walked + length * ease_out(phase)
