"""Parameters while a stream runs: sliders, floods, nonsense, other models."""

from __future__ import annotations

import gc
import logging
import threading
import weakref

import pytest

from phosphene.integrations.scope.prompts import MARK
from tests.integrations.scope.host import picture, see, stamp, until

BUILT_IN, SD = "phosphene", "phosphene-sd"


def settled(node, pts, **parameters):
    """The answer to a picture with these parameters."""
    see(node, 40, pts, **parameters)
    return until(node, lambda answer: answer["video_timestamps"] == [stamp(pts)])


def config(node):
    return node._session._worker._fitted


def test_flood_ends_at_the_last_value(make, loader):
    node = make(BUILT_IN)
    base = loader.made[0]
    node.prepare(video=True)
    settled(node, 1000)
    base.gate.clear()
    for step in range(200):
        see(node, 40, step, strength=step / 199)
    base.gate.set()
    until(node, lambda answer: answer["video_timestamps"] == [stamp(199)])
    assert config(node).stream.strength == 1.0
    assert base.strengths[-1] == 1.0


def test_flood_through_the_host(make, stream, loader):
    """200 changes at the rate of a slider reach a model that is busy all the time."""
    node = make(BUILT_IN)
    base = loader.made[0]
    base.gate.clear()
    running = stream(node, input_mode="video")
    for step in range(200):
        running.feed(picture(step % 250), step)
        assert running.processor.update_parameters({"strength": step / 199}) is not False
        while running.processor.parameters_queue.qsize():
            base.begun.acquire(timeout=0.002)
    running.feed(picture(7), 500)
    while running.inlet.qsize():
        base.begun.acquire(timeout=0.002)
    base.gate.set()
    while running.take().timestamp.pts != 500:
        pass
    assert config(node).stream.strength == 1.0


def test_no_reload_between_frames(make, loader):
    node = make(BUILT_IN)
    node.prepare(video=True)
    for pts, change in enumerate(
        [{"strength": 0.9}, {"base_seed": 7}, {"guidance_scale": 3.0}, {"zoom": -1}, {"delta": 0.4}]
    ):
        settled(node, pts, **change)
    told = config(node)
    assert (told.stream.strength, told.inference.seed, told.camera.zoom) == (0.9, 7, -1.0)
    assert (told.stream.guidance_mode, told.stream.guidance_scale) == ("full", 3.0)
    assert loader.asked == ["lsd"]


NONSENSE = [
    {"strength": "loud"},
    {"strength": float("nan")},
    {"strength": [1, 2]},
    {"width": -5, "height": 0},
    {"base_seed": -1},
    {"base_seed": 2**80},
    {"guidance_mode": "sideways"},
    {"prompts": 7},
    {"prompts": [{"weight": 1}]},
    {"prompts": []},
    {"prompts": [{"text": "a", "weight": float("inf")}]},
    {"transition": {"target_prompts": None, "num_steps": "many"}},
    {"prompts": [{"text": "a", "weight": 10**400}]},
    {"transition": {"target_prompts": "b", "num_steps": float("nan")}},
    {"strength": 10**400, "bpm": 10**400, "beat_count": 1, "beat_phase": 0},
    {"prompt": 3},
    {"bpm": "fast", "beat_count": None, "beat_phase": float("nan")},
    {"limit_flashes": "perhaps"},
    {"video_timestamps": None},
]


def test_nonsense_never_raises_and_the_next_picture_comes(make, loader):
    node = make(BUILT_IN)
    node.prepare(video=True)
    for pts, nonsense in enumerate(NONSENSE):
        settled(node, 2 * pts, strength=0.3)
        node(**({"video": [picture(41)], "video_timestamps": [stamp(2 * pts + 1)]} | nonsense))
        until(node, lambda answer: True)
    settled(node, 2 * len(NONSENSE), strength=0.3)


def test_what_is_out_of_range_takes_the_nearest_value_and_is_said_once(make, loader, caplog):
    node = make(BUILT_IN)
    node.prepare(video=True)
    with caplog.at_level(logging.WARNING, "phosphene"):
        for pts in range(1, 4):
            settled(node, pts, zoom=90 + pts)
    assert config(node).camera.zoom == 4.0
    assert [record.message for record in caplog.records] == [
        "zoom must be -4 to 4: the nearest is used."
    ]


def test_a_failing_model_holds_the_last_good_picture(make, loader, caplog):
    node = make(BUILT_IN)
    node.prepare(video=True)
    good = settled(node, 1)["video"]
    loader.made[0].trouble.append(RuntimeError("the device is lost"))
    with caplog.at_level(logging.ERROR, "phosphene"):
        for pts in range(2, 6):
            assert settled(node, pts)["video"].equal(good)
    assert len(caplog.records) == 1
    assert "the last good picture stays" in caplog.records[0].message
    loader.made[0].trouble.clear()
    settled(node, 9)


def test_a_bad_picture_holds_the_last_good_one(make, loader, caplog):
    node = make(BUILT_IN)
    node.prepare(video=True)
    good = settled(node, 1)["video"]
    node(video=["no tensor"], video_timestamps=[stamp(2)])
    answer = until(node, lambda answer: answer["video_timestamps"] == [stamp(2)])
    assert answer["video"].equal(good)
    assert "must be a tensor" in caplog.text


def test_prompts_with_weights_of_one_and_of_a_hundred(make, loader):
    node = make(BUILT_IN)
    node.prepare(video=True)
    ones = [{"text": "fire", "weight": 0.25}, {"text": "ice", "weight": 0.75}]
    hundreds = [{"text": "fire", "weight": 25}, {"text": "ice", "weight": 75.0}]
    settled(node, 1, prompts=ones)
    first = config(node).prompt.base_prompt
    settled(node, 2, prompts=hundreds)
    assert config(node).prompt.base_prompt == first
    assert first.startswith(MARK)
    assert {"fire", "ice"} <= set(loader.made[0].prompts)
    settled(node, 3, prompts=[{"text": "fire", "weight": 100}])
    assert config(node).prompt.base_prompt == "fire"


def test_own_prompt_wins_while_it_is_not_empty(make, loader):
    node = make(BUILT_IN)
    node.prepare(video=True)
    fire = [{"text": "fire", "weight": 1.0}]
    settled(node, 1, prompts=fire, prompt="sea")
    assert config(node).prompt.base_prompt == "sea"
    settled(node, 2, prompts=fire, prompt="")
    assert config(node).prompt.base_prompt == "fire"


def test_transition_stays_where_it_went(make, loader):
    node = make(BUILT_IN)
    node.prepare(video=True)
    old = [{"text": "fire", "weight": 1.0}]
    settled(node, 1, prompts=old)
    goal = {"target_prompts": [{"text": "ice", "weight": 1.0}], "num_steps": 60}
    settled(node, 2, prompts=old, transition=goal)
    assert (config(node).prompt.base_prompt, config(node).prompt.transition_seconds) == ("ice", 2.0)
    # the host drops the transition when it is over, and sends the old prompts on
    settled(node, 3, prompts=old)
    assert config(node).prompt.base_prompt == "ice"


def test_another_model_at_run_time_is_loaded_once_beside_the_old_one(make, loader):
    node = make(SD, model_path="first/model")
    node.prepare(video=True)
    settled(node, 0)
    old = weakref.ref(loader.made.pop())
    loader.gate.clear()
    for pts in range(1, 30):
        # a flood of paths, while the old model goes on drawing
        settled(node, pts, model_path=f"some/model{pts}")
    assert loader.asked == ["first/model", "some/model1"]
    loader.gate.set()
    for pts in range(30, 600):
        settled(node, pts, model_path="some/model29")
        if config(node).diffusion.model == "some/model29":
            break
    assert loader.asked == ["first/model", "some/model1", "some/model29"]
    gc.collect()
    assert old() is None


def test_a_model_that_cannot_be_loaded_leaves_the_old_one(make, loader, caplog):
    node = make(SD, model_path="first/model")
    node.prepare(video=True)
    for pts in range(20):
        settled(node, pts, model_path="bad/model" if pts else "first/model")
    assert loader.asked == ["first/model", "bad/model"]
    assert caplog.text.count("there is no model at bad/model") == 1
    assert config(node).diffusion.model == "first/model"


def test_the_first_model_must_load(make, loader):
    # the one error that the host shows to the user
    with pytest.raises(Exception, match="there is no model at bad/model"):
        make(SD, model_path="bad/model")


def test_dropped_by_the_host_it_frees_its_model(listed, loader):
    from phosphene.integrations.scope.offers import OFFERS

    node = listed[BUILT_IN](**{knob.name: knob.default for knob in OFFERS[0].knobs})
    node.prepare(video=True)
    settled(node, 1)
    base = weakref.ref(loader.made.pop())
    thread = node._session._worker._thread
    del node
    gc.collect()
    assert not thread.is_alive()
    assert base() is None
    assert thread not in threading.enumerate()


def test_two_nodes_share_one_model(make, loader):
    first, second = make(BUILT_IN), make(BUILT_IN)
    assert len(loader.made) == 1
    for node in (first, second):
        node.prepare(video=True)
        settled(node, 1)


def test_tempo_of_the_host_drives_the_beat(make, loader):
    node = make(BUILT_IN, beat=1.0)
    node.prepare(video=True)
    settled(node, 1, bpm=120.0, beat_count=8, beat_phase=0.0, is_playing=True)
    cues = node._session._worker._painter._cues
    assert cues.state.walk.beats == pytest.approx(8.0)
