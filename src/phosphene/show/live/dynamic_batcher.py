"""Sessions that share one model draw in one call, when they ask for the same kind of work just then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import accumulate
from weakref import WeakSet

from phosphene.config import PipelineConfig
from phosphene.diffusion.notices import say_once
from phosphene.stream.arrays import Array, Home
from phosphene.stream.batch import Denoiser
from phosphene.stream.conditioning import Context, concat, join

MOST_ROWS = 16
"""of one call"""
Key = tuple[object, ...]
"""calls with equal keys can be one: names, shapes without the batch, number formats, devices"""


@dataclass(frozen=True)
class Arguments:
    """Of one call; see :class:`~phosphene.stream.batch.Denoise`."""

    latents: Array
    timesteps: Array
    embeds: Array
    context: Context


@dataclass(eq=False)
class Caller:
    """One session's place: when it asked last, and how often it does."""

    key: Key | None = None
    called: float = 0.0
    period: float | None = None

    def ask(self, key: Key, now: float) -> None:
        """It asks for work."""
        self.period = now - self.called if self.key == key else None
        self.key, self.called = key, now

    def expected(self, key: Key, now: float, window: float) -> bool:
        """Whether it will ask for ``key`` within ``window`` seconds of ``now``, as it did so far.

        One that should have asked longer ago than that has stalled, and nobody waits for it.
        """
        if self.key != key or self.period is None:
            return False
        return now - window <= self.called + self.period <= now + window


@dataclass(eq=False)
class Request:
    """What one session asks, and what it is given."""

    caller: Caller
    arguments: Arguments
    rows: int
    answer: Array | None = None
    error: Exception | None = None


@dataclass(eq=False)
class Group:
    """Requests that will be one call."""

    key: Key
    requests: list[Request] = field(default_factory=list)
    done: bool = False

    @property
    def rows(self) -> int:
        return sum(request.rows for request in self.requests)


def awaited(group: Group, callers: Iterable[Caller], began: float, window: float) -> bool:
    """Whether a group that began to wait at ``began`` has reason to wait for somebody else."""
    inside = {request.caller for request in group.requests}
    return group.rows < MOST_ROWS and any(
        caller not in inside and caller.expected(group.key, began, window) for caller in callers
    )


class DynamicBatcher:
    """Puts the calls of many sessions together.

    Who asks first waits for those who are about to ask the same, at most ``window`` seconds, and while
    another call runs; then one call is made for all. Rows of a call do not see each other, so every
    session gets what it would have got alone, to the rounding of a larger batch (1e-4).
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._bell = threading.Condition()
        self._callers: WeakSet[Caller] = WeakSet()
        self._open: dict[Key, Group] = {}
        self._busy = False

    def caller(self, denoiser: Denoiser) -> Denoiser:
        """A session's own way to the model that all in its batcher were given."""
        caller = Caller()
        with self._bell:
            self._callers.add(caller)

        def denoise(latents: Array, timesteps: Array, embeds: Array, context: Context) -> Array:
            return self._draw(caller, denoiser, Arguments(latents, timesteps, embeds, context))

        return replace(denoiser, denoise=denoise)

    def _draw(self, caller: Caller, denoiser: Denoiser, arguments: Arguments) -> Array:
        request = Request(caller, arguments, arguments.latents.shape[0])
        key = key_of(arguments)
        with self._bell:
            caller.ask(key, time.monotonic())
            group = self._open.get(key)
            leads = group is None or group.rows + request.rows > MOST_ROWS
            if group is None or leads:
                group = self._open[key] = Group(key)
            group.requests.append(request)
            self._bell.notify_all()
            if leads:
                self._gather(group)
            else:
                self._bell.wait_for(lambda: group.done)
        if leads:
            self._run(group, denoiser)
        if request.error is not None:
            raise request.error
        return request.answer

    def _gather(self, group: Group) -> None:
        """Wait until the model is free, and for who is about to come; then nobody else gets in."""
        began = time.monotonic()
        end = began + self._window
        while True:
            left = end - time.monotonic()
            if self._busy:
                self._bell.wait()
            elif left > 0 and awaited(group, self._callers, began, self._window):
                self._bell.wait(left)
            else:
                break
        if self._open.get(group.key) is group:
            del self._open[group.key]
        self._busy = True

    def _run(self, group: Group, denoiser: Denoiser) -> None:
        try:
            answers = together(group.requests, denoiser)
            for request, answer in zip(group.requests, answers, strict=True):
                request.answer = answer
        except Exception as error:
            for request in group.requests:
                request.error = error
        finally:
            with self._bell:
                self._busy, group.done = False, True
                self._bell.notify_all()


def batcher_for(config: PipelineConfig) -> DynamicBatcher | None:
    """The batcher of a server's sessions, if they are to draw together and the model lets them."""
    if not config.live.share_window_ms:
        return None
    diffusion = config.diffusion
    for name, there in (
        ("deepcache", diffusion.deepcache > 1),
        ("cell_cache", diffusion.cell_cache > 1),
        ("cross_frame", diffusion.cross_frame),
    ):
        if there:
            say_once(
                f"live.share_window_ms is off: {name} remembers calls, and each session its own."
            )
            return None
    return DynamicBatcher(config.live.share_window_ms / 1e3)


def key_of(arguments: Arguments) -> Key:
    """See :data:`Key`."""
    always = [(name, getattr(arguments, name)) for name in ("latents", "timesteps", "embeds")]
    return tuple(
        (name, tuple(array.shape[1:]), str(array.dtype), str(Home.of(array).device))
        for name, array in [*always, *arguments.context.items()]
    )


def together(requests: list[Request], denoiser: Denoiser) -> list[Array]:
    """One call for all; the rows of each."""
    told = [request.arguments for request in requests]
    whole = denoiser.denoise(
        concat([each.latents for each in told]),
        concat([each.timesteps for each in told]),
        concat([each.embeds for each in told]),
        join([each.context for each in told]),
    )
    ends = list(accumulate(request.rows for request in requests))
    return [whole[end - each.rows : end] for end, each in zip(ends, requests, strict=True)]
