"""The stream: frames enter, share model calls, land, and are shown in order.

Pure functions from one :class:`StreamState` to the next. Only finished latents are ever shown: while
the first frames are still on their way the picture before them stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from phosphene.stream.arrays import Array
from phosphene.stream.batch import Denoiser, InFlightFrame, advance, complete
from phosphene.stream.camera import STILL, CameraMove, warp
from phosphene.stream.memory import forgotten, remember
from phosphene.stream.noise import HeldNoise
from phosphene.stream.state import StreamState


@dataclass(frozen=True)
class Engine:
    """What the stream runs on; it holds nothing that changes the result."""

    model: Denoiser
    noise: HeldNoise


def latency(steps: int, frame_buffer: int) -> int:
    """Frames between a frame's entry and its showing, once the stream runs."""
    return steps * frame_buffer - 1


def previous_picture(state: StreamState, move: CameraMove) -> Array | None:
    """The newest finished latent, moved by every camera move since, and by the entering frame's."""
    return None if state.finished is None else moved_on(state.finished, state, move)


def picture_before(state: StreamState, move: CameraMove) -> Array | None:
    """The finished latent before that, moved alike; None for models that do not look back so far."""
    return None if state.before is None else moved_on(state.before, state, move)


def moved_on(latent: Array, state: StreamState, move: CameraMove) -> Array:
    """What is where ``state.finished`` is, moved by every camera move since, and by the entering frame's."""
    return warp(latent, *(past for _, past in state.moves), move)


def step(
    state: StreamState,
    in_flight: InFlightFrame,
    engine: Engine,
    move: CameraMove = STILL,
    frame_buffer: int = 1,
    batch: bool = True,
) -> StreamState:
    """Let one frame in, run the model when ``frame_buffer`` frames wait, show the next frame.

    ``in_flight.frame`` must be ``state.frame``. The very first frame is denoised at once, alone, and
    so is every frame without ``batch``.
    """
    if in_flight.frame != state.frame:
        raise ValueError(f"expected frame {state.frame}, not {in_flight.frame}")
    state = _enter(state, in_flight, move)
    if state.finished is None or not batch:
        return _show_next(_land_newest(state, engine))
    if _waiting(state) >= frame_buffer:
        state = _tick(state, engine)
        # a shrunken buffer must not leave a queue behind: the newest frames win.
        state = replace(state, ready=state.ready[-frame_buffer:])
    return _show_next(state)


def skip(state: StreamState, engine: Engine) -> StreamState:
    """Pass over one frame: what is shown is the newest frame that entered, finished if need be."""
    state = replace(state, frame=state.frame + 1)
    if state.frames_in_flight:
        return _show_next(_land_newest(state, engine))
    return _show_next(replace(state, ready=state.ready[-1:]))


def flush(state: StreamState, engine: Engine) -> tuple[StreamState, list[InFlightFrame]]:
    """Finish all frames on their way; returns those not shown yet, oldest first."""
    landed = list(state.ready)
    while state.frames_in_flight:
        state = _tick(replace(state, ready=()), engine)
        landed += state.ready
    state = replace(state, ready=())
    if landed:
        state = _show(state, landed[-1])
    return state, landed


def cut(state: StreamState) -> StreamState:
    """Forget the picture, keep counting frames: the next frame starts from nothing."""
    return StreamState(frame=state.frame, shown=state.shown)


def forget(state: StreamState) -> StreamState:
    """Keep the picture, but begin the memory of older ones anew: the next frame is told another thing."""
    return replace(state, memory=forgotten(state.frame))


def _enter(state: StreamState, in_flight: InFlightFrame, move: CameraMove) -> StreamState:
    moves = state.moves if move.is_identity else (*state.moves, (in_flight.frame, move))
    return replace(
        state,
        frame=state.frame + 1,
        frames_in_flight=(*state.frames_in_flight, in_flight),
        moves=moves,
    )


def _waiting(state: StreamState) -> int:
    return sum(1 for in_flight in state.frames_in_flight if in_flight.position == 0)


def _tick(state: StreamState, engine: Engine) -> StreamState:
    """One model call: every frame goes one step on."""
    return _settle(state, advance(state.frames_in_flight, engine.model, engine.noise), engine)


def _land_newest(state: StreamState, engine: Engine) -> StreamState:
    """Finish the newest frame now; older ones would come too late."""
    in_flight = complete(state.frames_in_flight[-1], engine.model, engine.noise)
    return _settle(replace(state, ready=()), [in_flight], engine)


def _settle(
    state: StreamState, frames_in_flight: list[InFlightFrame], engine: Engine
) -> StreamState:
    """Sort frames in flight into complete and others. A frame overtaken by a newer one is dropped."""
    landed = tuple(in_flight for in_flight in frames_in_flight if in_flight.landed)
    if not landed:
        return replace(state, frames_in_flight=tuple(frames_in_flight))
    newest = landed[-1]
    slots = engine.model.memory_slots
    return replace(
        _remember(state, landed, slots) if slots else state,
        finished=newest.x,
        followed=newest.anchor,
        ready=(*state.ready, *landed),
        frames_in_flight=tuple(
            f for f in frames_in_flight if not f.landed and f.frame > newest.frame
        ),
        moves=tuple((frame, move) for frame, move in state.moves if frame > newest.frame),
    )


def _remember(state: StreamState, landed: tuple[InFlightFrame, ...], slots: int) -> StreamState:
    """What a model that looks back further than one picture will be shown."""
    memory = state.memory
    for in_flight in landed:
        memory = remember(memory, in_flight.x, in_flight.frame, slots)
    before, since = state.finished, -1
    if len(landed) > 1:
        before, since = landed[-2].x, landed[-2].frame
    if before is not None:
        newest = landed[-1].frame
        before = warp(before, *(move for frame, move in state.moves if since < frame <= newest))
    return replace(state, memory=memory, before=before)


def _show_next(state: StreamState) -> StreamState:
    if not state.ready:
        return state
    showing, *rest = state.ready
    return _show(replace(state, ready=tuple(rest)), showing)


def _show(state: StreamState, in_flight: InFlightFrame) -> StreamState:
    told = in_flight.context
    return replace(
        state,
        shown=in_flight.frame,
        picture=in_flight.x,
        palette=told.palette,
        guide=told.guide,
    )
