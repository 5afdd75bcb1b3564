"""Everything a stream remembers: explicit, constant in the length of the show, saved and restored."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from phosphene.errors import InputError, OutputError
from phosphene.stream.arrays import Array, HostArray, to_numpy
from phosphene.stream.batch import InFlightFrame, Plan
from phosphene.stream.camera import CameraMove
from phosphene.stream.conditioning import NAMES, Context
from phosphene.stream.guidance import Guidance
from phosphene.stream.memory import ContextMemory
from phosphene.stream.similarity import Watch

FORMAT = 3
FLIGHT_ARRAYS = ("x", "embeds", "negative", "reference", "anchor")
STATE_ARRAYS = ("finished", "followed", "picture", "palette", "guide", "before")
WATCH_ARRAYS = ("picture", "embeds")
MEMORY_ARRAYS = ("latents",)


@dataclass(frozen=True)
class StreamState:
    """A stream between two frames."""

    frame: int = 0
    """index of the next frame to enter"""
    shown: int = -1
    """index of the frame shown last; -1 before the first"""
    picture: Array | None = None
    """(b c h w) finished latent shown last"""
    palette: Array | None = None
    """(b 256 3) colours of ``picture``, for models that draw fields"""
    guide: Array | None = None
    """(b n) what ``picture`` followed, see :class:`~phosphene.stream.conditioning.Context`"""
    finished: Array | None = None
    """(b c h w) newest finished latent: the previous picture of the next frame"""
    followed: Array | None = None
    """(b c h w) the guide that ``finished`` was drawn back to"""
    frames_in_flight: tuple[InFlightFrame, ...] = ()
    """frames on their way, oldest first"""
    ready: tuple[InFlightFrame, ...] = ()
    """landed frames not shown yet, oldest first"""
    moves: tuple[tuple[int, CameraMove], ...] = ()
    """(frame, move) of the frames that entered after ``finished``"""
    watch: Watch = field(default_factory=Watch)
    before: Array | None = None
    """(b c h w) the finished latent before ``finished``, where the camera had it then; as ``memory``,
    kept only for models that look back so far"""
    memory: ContextMemory = field(default_factory=ContextMemory)


def held(state: StreamState) -> Iterator[Array | None]:
    """Every array of a state."""
    for _, holder, names in _holders(state):
        yield from (getattr(holder, name) for name in names)


def dump(state: StreamState) -> bytes:
    """A state as the bytes of an npz file, without pickle."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, meta=np.array(_describe(state)), **_arrays(state))
    return file.getvalue()


def restore(data: bytes, asarray: Callable[[HostArray], Array]) -> StreamState:
    """Exactly the state that was dumped; ``asarray`` brings float32 arrays home.

    Raises :class:`InputError`.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            meta = json.loads(str(file["meta"]))
            if meta["format"] != FORMAT:
                raise InputError(
                    "this stream state was saved by another version of phosphene: start afresh."
                )
            arrays = {name: asarray(file[name]) for name in file.files if name != "meta"}
        return _rebuild(meta, arrays)
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError("this is not a stream state, or a damaged one.") from error


def save(state: StreamState, path: str | Path) -> None:
    """Write a state to ``path``, all of it or nothing. Raises :class:`OutputError`."""
    target = Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(dump(state))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(
            f"cannot save the stream's state to {target}: {error.strerror}."
        ) from error


def load(path: str | Path, asarray: Callable[[HostArray], Array]) -> StreamState:
    """Read a state that :func:`save` wrote. Raises :class:`InputError`."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read the stream's state from {path}: {error.strerror}."
        ) from error
    return restore(data, asarray)


def _describe(state: StreamState) -> str:
    """The numbers of a state as JSON."""
    return json.dumps(
        {
            "format": FORMAT,
            "frame": state.frame,
            "shown": state.shown,
            "skipped": state.watch.skipped,
            "settings": state.watch.settings,
            "remembered": state.memory.frames,
            "remembers_from": state.memory.first,
            "flights": [_describe_in_flight(in_flight) for in_flight in state.frames_in_flight],
            "ready": [_describe_in_flight(in_flight) for in_flight in state.ready],
            "moves": [(frame, asdict(move)) for frame, move in state.moves],
        }
    )


def _describe_in_flight(in_flight: InFlightFrame) -> dict[str, Any]:
    return {
        "frame": in_flight.frame,
        "position": in_flight.position,
        "plan": asdict(in_flight.plan),
    }


def _holders(state: StreamState) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """(prefix, object, names of its arrays) of everything that holds arrays."""
    yield "", state, STATE_ARRAYS
    yield "watch.", state.watch, WATCH_ARRAYS
    yield "memory.", state.memory, MEMORY_ARRAYS
    for group, frames in (("flights", state.frames_in_flight), ("ready", state.ready)):
        for i, in_flight in enumerate(frames):
            yield f"{group}.{i}.", in_flight, FLIGHT_ARRAYS
            yield f"{group}.{i}.context.", in_flight.context, NAMES


def _arrays(state: StreamState) -> dict[str, HostArray]:
    return {
        prefix + name: to_numpy(getattr(holder, name))
        for prefix, holder, names in _holders(state)
        for name in names
        if getattr(holder, name) is not None
    }


def _rebuild(meta: dict[str, Any], arrays: dict[str, Array]) -> StreamState:
    def pick(prefix: str, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: arrays.get(prefix + name) for name in names}

    def frames_in_flight(group: str) -> tuple[InFlightFrame, ...]:
        return tuple(
            replace(
                _rebuild_in_flight(told),
                **pick(f"{group}.{i}.", FLIGHT_ARRAYS),
                context=Context.pick(arrays, f"{group}.{i}.context."),
            )
            for i, told in enumerate(meta[group])
        )

    return StreamState(
        frame=meta["frame"],
        shown=meta["shown"],
        frames_in_flight=frames_in_flight("flights"),
        ready=frames_in_flight("ready"),
        moves=tuple((frame, CameraMove(**move)) for frame, move in meta["moves"]),
        watch=Watch(
            **pick("watch.", WATCH_ARRAYS), settings=meta["settings"], skipped=meta["skipped"]
        ),
        memory=ContextMemory(
            **pick("memory.", MEMORY_ARRAYS),
            frames=tuple(meta["remembered"]),
            first=meta["remembers_from"],
        ),
        **pick("", STATE_ARRAYS),
    )


def _rebuild_in_flight(told: dict[str, Any]) -> InFlightFrame:
    plan = dict(told["plan"])
    plan["timesteps"] = tuple(plan["timesteps"])
    plan["guidance"] = Guidance(**plan["guidance"])
    return InFlightFrame(told["frame"], Plan(**plan), None, None, position=told["position"])
