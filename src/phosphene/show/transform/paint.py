"""The third stage: each picture is drawn over, and held to the one drawn before it."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np

from phosphene.arrays import Array
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.namespaces import evaluate
from phosphene.show.transform.batches import batches
from phosphene.show.transform.items import Drawn, Frame, Motif, Sight, State
from phosphene.stream import steady
from phosphene.stream.arrays import Home, to_numpy
from phosphene.stream.batch import Flight, Plan, advance
from phosphene.stream.coherence import noisy_start
from phosphene.stream.guidance import Guidance
from phosphene.stream.noise import HeldNoise


class Painter:
    """Turns motifs into finished latents.

    A model that looks at its past is shown the picture that it draws over: so it keeps what is there
    and changes what the prompt says, and no frame waits for another. Pictures of one batch share every
    model call; what hangs on the picture before is a sum of arrays afterwards. So a batch changes the
    speed and nothing else.
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
        self._last: Array | None = None
        self._image: Frame | None = None
        self.drawn = 0
        """pictures drawn, not shown again"""

    def run(self, motifs: Iterator[Motif], batch: int) -> Generator[Drawn, None, None]:
        """Latents for all motifs; up to ``batch`` pictures share each model call."""
        for group in batches(motifs, batch):
            latents = self._draw([m for m in group if m.sight is not None])
            for motif in group:
                if motif.sight is not None:
                    self._last = self._hold(latents[motif.shot.index], motif.sight)
                    evaluate([self._last])
                    self._image = motif.sight.image
                    self.drawn += 1
                assert self._last is not None and self._image is not None
                state = motif.state
                if state is not None:
                    state = state | {"drawn": to_numpy(self._last), "drawn_over": self._image}
                yield Drawn(motif.shot, self._last, self._image, state)

    def restore(self, state: State) -> None:
        """Go on where the state of a drawn frame was taken."""
        self._last = self._home.float32(state["drawn"])
        self._image = state["drawn_over"]

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
            previous=source,
            source=source if self._model.follows_source else None,
        )

    def _hold(self, latent: Array, sight: Sight) -> Array:
        if sight.flow is None or sight.trusted is None or self._last is None:
            return latent
        before = steady.moved(self._last, sight.flow)
        return steady.hold(latent, before, sight.trusted, self._config.transform.stabilize)
