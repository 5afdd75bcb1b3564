"""A song that was heard as a whole."""

from __future__ import annotations

from phosphene.audio.moment import frame_features
from phosphene.audio.types import AudioFeatures
from phosphene.show.director import DirectorState
from phosphene.show.sources.moments import Given


class SongSource:
    """The frames of a song's features; any may be asked for."""

    def __init__(self, features: AudioFeatures) -> None:
        self._features = features
        self.fps = features.fps
        self.num_frames = features.num_frames
        self.beat_frames = features.beat_frames.tolist()
        self.state = DirectorState()

    def at(self, frame: int) -> Given:
        """What is heard at ``frame``."""
        heard = frame_features(self._features, frame)
        return Given(heard, position=heard.time)

    def seek(self, frame: int) -> None:
        """Nothing is remembered."""
