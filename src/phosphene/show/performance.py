"""The loop: cues in, finished latents out, one per frame and frame-accurate."""

from __future__ import annotations

from collections.abc import Iterator

from phosphene.arrays import Array
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.profiling import get_profiler
from phosphene.show.cue import Cue
from phosphene.show.director import Director


class Performance:
    """A director and a stream, playing together.

    A stream of several steps shows each frame a little after it entered. :meth:`latents` looks ahead by
    that much, so that the picture of frame ``i`` is the i-th to come out.
    """

    def __init__(self, director: Director, stream: StreamDiffusionPipeline) -> None:
        self._director = director
        self._stream = stream

    @property
    def lead(self) -> int:
        """Frames that must have entered before one comes out, once the stream runs."""
        return self._stream.latency

    def step(self, cue: Cue) -> Array:
        """One frame in, the latent (1, c, h, w) to show now out."""
        with get_profiler().profile("denoise"):
            return play(self._stream, cue)

    def cue(self, frame: int) -> Cue:
        """The cue of a frame."""
        with get_profiler().profile("cue"):
            return self._director.cue(frame)

    def latents(self, first: int, total: int) -> Iterator[Array]:
        """Finished latents of frames ``first`` .. ``total`` - 1.

        A stream that was restored from a state goes on with the frame its state was waiting for; a
        fresh one must be waiting for ``first``.
        """
        out, latent = first, None
        fresh = self._stream.state.finished is None
        for frame in range(self._stream.state.frame, total):
            latent = self.step(self.cue(frame))
            # while the stream fills up, the first picture is shown again and again
            if (fresh and frame == first) or frame - self.lead == out:
                out += 1
                yield latent
        rest = self._stream.flush_latents()
        # frames that the similarity filter passed over look like the last one
        yield from [*rest, *[latent] * (total - out - len(rest))]


def play(stream: StreamDiffusionPipeline, cue: Cue) -> Array:
    """One cue in, the latent (1, c, h, w) to show now out."""
    return stream.step_latent(
        cue.latent,
        cue.embeds,
        cue.energy,
        camera=cue.camera,
        controls=cue.controls,
        noise_scale=cue.noise_scale,
        anchor=cue.anchor,
        anchor_weight=cue.anchor_weight,
        source=cue.source,
        control=cue.control,
        cut=cue.cut,
        forget=cue.forget,
    )
