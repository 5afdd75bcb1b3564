"""What a Wan stream remembers, all of it; kept and restored to the bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from phosphene.diffusion.wan.autoencoder import Memory
from phosphene.diffusion.wan.cache import KeyValueCache
from phosphene.diffusion.wan.network import Prompt
from phosphene.errors import InputError

Tensor = torch.Tensor
Embeds = npt.NDArray[np.float32]
FORMAT = "phosphene wan stream 1"


@dataclass
class Morph:
    """A prompt on its way to another."""

    start: Embeds
    chunk: int = 0
    """chunks drawn since it began"""
    chunks: int = 4


@dataclass
class Passing:
    """A latent frame on its way through a stream batch."""

    frame: int
    chunk: int
    timesteps: tuple[float, ...]
    x: Tensor
    """(1 c 1 h w) noisy"""


@dataclass
class WanState:
    """A stream between two chunks. It does not grow with the stream."""

    seed: int
    size: tuple[int, int]
    """(height, width) of pictures"""
    embeds: Embeds
    """(1 seq hidden) that it is told, or on its way to"""
    cache: KeyValueCache
    prompt: Prompt
    chunk: int = 0
    """calls so far, which key the noise"""
    frame: int = 0
    """latent frames since the beginning, or the last cut"""
    recent: list[tuple[int, Tensor]] = field(default_factory=list)
    """(number of its first frame, clean latents) of the last chunks, for another prompt's keys"""
    morph: Morph | None = None
    decoder: Memory = field(default_factory=list)
    decoded_by: str = ""
    encoder: Memory = field(default_factory=list)
    level: float | None = None
    """share of noise that the last source was given"""
    seen: Tensor | None = None
    """(1 3 h w) the last source picture"""
    passing: list[Passing] = field(default_factory=list)
    """of a stream batch, the newest first"""


def dump(state: WanState) -> bytes:
    """All of a stream as bytes (safetensors)."""
    from safetensors.torch import save

    # copies: views of one memory cannot be written
    tensors = {name: each.detach().cpu().clone().contiguous() for name, each in _tensors(state)}
    # in one entry: the order of several would not be the same in two runs
    told = {
        "format": FORMAT,
        "seed": state.seed,
        "size": state.size,
        "chunk": state.chunk,
        "frame": state.frame,
        "recent": [first for first, _ in state.recent],
        "morph": None if state.morph is None else [state.morph.chunk, state.morph.chunks],
        "memories": [[_mark(each) for each in m] for m in (state.decoder, state.encoder)],
        "decoded_by": state.decoded_by,
        "level": state.level,
        "passing": [[p.frame, p.chunk, list(p.timesteps)] for p in state.passing],
        "frames": state.cache.frames,
        "cache": [state.cache.sink, state.cache.window],
    }
    data: bytes = save(tensors, {"state": json.dumps(told)})
    return data


def restore(data: bytes, like: Tensor) -> WanState:
    """The stream that was dumped, where ``like`` is. Raises InputError."""
    from safetensors.torch import load

    try:
        length = int.from_bytes(data[:8], "little")
        meta = json.loads(data[8 : 8 + length])["__metadata__"]
        told = json.loads(meta["state"])
        if told["format"] != FORMAT:
            raise ValueError(told["format"])
        held = {name: each.to(like.device) for name, each in load(data).items()}
    except Exception as error:
        raise InputError(
            "this is not the state of a Wan stream, or one of another version."
        ) from error
    layers = sum(name.startswith("keys.") for name in held)
    cache = KeyValueCache.__new__(KeyValueCache)
    cache.sink, cache.window = told["cache"]
    cache.keys = [held[f"keys.{i}"] for i in range(layers)]
    cache.values = [held[f"values.{i}"] for i in range(layers)]
    cache.frames = told["frames"]
    morph = None
    if told["morph"] is not None:
        morph = Morph(held["start"].cpu().numpy(), *told["morph"])
    memories = [
        [held[f"{name}.{i}"] if mark == "tensor" else mark for i, mark in enumerate(marks)]
        for name, marks in zip(("decoder", "encoder"), told["memories"], strict=True)
    ]
    return WanState(
        seed=told["seed"],
        size=(told["size"][0], told["size"][1]),
        embeds=held["embeds"].cpu().numpy(),
        cache=cache,
        prompt=Prompt(held["prompt"]),
        chunk=told["chunk"],
        frame=told["frame"],
        recent=[(first, held[f"recent.{i}"]) for i, first in enumerate(told["recent"])],
        morph=morph,
        decoder=memories[0],
        decoded_by=told["decoded_by"],
        encoder=memories[1],
        level=told["level"],
        seen=held.get("seen"),
        passing=[
            Passing(frame, chunk, tuple(steps), held[f"passing.{i}"])
            for i, (frame, chunk, steps) in enumerate(told["passing"])
        ],
    )


def _tensors(state: WanState) -> Iterator[tuple[str, Tensor]]:
    yield "embeds", torch.from_numpy(np.ascontiguousarray(state.embeds))
    yield "prompt", state.prompt.embeds
    if state.morph is not None:
        yield "start", torch.from_numpy(np.ascontiguousarray(state.morph.start))
    if state.seen is not None:
        yield "seen", state.seen
    groups: tuple[tuple[str, list[Any]], ...] = (
        ("keys", state.cache.keys),
        ("values", state.cache.values),
        ("recent", [latents for _, latents in state.recent]),
        ("passing", [each.x for each in state.passing]),
        ("decoder", state.decoder),
        ("encoder", state.encoder),
    )
    for name, each in groups:
        for i, tensor in enumerate(each):
            if isinstance(tensor, torch.Tensor):
                yield f"{name}.{i}", tensor


def _mark(each: Any) -> str | None:
    """What of an autoencoder's memory is no tensor: nothing yet, or Wan's own marks."""
    return "tensor" if isinstance(each, torch.Tensor) else each
