"""However slow the model is, it draws the newest picture, and nothing waits for it."""

from __future__ import annotations

from phosphene.integrations.scope import worker
from tests.integrations.scope.host import picture, see, stamp, until

BUILT_IN = "phosphene"


def test_a_free_model_takes_the_newest_picture(make, loader):
    node = make(BUILT_IN)
    base = loader.made[0]
    base.gate.clear()
    node.prepare(video=True)
    see(node, 1, pts=1)
    assert base.begun.acquire(timeout=60)
    # the model is busy: a second of source pictures passes, and no call waits
    for pts in range(2, 32):
        assert see(node, pts, pts)["video"] is None
    base.gate.set()
    answer = until(node, lambda answer: answer["video_timestamps"] != [stamp(1)])
    assert answer["video_timestamps"] == [stamp(31)]
    assert base.seen == [1, 31]


def test_a_stale_picture_waits_for_a_newer_one(make, loader, monkeypatch):
    # every picture is stale at once
    monkeypatch.setattr(worker, "STALE", -1.0)
    monkeypatch.setattr(worker, "GRACE", 60.0)
    node = make(BUILT_IN)
    node.prepare(video=True)
    for pts in range(1, 250):
        if see(node, pts, pts)["video"] is not None:
            break
        loader.made[0].begun.acquire(timeout=0.01)
    # whichever the model looked at first, it took one that came after it
    assert loader.made[0].seen[0] > 1


def test_pictures_of_one_call(make, loader):
    node = make(BUILT_IN)
    node.prepare(video=True)
    node(video=[picture(5), picture(6)], video_timestamps=[stamp(5), stamp(6)])
    assert until(node, lambda answer: True)["video_timestamps"] == [stamp(6)]
    assert loader.made[0].seen == [6]


def test_the_host_never_has_a_backlog(make, stream, loader):
    """The host's own queue keeps the oldest; it must be empty whenever the slow model looks."""
    node = make(BUILT_IN)
    base = loader.made[0]
    base.gate.clear()
    running = stream(node, input_mode="video")
    running.feed(picture(0), 0)
    assert base.begun.acquire(timeout=60)
    for pts in range(1, 91):
        running.feed(picture(pts), pts)
        while running.inlet.qsize():
            base.begun.acquire(timeout=0.002)
    # the host has handed over the last one when it asks for the next
    while node._session._worker._order is None or node._session._worker._order.timestamp != stamp(
        90
    ):
        base.begun.acquire(timeout=0.002)
    base.gate.set()
    while running.take().timestamp.pts != 90:
        pass
    assert base.seen == [0, 90]


def test_stream_batch_gives_each_picture_its_own_time(make, loader):
    """With n steps shared between frames a picture is shown n - 1 frames later, and says so."""
    node = make("phosphene-sd", num_inference_steps=3, batch_denoising=True)
    node.prepare(video=True)
    shown = []
    for pts in range(6):
        see(node, pts, pts)
        shown.append(until(node, lambda answer: True)["video_timestamps"][0].pts)
    assert shown == [0, 0, 0, 1, 2, 3]
