"""Sessions in one call: what each would have got alone, and nobody is held by who stalls or fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.config import (
    DiffusionConfig,
    InferenceConfig,
    LiveConfig,
    PipelineConfig,
    StreamConfig,
)
from phosphene.diffusion.lsd.pipeline import LSDPipeline
from phosphene.diffusion.notices import say_once
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.show.live import Session
from phosphene.show.live.dynamic_batcher import (
    MOST_ROWS,
    Caller,
    DynamicBatcher,
    Group,
    Request,
    awaited,
    batcher_for,
)
from phosphene.stream.batch import Denoiser
from phosphene.stream.conditioning import Context
from tests.show.live.running_shows import PATIENCE, Watcher, quick_config
from tests.show.toy import toy

WINDOW = 0.004
FOREVER = 100.0
"""seconds; a test in which anybody waited for a window this long would not end"""


class Counting:
    """A denoiser that writes down the rows of its calls, and may be held."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Semaphore(0)

    def of(self, base: Any) -> Denoiser:
        model = base.denoiser()

        def denoise(latents: Any, *rest: Any) -> Any:
            self.rows.append(len(latents))
            self.begun.release()
            assert self.go.wait(PATIENCE)
            return model.denoise(latents, *rest)

        return replace(model, denoise=denoise)


def run(*works: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    return threads


def end(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def ask(model: Denoiser, seed: int, size: int = 4, rows: int = 1, past: bool = True) -> Any:
    rng = np.random.default_rng(seed)
    x, previous = rng.standard_normal((2, rows, 3, size, size)).astype(np.float32)
    embeds = rng.standard_normal((rows, 1, 3)).astype(np.float32)
    times = np.full(rows, 0.1 + 0.1 * (seed % 9), np.float32)
    return model.denoise(x, times, embeds, Context(previous if past else None))


def test_who_comes_while_the_model_is_busy_shares_the_next_call() -> None:
    base, counting, batcher = toy(), Counting(), DynamicBatcher(WINDOW)
    callers = [batcher.caller(counting.of(base)) for _ in range(5)]
    answers: dict[int, Any] = {}
    counting.go.clear()
    first = run(lambda: answers.update({0: ask(callers[0], 0)}))
    assert counting.begun.acquire(timeout=PATIENCE)
    rows = [1, 2, 1, 3]

    def work(i: int) -> Callable[[], None]:
        return lambda: answers.update({i: ask(callers[i], i, rows=rows[i - 1])})

    others = run(*(work(i) for i in range(1, 5)))
    with batcher._bell:
        assert batcher._bell.wait_for(
            lambda: [group.rows for group in batcher._open.values()] == [sum(rows)], PATIENCE
        )
    counting.go.set()
    end(first + others)
    assert counting.rows == [1, sum(rows)]
    for i, count in enumerate([1, *rows]):
        np.testing.assert_allclose(answers[i], ask(base.denoiser(), i, rows=count), atol=1e-6)


def test_unlike_work_is_not_put_together() -> None:
    base, counting, batcher = toy(), Counting(), DynamicBatcher(WINDOW)
    kinds: list[dict[str, Any]] = [{}, {"size": 6}, {"past": False}]
    callers = [batcher.caller(counting.of(base)) for _ in kinds]
    answers: dict[int, Any] = {}
    counting.go.clear()

    def work(i: int) -> Callable[[], None]:
        return lambda: answers.update({i: ask(callers[i], i, **kinds[i])})

    threads = run(*(work(i) for i in range(3)))
    assert counting.begun.acquire(timeout=PATIENCE)
    with batcher._bell:
        assert batcher._bell.wait_for(lambda: len(batcher._open) == 2, PATIENCE)
    counting.go.set()
    end(threads)
    assert counting.rows == [1, 1, 1]
    for i, kind in enumerate(kinds):
        np.testing.assert_allclose(answers[i], ask(base.denoiser(), i, **kind), atol=1e-6)


def test_a_call_has_a_largest_size() -> None:
    base, counting, batcher = toy(), Counting(), DynamicBatcher(WINDOW)
    count = MOST_ROWS + 3
    callers = [batcher.caller(counting.of(base)) for _ in range(count + 1)]
    counting.go.clear()
    first = run(lambda: ask(callers[-1], 0))
    assert counting.begun.acquire(timeout=PATIENCE)
    others = run(*(lambda i=i: ask(callers[i], i) for i in range(count)))  # type: ignore[misc]
    with batcher._bell:
        assert batcher._bell.wait_for(
            lambda: [g.rows for g in batcher._open.values()] == [3], PATIENCE
        )
    counting.go.set()
    end(first + others)
    assert sorted(counting.rows) == [1, 3, MOST_ROWS]


def test_a_failure_is_told_to_all_of_its_call_and_to_nobody_after() -> None:
    base, batcher, fails = toy(), DynamicBatcher(WINDOW), [True]
    model = base.denoiser()

    def denoise(*told: Any) -> Any:
        if fails:
            raise ValueError("out of memory")
        return model.denoise(*told)

    caller = batcher.caller(replace(model, denoise=denoise))
    with pytest.raises(ValueError, match="out of memory"):
        ask(caller, 1)
    fails.clear()
    np.testing.assert_array_equal(ask(caller, 1), ask(model, 1))


def test_nobody_waits_for_a_session_that_stalled_or_just_came() -> None:
    base, batcher = toy(), DynamicBatcher(FOREVER)
    alone, stalled, new = (batcher.caller(base.denoiser()) for _ in range(3))
    ask(stalled, 0)
    ask(new, 0)
    thread = run(lambda: [ask(alone, i) for i in range(1)])
    end(thread)


@given(
    called=st.floats(0, 10),
    period=st.floats(0.001, 1),
    now=st.floats(0, 12),
    window=st.floats(0.001, 0.05),
)
def test_who_is_waited_for(called: float, period: float, now: float, window: float) -> None:
    caller, own = Caller(("k",), called, period), Caller(("k",), now, period)
    group = Group(("k",), [Request(own, {}, 1)])
    due = called + period
    assert awaited(group, [caller, own], now, window) == (now - window <= due <= now + window)
    # never for itself, for another kind of work, or for one without a rhythm
    assert not awaited(group, [own], now, window)
    assert not awaited(group, [Caller(("other",), called, period)], now, window)
    assert not awaited(group, [Caller(("k",), called, None)], now, window)
    group.requests[0].rows = MOST_ROWS
    assert not awaited(group, [caller], now, window)


def test_a_rhythm_is_of_one_kind_of_work() -> None:
    caller = Caller()
    caller.ask(("a",), 1.0)
    assert caller.period is None
    caller.ask(("a",), 1.5)
    assert caller.period == 0.5
    caller.ask(("b",), 2.0)
    assert caller.period is None


def test_streams_of_the_built_in_model_are_as_if_alone() -> None:
    model = LSDPipeline(DiffusionConfig(threads=1), InferenceConfig(height=64, width=64))
    config = StreamConfig(stream_batch=False, add_noise=False)
    counting, batcher, frames = Counting(), DynamicBatcher(0.05), 4

    def play(seed: int, denoiser: Denoiser | None) -> np.ndarray:
        stream = StreamDiffusionPipeline(model.view(model.inference_config), config, None, denoiser)
        embeds = model.encode_prompt(f"prompt {seed}")
        rng = np.random.default_rng(seed)
        for _ in range(frames):
            noise = rng.standard_normal(model.get_latent_shape()).astype(np.float32)
            latent = stream.step_latent(noise, embeds, rng.random())
        return np.asarray(latent)

    alone = [play(seed, None) for seed in range(3)]
    found: dict[int, np.ndarray] = {}

    def work(seed: int) -> Callable[[], None]:
        caller = batcher.caller(counting.of(model))
        return lambda: found.update({seed: play(seed, caller)})

    end(run(*(work(seed) for seed in range(3))))
    for seed, expected in enumerate(alone):
        # other sums of a larger batch, fed back four times
        np.testing.assert_allclose(found[seed], expected, atol=1e-3)
    assert sum(counting.rows) == 3 * frames + 3 * (model.inference_config.num_inference_steps - 1)


def test_a_session_whose_viewer_stalls_does_not_hold_the_others() -> None:
    base, batcher, stop = toy(), DynamicBatcher(0.02), threading.Event()
    sessions = [Session(base, quick_config(), batcher) for _ in range(3)]
    stuck, *free = [Watcher(session) for session in sessions]
    reached = threading.Event()

    def stall(_: object) -> None:
        reached.set()
        stop.wait(PATIENCE)

    stuck.session.subscribe(stall)
    for session in sessions:
        session.start()
    try:
        assert reached.wait(PATIENCE)
        for watcher in free:
            watcher.frames(20)
    finally:
        stop.set()
        for session in sessions:
            session.close()


def test_what_remembers_its_calls_is_not_shared(caplog: pytest.LogCaptureFixture) -> None:
    say_once.cache_clear()
    assert batcher_for(PipelineConfig()) is None
    shared = LiveConfig(share_window_ms=4)
    assert batcher_for(PipelineConfig(live=shared)) is not None
    assert batcher_for(PipelineConfig(live=shared, diffusion=DiffusionConfig(deepcache=2))) is None
    assert "share_window_ms is off" in caplog.text
