"""The small parts: mailboxes, pace, credits, rates."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.show.live.credits import Credits
from phosphene.show.live.inference_loop import Pace
from phosphene.show.live.mailbox import Mailbox
from phosphene.show.live.shared_state import Average, Rate


@given(st.integers(1, 5), st.lists(st.one_of(st.none(), st.integers()), max_size=40))
def test_a_mailbox_keeps_the_newest_in_order(depth, actions):
    box = Mailbox[int](threading.Condition(), depth)
    model: list[int] = []
    for action in actions:
        if action is None:
            assert box.take() == (model.pop(0) if model else None)
        else:
            assert box.put(action) == (len(model) == depth)
            model = [*model, action][-depth:]
        assert len(box) == len(model)
        assert box.full == (len(model) == depth)
    assert box.resize(1) == max(0, len(model) - 1)
    assert box.clear() == min(1, len(model))


def test_a_mailbox_wakes_who_waits():
    wake = threading.Condition()
    box = Mailbox[str](wake)
    got = []

    def wait():
        with wake:
            wake.wait_for(lambda: len(box))
        got.append(box.take())

    thread = threading.Thread(target=wait)
    thread.start()
    box.put("news")
    thread.join(5)
    assert got == ["news"]


def play(pace, fps, seconds, work):
    """Begin frames as they come due, on a simulated clock; their times."""
    now, begun = 0.0, []
    while now < seconds:
        now = max(now, pace.due)
        pace.begun(now, fps)
        begun.append(now)
        now += next(work)
    return begun


def test_the_pace_does_not_drift():
    rng = np.random.default_rng(0)
    jitter = iter(lambda: float(rng.uniform(0.001, 0.032)), None)
    times = play(Pace(), 30.0, 600.0, jitter)
    assert len(times) == pytest.approx(18_000, abs=2)


def test_a_small_delay_is_caught_up_and_a_long_one_is_not():
    work = iter([0.01] * 10 + [0.06] + [0.01] * 100 + [2.0] + [0.01] * 1000)
    times = np.array(play(Pace(), 30.0, 10.0, work))
    gaps = np.diff(times)
    assert np.sort(gaps)[-1] == pytest.approx(2.0, abs=0.05)
    # never a burst: at most one frame makes up for a late one
    assert (gaps < 0.02).sum() <= 2


def test_inputs_that_come_in_time_never_wait_and_do_not_raise_the_rate():
    rng, pace, waited = np.random.default_rng(1), Pace(), []
    for frame in range(1, 3000):
        arrival = frame / 30 + float(rng.uniform(-0.012, 0.012))
        waited.append(max(0.0, pace.wait(arrival, 30.0, driven=True)))
        pace.begun(arrival + waited[-1], 30.0)
    assert max(waited) == 0.0
    pace, begun, now = Pace(), [], 0.0
    while now < 100.0:
        # a camera of 100 pictures a second
        now = max(now + 0.01, now + pace.wait(now, 30.0, driven=True))
        pace.begun(now, 30.0)
        begun.append(now)
    assert len(begun) == pytest.approx(3000, abs=5)


def test_who_is_too_slow_goes_as_fast_as_possible():
    times = play(Pace(), 30.0, 10.0, iter(lambda: 0.05, None))
    assert len(times) == pytest.approx(200, abs=2)


@given(
    st.integers(1, 6),
    st.lists(
        st.sampled_from(["send", "use", "open", "shut", "grow", "shrink", "new"]), max_size=60
    ),
)
def test_never_more_under_way_than_the_window(window, actions):
    """What a client that obeys may hold, plus what waits here, stays within the widest window."""
    credits, held, inside, widest = Credits(window), 0, 0, window
    told: list[int] = []
    credits.listen(told.append)
    is_open = False
    for action in actions:
        if action == "send" and held:
            held, inside = held - 1, inside + 1
            credits.came()
        elif action == "use" and inside:
            inside -= 1
            credits.left()
        elif action in ("open", "shut"):
            is_open = action == "open"
            credits.open(is_open)
            # what is left of them is void when seeing ends
            held = held if is_open else 0
        elif action in ("grow", "shrink"):
            window = max(1, window + (1 if action == "grow" else -1))
            widest = max(widest, window)
            credits.resize(window)
        elif action == "new":
            held = 0
            told.clear()
            credits.listen(told.append)
        held += sum(told)
        told.clear()
        assert held + inside <= widest + (inside if action == "new" else 0)
        if is_open:
            assert held + inside >= window


def test_credits_begin_anew_whenever_seeing_does():
    credits, told = Credits(2), []
    credits.listen(told.append)
    for _ in range(3):
        credits.open(True)
        # again while it goes on: nothing begins
        credits.open(True)
        credits.open(False)
    assert told == [2, 2, 2]
    # one that was sent on an old credit meanwhile does no harm
    credits.came()
    credits.left()
    credits.open(True)
    credits.came()
    credits.left()
    assert told == [2, 2, 2, 2, 1]


def test_a_client_that_sends_unasked_gets_nothing_for_it():
    credits, told = Credits(2), []
    credits.listen(told.append)
    credits.open(True)
    for _ in range(10):
        credits.came()
    credits.left(8)
    assert told == [2]
    credits.left(1)
    assert told == [2, 1]


def test_a_rate_counts_and_falls_to_nothing():
    rate = Rate()
    for frame in range(300):
        rate.add(frame / 30)
    assert rate.per_second(10.0) == pytest.approx(30, abs=0.6)
    assert rate.per_second(11.0) == pytest.approx(15, abs=1)
    assert rate.per_second(20.0) == 0.0


def test_a_young_rate_is_right_too():
    rate = Rate()
    for frame in range(10):
        rate.add(frame / 30)
    assert rate.per_second(10 / 30) == pytest.approx(30, abs=1)


def test_an_average_begins_with_the_first_value_and_follows():
    average = Average()
    average.add(10.0)
    assert average.value == 10.0
    for _ in range(200):
        average.add(20.0)
    assert average.value == pytest.approx(20.0, abs=0.01)
