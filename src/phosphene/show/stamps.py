"""Which input a finished picture shows: frames leave a stream some calls after they entered."""

from __future__ import annotations

from typing import Generic, TypeVar

from phosphene.diffusion.chunk_stream import AnyStream, ChunkStream
from phosphene.diffusion.stream import Key
from phosphene.show.cue import Cue
from phosphene.show.display import Motion, Way
from phosphene.show.performance import play

Stamp = TypeVar("Stamp")


class Stamps(Generic[Stamp]):
    """Plays cues on ``stream`` and keeps what goes with each frame until it is shown."""

    def __init__(self, stream: AnyStream) -> None:
        self._stream = stream
        self._entered: dict[int, Stamp] = {}
        # of every frame since the one that was shown last
        self._ways: dict[int, Way] = {}
        self._time = 0.0
        self.way = Way(cut=True)
        """from the picture that :meth:`play` gave before to the last one"""

    def clear(self) -> None:
        """Forget all frames: the stream begins anew."""
        self._entered.clear()
        self._ways.clear()

    def play(self, cue: Cue, newest: Stamp) -> tuple[Key, Stamp]:
        """One cue with its stamp in; the picture to show now and its own stamp out."""
        entered = self._stream.state.frame
        key = play(self._stream, cue)
        state = self._stream.state
        self._ways[entered] = Way(Motion.of(cue.camera), cue.time - self._time, cue.cut)
        self._time = cue.time
        way = Way()
        for frame in sorted(frame for frame in self._ways if frame <= state.shown):
            way = way.then(self._ways.pop(frame))
        self.way = way
        self._entered[entered] = newest
        if state.watch.skipped and self._stream.stream_config.enable_similarity_filter:
            # the new input was found to look like the one that is shown
            self._entered[state.shown] = newest
        # of a chunk every picture answers to what was there when it was begun
        answers = self._stream.answers if isinstance(self._stream, ChunkStream) else state.shown
        oldest = min(answers, state.shown)
        self._entered = {k: stamp for k, stamp in self._entered.items() if k >= oldest}
        return key, self._entered.get(answers, newest)
