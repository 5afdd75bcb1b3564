"""What goes into a live session and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from phosphene.audio.moment import FrameFeatures
from phosphene.audio.types import AudioFeatures
from phosphene.show.display import Way
from phosphene.show.score import BeatAction as BeatAction
from phosphene.show.score import Hear as Hear

On = Literal["beat", "bar", "section"]
"""of the music: what a change may wait for"""
Id = int | str | None

BeatFrom = Literal["hand", "link", "midi", "song", "live", "own"]
"""who counts the beats: the first of these that does; `own` is the show's own slow beat"""

Frame = npt.NDArray[np.uint8]
"""uint8 RGB picture, (height, width, 3)"""


@dataclass(frozen=True)
class Source:
    """What a session reacts to."""

    hear: Hear = "nothing"
    see: bool = False
    """start every frame from an input picture"""
    features: AudioFeatures | None = None
    """the song that was heard, when ``hear`` is song"""
    song: str | None = None
    """SHA-256 of its file, for scores"""
    name: str | None = None
    """of that file"""


@dataclass(frozen=True, eq=False)
class Field:
    """A picture of the built-in model before it is enlarged and coloured; nothing holds its flashes yet."""

    planes: Frame
    """(2, h, w) uint8: place in the palette and light, as :meth:`BaseDiffusionPipeline.planes` gives"""
    palette: Frame
    """(256, 3) uint8 sRGB"""
    light: float
    """0..1, master light and blackout"""


@dataclass(frozen=True)
class Wanted:
    """In which shapes pictures are asked for."""

    images: bool = True
    fields: bool = False
    """by who can show them; what cannot be one comes as an image"""


@dataclass(frozen=True)
class Shown:
    """One finished picture: an image, a field, or both, as they were asked for."""

    sequence: int
    image: Frame | None
    """(h, w, 3) uint8 RGB; not to be changed"""
    captured: float
    """seconds on ``time.monotonic()`` of the newest input this picture answers to"""
    position: float | None
    """seconds in the song that it is meant for; None without a song"""
    moment: FrameFeatures
    tempo: float
    """beats per minute, 0 for none"""
    confidence: float
    """0..1, of the tempo"""
    size: tuple[int, int] | None = None
    """(width, height) of the show, where the picture was drawn smaller or larger"""
    punch: float = 0.0
    """how hard the display pushes the picture on a beat now"""
    way: Way = field(default_factory=Way)
    """from the picture before"""
    field: Field | None = None
    strobes: bool = False
    """flashes are not to be held in what is shown"""
    heard_at: float = 0.0
    """monotonic seconds at which the moment is heard, and its beats are counted"""
    beat_from: BeatFrom = "own"
    """who counts the beats"""
    own_tempo: float = 0.0
    """that is heard while another program leads; 0 for none"""
    own_off_ms: float = 0.0
    """milliseconds by which the beats heard come before those of who leads"""
    routes: tuple[float, ...] = ()
    """what each route adds to its setting now"""


@dataclass(frozen=True)
class Changed:
    """Settings that changed by themselves: a change that waited, a cue, the autopilot."""

    values: dict[str, JsonValue]
    """what is in force by path"""
    id: Id = None
    """of the change that waited"""
    look: str | None = None
    """name of the look that was taken"""
    position: float | None = None
    """seconds in the song that the first picture with them is meant for"""


MODEL_SHARE = 0.75
"""of a frame's time that goes with its latents, not its pixels; at 8 pixels per latent pixel"""


TINY = 0.25
"""what a tiny decoder takes of the time of a large one: TAEHV's author says 0.5 s for 2 to 3"""
LONGER = 0.25
"""share by which each further latent frame of a chunk makes pictures older"""


@dataclass(frozen=True)
class Level:
    """What one frame costs: how it is drawn right now."""

    steps: int
    batch: int
    """frames per model call"""
    width: int
    height: int
    """pixels"""
    latent_factor: int = 8
    """pixels per latent pixel, along one side"""

    cadence: int = 1
    """frames of the show for one picture that is drawn"""
    frames: int = 1
    """latent frames a chunk, of models that draw chunks"""
    decoder: str | None = None
    """of theirs, by name"""

    @property
    def load(self) -> float:
        """Cost of a frame of the show."""
        return self.cost / self.cadence

    @property
    def cost(self) -> float:
        """Of a picture: steps times pixels; what is drawn from fewer latents costs the model less."""
        pixels = self.steps * self.width * self.height
        latents = pixels * (8 / self.latent_factor) ** 2
        decoding = pixels * (TINY if self.decoder == "tiny" else 1.0)
        # a longer chunk takes no more for each picture, but all of them wait for it
        waits = 1.0 + LONGER * (self.frames - 1)
        return waits * (MODEL_SHARE * latents + (1.0 - MODEL_SHARE) * decoding)


@dataclass(frozen=True)
class SessionStats:
    """How a session is doing. Times are smoothed over about a second."""

    fps: float
    """finished pictures per second"""
    intake_ms: float
    """decoding and encoding one input picture"""
    step_ms: float
    """cue and model call"""
    finish_ms: float
    """decoding the latent, flash limit, handing it on"""
    age_ms: float
    """from the newest input to the finished picture"""
    level: Level
    lowered: bool
    """whether the level is below what the settings ask for"""
    reason: str
    """why, in a sentence; empty while nothing is lowered"""
    pictures_waiting: int
    """input pictures not yet decoded"""
    inputs_waiting: int
    """input pictures ready for the model"""
    latents_waiting: int
    """finished latents not yet decoded"""
    frames: int
    """finished so far"""
    dropped: int
    """input pictures that a newer one replaced, or that could not be used"""
