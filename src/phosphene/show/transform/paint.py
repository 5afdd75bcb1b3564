"""The third stage: each picture is drawn over."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np

from phosphene.arrays import Array
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.namespaces import evaluate
from phosphene.show.transform.batches import batches
from phosphene.show.transform.items import Drawn, Motif, Sight
from phosphene.stream.arrays import Home
from phosphene.stream.batch import Flight, Plan, advance
from phosphene.stream.coherence import noisy_start
from phosphene.stream.conditioning import Context
from phosphene.stream.guidance import Guidance
from phosphene.stream.noise import HeldNoise


class Painter:
    """Turns motifs into finished latents.

    A model that looks at its past is shown the picture that it draws over: so it keeps what is there
    and changes what the prompt says, and no frame waits for another. Pictures of one batch share every
    model call, and none hangs on another: a batch changes the speed and nothing else.
    """

    def __init__(self, base: BaseDiffusionPipeline, config: PipelineConfig) -> None:
        self._model = base.denoiser()
        self._config = config
        self._home = Home.of(base.asarray(np.zeros(1, np.float32)))
        self._noise = HeldNoise(self._home)
        self._guidance = Guidance(
            config.stream.guidance_mode, config.stream.guidance_scale, config.stream.delta
        )
        self._negative: Array | None = None
        if self._guidance.asks_negative(0):
            negative = base.encode_prompt(config.prompt.negative_prompt)
            self._negative = self._home.float32(negative)
        self.drawn = 0
        """pictures drawn, not shown again"""

    def run(self, motifs: Iterator[Motif], batch: int) -> Generator[Drawn, None, None]:
        """Latents for all motifs; up to ``batch`` pictures share each model call."""
        for group in batches(motifs, batch):
            latents = self._draw([m for m in group if m.sight is not None])
            evaluate(latents.values())
            self.drawn += len(latents)
            for motif in group:
                yield Drawn(motif.shot, motif.sight, latents.get(motif.shot.index), motif.state)

    def _draw(self, motifs: list[Motif]) -> dict[int, Array]:
        """Finished latents by the index of their shots."""
        flights = [self._take_off(m.shot.index, m.sight) for m in motifs if m.sight is not None]
        while not all(flight.landed for flight in flights):
            flights = advance(flights, self._model, self._noise)
        return {flight.frame: flight.x for flight in flights}

    def _take_off(self, index: int, sight: Sight) -> Flight:
        stream, schedule = self._config.stream, self._model.schedule
        timesteps = tuple(schedule.steps(self._config.transform.steps, sight.strength).tolist())
        start: Array = sight.source
        source: Array | None = sight.source
        if sight.strength >= 1.0:
            # "ignores it" is meant: schedules end a little short of pure noise
            start, source = sight.noise, None
        elif timesteps:
            start = noisy_start(schedule, sight.source, sight.noise, timesteps[0])
        return Flight(
            frame=index,
            plan=Plan(
                timesteps=timesteps,
                seed=self._config.inference.seed,
                guidance=self._guidance,
                stepper=stream.stepper,
                gamma=stream.tcd_gamma,
                add_noise=stream.add_noise,
            ),
            x=start,
            embeds=sight.embeds,
            negative=self._negative,
            reference=source if self._guidance.mode == "self" else None,
            context=Context(previous=source, source=source if self._model.follows_source else None),
        )
