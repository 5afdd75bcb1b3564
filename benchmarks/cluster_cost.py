"""What a batch costs, and where more workers stop helping: a simulation from measured rates."""

from __future__ import annotations

import heapq
from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """Measured on real machines; `benchmarks/cluster.py` measures them."""

    fps: float
    """frames a second that one worker draws"""
    frame_bytes: float
    """of video and state, per frame"""
    handle_seconds: float
    """of the driver for one segment: fetched, written, on the disk, checked"""
    join_seconds: float
    """of one core of the driver for one second of a finished video"""
    joiners: int
    """cores of the driver that join: half of those it has"""
    link_bytes: float
    """a second that reach the driver"""


@dataclass(frozen=True)
class Load:
    """A catalogue."""

    items: int
    item_seconds: float
    """length of one song"""
    segment_seconds: float
    video_fps: float


@dataclass(frozen=True)
class Course:
    """How a batch went."""

    seconds: float
    fps: float
    """frames a second of all workers together"""
    busy: float
    """share of their time that workers drew, 0..1"""
    driver: float
    """share of its time that the driver kept segments, 0..1"""


def ceiling(rates: Rates, load: Load) -> float:
    """Workers from which on the driver holds them up: the smallest of its three limits over one's speed."""
    frames = load.segment_seconds * load.video_fps
    limits = (
        frames / rates.handle_seconds,
        rates.joiners * load.video_fps / rates.join_seconds,
        rates.link_bytes / rates.frame_bytes,
    )
    return min(limits) / rates.fps


def simulate(rates: Rates, load: Load, workers: int) -> Course:
    """Play a batch: every worker draws an item segment by segment and may be one segment ahead; the
    driver takes segments in order of arrival, one at a time, and joins on other cores.
    """
    frames = load.segment_seconds * load.video_fps
    draw = frames / rates.fps
    keep = max(rates.handle_seconds, frames * rates.frame_bytes / rates.link_bytes)
    parts = max(1, round(load.item_seconds / load.segment_seconds))
    todo = load.items
    clock_driver = driven = worked = end = 0.0
    joiners = [0.0] * rates.joiners
    # (when a segment is drawn, worker, segments of its item left, when the segment before was kept)
    events: list[tuple[float, int, int, float]] = []
    for worker in range(min(workers, todo)):
        todo -= 1
        heapq.heappush(events, (draw, worker, parts, 0.0))
    while events:
        drawn, worker, left, before = heapq.heappop(events)
        worked += draw
        clock_driver = max(clock_driver, drawn) + keep
        driven += keep
        end = max(end, clock_driver)
        if left > 1:
            # the next one is begun at once, if the one before this was taken from the worker by then
            heapq.heappush(events, (max(drawn, before) + draw, worker, left - 1, clock_driver))
            continue
        joined = max(joiners[0], clock_driver) + load.item_seconds * rates.join_seconds
        heapq.heapreplace(joiners, joined)
        end = max(end, joined)
        if todo:
            todo -= 1
            heapq.heappush(events, (clock_driver + draw, worker, parts, 0.0))
    total = load.items * parts * frames
    return Course(end, total / end, worked / (workers * end), driven / end)
