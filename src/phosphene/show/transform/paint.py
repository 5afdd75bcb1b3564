"""The third stage: each picture is drawn over."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np

from phosphene.arrays import Array
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.diffusion.stream import Key
from phosphene.namespaces import evaluate
from phosphene.show.transform.batches import batches
from phosphene.show.transform.items import Drawn, Motif, Sight, State
from phosphene.stream.arrays import Home
from phosphene.stream.batch import InFlightFrame, advance
from phosphene.stream.conditioning import Context
from phosphene.stream.entry import Entry, begin
from phosphene.stream.guidance import Guidance
from phosphene.stream.noise import HeldNoise
from phosphene.stream.state import StreamState


class Painter:
    """Turns motifs into finished pictures.

    A model that looks at its past is shown the picture that it draws over: so it keeps what is there
    and changes what the prompt says, and no frame waits for another. Pictures of one batch share every
    model call, and none hangs on another: a batch changes the speed and nothing else.
    """

    def __init__(self, base: BaseDiffusionPipeline, config: PipelineConfig) -> None:
        self._model = base.denoiser()
        self._seed = config.inference.seed
        self._stream = config.stream.model_copy(
            update={
                "denoising_steps": config.transform.steps,
                "t_index_list": None,
                # what is seen is the past: no frame waits for another
                "enable_temporal_coherence": False,
            }
        )
        self._home = Home.of(base.asarray(np.zeros(1, np.float32)))
        self._noise = HeldNoise(self._home)
        guidance = Guidance(self._stream.guidance_mode, self._stream.guidance_scale)
        self._negative: Array | None = None
        if guidance.asks_negative(0):
            negative = base.encode_prompt(config.prompt.negative_prompt)
            self._negative = self._home.float32(negative)
        self.drawn = 0
        """pictures drawn, not shown again"""

    def run(self, motifs: Iterator[Motif], batch: int) -> Generator[Drawn, None, None]:
        """Pictures for all motifs; up to ``batch`` pictures share each model call."""
        for group in batches(motifs, batch):
            keys = self._draw([m for m in group if m.sight is not None])
            evaluate([key.latent for key in keys.values()])
            self.drawn += len(keys)
            for motif in group:
                key = keys.get(motif.shot.index)
                yield Drawn(motif.shot, motif.sight, key, motif.state, motif.passed)

    def restore(self, state: State) -> None:
        """Nothing is remembered."""

    def _draw(self, motifs: list[Motif]) -> dict[int, Key]:
        """Finished pictures by the index of their shots."""
        frames_in_flight = [
            self._begin(m.shot.index, m.sight) for m in motifs if m.sight is not None
        ]
        while not all(in_flight.landed for in_flight in frames_in_flight):
            frames_in_flight = advance(frames_in_flight, self._model, self._noise)
        return {each.frame: Key(each.x, each.context.palette) for each in frames_in_flight}

    def _begin(self, index: int, sight: Sight) -> InFlightFrame:
        # schedules end a little short of pure noise: at strength 1 "ignores it" is meant
        past = sight.source if sight.strength < 1.0 else None
        entry = Entry(
            noise=sight.noise,
            embeds=sight.embeds,
            seed=self._seed,
            negative=self._negative,
            image=past,
            strength=sight.strength,
            context=sight.context.told(Context(previous=past)),
        )
        return begin(StreamState(frame=index), entry, self._model, self._stream, 1)
