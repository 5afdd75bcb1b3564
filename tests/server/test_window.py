"""Pictures under way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phosphene.server.window import Window


def test_closes_when_full_and_opens_again() -> None:
    window = Window(3)
    for sequence in range(3):
        assert window.open
        window.sent(sequence, float(sequence))
    assert not window.open
    assert window.waiting(10.0) == 10.0
    window.ack(0, 10.0)
    assert window.open
    assert len(window) == 2
    assert window.waiting(10.0) == 9.0
    assert window.quickest == 10.0
    window.ack(2, 10.5)
    assert window.quickest == 8.5


def test_one_acknowledgement_speaks_for_all_before() -> None:
    window = Window(6)
    for sequence in (7, 8, 11):
        window.sent(sequence, 0.0)
    window.ack(11, 1.0)
    assert len(window) == 0
    assert window.waiting(99.0) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_never_below_none_and_unknown_ones_change_nothing(steps) -> None:
    window, under_way = Window(6), []
    for is_ack, sequence in steps:
        if is_ack:
            before = len(window)
            window.ack(sequence, 1.0)
            if sequence in under_way:
                under_way = under_way[under_way.index(sequence) + 1 :]
            else:
                assert len(window) == before
        else:
            window.sent(sequence, 0.0)
            under_way.append(sequence)
        assert len(window) == len(under_way)
