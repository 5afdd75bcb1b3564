"""The loop: cues in, finished pictures out, one per frame and frame-accurate."""

from __future__ import annotations

from collections.abc import Iterator

from phosphene.diffusion.stream import Key, StreamDiffusionPipeline
from phosphene.profiling import get_profiler
from phosphene.show.cue import Cue
from phosphene.show.director import Director


class Performance:
    """A director and a stream, playing together.

    A stream of several steps shows each frame a little after it entered. :meth:`keys` looks ahead by
    that much, so that the picture of frame ``i`` is the i-th to come out.
    """

    def __init__(self, director: Director, stream: StreamDiffusionPipeline) -> None:
        self._director = director
        self._stream = stream

    @property
    def lead(self) -> int:
        """Frames that must have entered before one comes out, once the stream runs."""
        return self._stream.latency

    def step(self, cue: Cue) -> Key:
        """One frame in, the picture to show now out."""
        with get_profiler().profile("denoise"):
            return play(self._stream, cue)

    def cue(self, frame: int) -> Cue:
        """The cue of a frame."""
        with get_profiler().profile("cue"):
            return self._director.cue(frame)

    def keys(self, first: int, total: int) -> Iterator[Key]:
        """Finished pictures of frames ``first`` .. ``total`` - 1.

        A stream that was restored from a state goes on with the frame its state was waiting for; a
        fresh one must be waiting for ``first``.
        """
        out, key = first, None
        fresh = self._stream.state.finished is None
        for frame in range(self._stream.state.frame, total):
            key = self.step(self.cue(frame))
            # while the stream fills up, the first picture is shown again and again
            if (fresh and frame == first) or frame - self.lead == out:
                out += 1
                yield key
        rest = self._stream.flush_keys()
        yield from rest
        if key is not None:
            # frames that the similarity filter passed over look like the last one
            yield from [key] * (total - out - len(rest))


def play(stream: StreamDiffusionPipeline, cue: Cue) -> Key:
    """One cue in, the picture to show now out."""
    return stream.step(
        cue.latent,
        cue.embeds,
        cue.energy,
        camera=cue.camera,
        context=cue.context,
        noise_scale=cue.noise_scale,
        anchor=cue.anchor,
        anchor_weight=cue.anchor_weight,
        source=cue.source,
        cut=cue.cut,
        forget=cue.forget,
    )
