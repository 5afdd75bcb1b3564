"""A chunk model without a network: every picture says which chunk it is of, and what it was told."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.base import ChunkFacts, Frames, ModelFacts
from phosphene.diffusion.chunk import PLAIN, Change, ChunkOptions, ChunkPipeline
from phosphene.stream.schedule import Schedule


@dataclass
class ToyState:
    embeds: Any
    size: tuple[int, int]
    chunk: int = 0
    first: bool = True
    changes: list[tuple[int, str]] = field(default_factory=list)
    passing: list[Any] = field(default_factory=list)


class ToyChunks(ChunkPipeline):
    """Red is the prompt's letter, green the chunk, blue the place in it, or what it is drawn over."""

    name: ClassVar[str] = "toy"
    slow = 0.0
    frames = 1

    def load_model(self) -> None:
        self.opened = 0
        self.asked: list[str] = []
        self.options: list[ChunkOptions] = []
        self.strengths: list[float] = []

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(
            name="toy", latent_channels=3, latent_factor=1, size_multiple=16, prediction="flow",
            schedule=Schedule.flow(), embed_shape=(1, 1), max_size=256, min_size=64,
            chunk=ChunkFacts(self.frames, 4, 16.0, decoders=("wan", "tiny")),
        )  # fmt: skip

    def encode_prompt(self, prompt: str | Sequence[str]) -> Any:
        texts = [prompt] if isinstance(prompt, str) else prompt
        self.asked += texts
        return np.array([[[float(len(text))]] for text in texts], np.float32)

    def open(self, embeds: Any, seed: int, first: Frames | None = None) -> ToyState:
        self.opened += 1
        size = self.inference_config
        return ToyState(embeds, (size.height, size.width), first=first is None)

    def pictures(self, state: ToyState, options: ChunkOptions = PLAIN) -> int:
        frames = options.frames or self.frames
        return 4 * frames - (3 if state.first else 0)

    def generate(
        self,
        state: ToyState,
        source: Frames | None = None,
        strength: float = 1.0,
        options: ChunkOptions = PLAIN,
    ) -> Frames:
        time.sleep(self.slow)
        self.options.append(options)
        self.strengths.append(strength)
        count = self.pictures(state, options)
        out = np.zeros((count, *state.size, 3), np.uint8)
        out[..., 0] = int(state.embeds[0, 0, 0])
        out[..., 1] = state.chunk
        out[..., 2] = np.arange(count)[:, None, None]
        if source is not None:
            assert len(source) == count
            out[..., 2] = source[..., 2]
        state.chunk, begins, state.first = state.chunk + 1, state.first, False
        if options.stream_batch and not begins:
            state.passing.append(out)
            return state.passing.pop(0) if len(state.passing) > 2 else out[:0]
        return out

    def change(self, state: ToyState, embeds: Any, how: Change, chunks: int = 4) -> None:
        if how == "cut":
            state.first = True
        state.embeds = embeds
        state.changes.append((state.chunk, how))

    def close(self, state: ToyState) -> None:
        state.passing = []

    def dump(self, state: ToyState) -> bytes:
        told = asdict(state) | {"embeds": state.embeds.tolist(), "passing": []}
        return json.dumps(told).encode()

    def restore(self, data: bytes) -> ToyState:
        told = json.loads(data)
        told["embeds"] = np.array(told["embeds"], np.float32)
        return ToyState(**told)


def toy_chunks(width: int = 64, height: int = 64, **options: Any) -> ToyChunks:
    kind = type("Toy", (ToyChunks,), options)
    model: ToyChunks = kind(DiffusionConfig(), InferenceConfig(width=width, height=height))
    return model
