"""A model that draws only when it may, and says what it saw."""

from __future__ import annotations

import threading

from phosphene.diffusion.base import ModelFacts
from phosphene.errors import ModelError
from phosphene.stream.schedule import Schedule
from tests.show.toy import ToyPipeline


class Gated(ToyPipeline):
    """Every call waits for ``gate``; ``begun`` is released when one begins."""

    def load_model(self):
        super().load_model()
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        self.seen = []
        self.strengths = []
        self.trouble = []

    @property
    def facts(self):
        # limits of the real ones
        return ModelFacts("gated", 3, 8, 16, "flow", Schedule.flow(), (1, 3), 512)

    def encode_image(self, frames):
        self.seen.append(int(frames[0, 0, 0, 0]))
        return super().encode_image(frames)

    def dress(self, frames, embeds, strength):
        self.strengths.append(strength)
        return frames

    def denoise(self, latents, timesteps, embeds, context):
        self.begun.release()
        assert self.gate.wait(60)
        if self.trouble:
            raise self.trouble[0]
        return super().denoise(latents, timesteps, embeds, context)


class Loader:
    """Stands for ``load_pipeline``: keeps what was asked for, waits for ``gate``, refuses ``bad``."""

    def __init__(self):
        self.asked = []
        self.made = []
        self.gate = threading.Event()
        self.gate.set()
        self.__module__ = __name__
        self.__qualname__ = f"loader {id(self)}"

    def __call__(self, diffusion, inference):
        self.asked.append(diffusion.model)
        assert self.gate.wait(60)
        if "bad" in diffusion.model:
            raise ModelError("there is no model at bad/model: give another one.")
        base = Gated(diffusion, inference)
        self.made.append(base)
        return base
