"""The loop: features in, finished pictures out, one per frame and frame-accurate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from phosphene.audio import AudioFeatures
from phosphene.audio.moment import FrameFeatures, frame_features
from phosphene.config import PipelineConfig
from phosphene.diffusion.stream import Key, StreamDiffusionPipeline
from phosphene.latent import LatentGenerator
from phosphene.profiling import get_profiler
from phosphene.prompt.book import REMEMBERED, PromptCache, encoder
from phosphene.prompt.fade import texts_of
from phosphene.show.cue import Cue
from phosphene.show.director import DirectorState, Inputs, advance, step
from phosphene.show.mapping import Mapping, Mappings
from phosphene.show.routes import check_routes

PRICE = ("denoising_steps", "frame_buffer_size", "t_index_list", "stream_batch")
"""settings of a stream that say what a frame costs; a live show lowers them while it lacks time"""


class Performance:
    """A song's frames through the director and a stream.

    A stream of several steps shows each frame a little after it entered. :meth:`keys` looks ahead by that
    much, so that the picture of frame ``i`` is the i-th to come out. ``state`` is where the director is.
    """

    def __init__(
        self,
        features: AudioFeatures,
        config: PipelineConfig,
        stream: StreamDiffusionPipeline,
        mapping: Mapping | None = None,
    ) -> None:
        self.state = DirectorState()
        self._features = features
        self.config = config
        """replaced as a whole, between any two frames"""
        self._stream = stream
        self._dt = 1.0 / features.fps
        groups = texts_of(config.prompt)
        prompts = PromptCache(encoder(stream.base), max(REMEMBERED, len(groups)))
        for texts in groups:
            # all up front: a prompt that cannot be drawn is said before the work
            prompts.get(texts)
        check_routes(config)
        noise = LatentGenerator(config.latent, seed=config.inference.seed)
        self._inputs = Inputs(stream.base, noise, prompts, Mappings(config, own=mapping))

    @property
    def lead(self) -> int:
        """Frames that must have entered before one comes out, once the stream runs."""
        return self._stream.latency

    def step(self, cue: Cue) -> Key:
        """One frame in, the picture to show now out."""
        with get_profiler().profile("denoise"):
            return play(self._stream, cue)

    def cue(self, frame: int) -> Cue:
        """The cue of what is heard at ``frame``, a frame after the last one."""
        with get_profiler().profile("cue"):
            heard, inputs = self._at(frame)
            self.state, cue = step(self.state, heard, self._dt, inputs, self.config)
        return cue

    def pass_over(self, frame: int) -> None:
        """Let a frame go by without a picture."""
        heard, inputs = self._at(frame)
        self.state, _ = advance(self.state, heard, self._dt, inputs, self.config)

    def _at(self, frame: int) -> tuple[FrameFeatures, Inputs]:
        heard = frame_features(self._features, frame)
        return heard, replace(self._inputs, position=heard.time)

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
    usual = stream.stream_config
    if cue.stream is not None:
        # how much is drawn is the machine's affair
        kept = {name: getattr(usual, name) for name in PRICE}
        stream.stream_config = cue.stream.model_copy(update=kept)
    try:
        return _play(stream, cue)
    finally:
        stream.stream_config = usual


def _play(stream: StreamDiffusionPipeline, cue: Cue) -> Key:
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
