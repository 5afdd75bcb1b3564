"""The production line: order, bounds, errors, closing."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

import pytest

from phosphene.show.transform.line import Line, PipelineStage

WAIT = 10.0
"""seconds before a test gives up"""


def counting(to: int, closed: list[str] | None = None) -> PipelineStage:
    def work(_: Iterator[int]) -> Generator[int, None, None]:
        try:
            yield from range(to)
        finally:
            if closed is not None:
                closed.append("count")

    return PipelineStage("count", work)


def doubling(closed: list[str] | None = None) -> PipelineStage:
    def work(numbers: Iterator[int]) -> Generator[int, None, None]:
        try:
            for number in numbers:
                yield 2 * number
        finally:
            if closed is not None:
                closed.append("double")

    return PipelineStage("double", work)


def threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("phosphene-")}


def test_everything_comes_in_order() -> None:
    with Line([counting(1000), doubling(), doubling()], depth=3) as line:
        assert list(line) == [4 * i for i in range(1000)]
    assert [m.items for m in line.meters] == [1000] * 3
    assert all(0 <= m.busy <= m.elapsed for m in line.meters)
    assert all(m.waiting_sum <= 3 * m.items for m in line.meters)


def test_stages_work_at_the_same_time() -> None:
    """The first stage meets the second at every item, one item behind: in turn they never could."""
    meeting = threading.Barrier(2, timeout=WAIT)

    def ahead(numbers: Iterator[int]) -> Generator[int, None, None]:
        for number in numbers:
            if number > 0:
                meeting.wait()
            yield number

    def behind(numbers: Iterator[int]) -> Generator[int, None, None]:
        for number in numbers:
            if number < 19:
                meeting.wait()
            yield number

    with Line(
        [counting(20), PipelineStage("a", ahead), PipelineStage("b", behind)], depth=2
    ) as line:
        assert list(line) == list(range(20))


def test_no_stage_runs_ahead_of_its_queue() -> None:
    handed_out = []

    def watched(_: Iterator[int]) -> Generator[int, None, None]:
        for number in range(500):
            handed_out.append(number)
            yield number

    with Line([PipelineStage("read", watched), doubling()], depth=4) as line:
        for taken, _ in enumerate(line, start=1):
            # those taken, 4 in either queue, and one in either stage's hands
            assert len(handed_out) <= taken + 2 * 4 + 2


def test_an_error_comes_out_at_the_end_after_what_was_done() -> None:
    closed: list[str] = []

    def failing(numbers: Iterator[int]) -> Generator[int, None, None]:
        for number in numbers:
            if number == 5:
                raise OSError("the disk")
            yield number

    got = []
    with (
        pytest.raises(OSError, match="the disk"),
        Line(
            [counting(10**9, closed), PipelineStage("fail", failing), doubling()], depth=2
        ) as line,
    ):
        got.extend(line)
    assert got == [0, 2, 4, 6, 8]
    assert closed == ["count"]
    assert not threads()


@pytest.mark.parametrize("taken", [0, 1, 7])
def test_leaving_early_closes_every_stage(taken: int) -> None:
    closed: list[str] = []
    with Line([counting(10**9, closed), doubling(closed)], depth=2) as line:
        items = iter(line)
        for _ in range(taken):
            next(items)
    assert sorted(closed) == ["count", "double"]
    assert not threads()
