"""Prompts: encoded off the frame path, eased in at once, the newest wins."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.config import PromptConfig, TimedPrompt
from phosphene.prompt.harmony import HarmonyFollower, chroma_weights
from phosphene.show.live.prompts import MOST_WAITING, REMEMBERED, Ease, PromptBook, TextInForce
from tests.conftest import make_features


class Encoder:
    def __init__(self):
        self.seen = []

    def __call__(self, texts):
        self.seen.append(tuple(texts))
        if "bad" in texts:
            raise ValueError("no")
        return np.array([[[len(text)]] for text in texts], np.float32)


@pytest.fixture
def encoder():
    return Encoder()


@pytest.fixture
def book(encoder):
    return PromptBook(encoder, threading.Condition())


def test_asking_never_encodes(book, encoder):
    assert book.get(("a", "b")) is None
    assert encoder.seen == []
    assert book.behind
    book.work()
    assert not book.behind
    assert book.get(("a", "b")).shape == (2, 1, 1)
    book.get(("a", "b"))
    assert encoder.seen == [("a", "b")]


def test_the_newest_text_comes_first_and_old_ones_fall_out(book, encoder):
    for letter in "abcdefghij":
        book.get((letter,))
    book.work()
    assert encoder.seen == [("j",)]
    while book.behind:
        book.work()
    assert len(encoder.seen) == MOST_WAITING


def test_remembers_a_bounded_number(book, encoder):
    for number in range(3 * REMEMBERED):
        book.get((str(number),))
        book.work()
    assert len(book._known) == REMEMBERED
    count = len(encoder.seen)
    assert book.get((str(3 * REMEMBERED - 1),)) is not None
    assert book.get(("0",)) is None
    book.work()
    assert len(encoder.seen) == count + 1


def test_a_text_that_cannot_be_encoded_is_tried_once(book, encoder):
    book.get(("bad",))
    with pytest.raises(ValueError, match="no"):
        book.work()
    assert book.get(("bad",)) is None
    assert not book.behind


def test_who_waits_is_woken(encoder):
    wake = threading.Condition()
    book = PromptBook(encoder, wake)
    told = threading.Event()

    def wait():
        with wake:
            wake.wait_for(lambda: book.behind)
        told.set()

    thread = threading.Thread(target=wait)
    thread.start()
    book.get(("a",))
    assert told.wait(5)
    thread.join()


TIMELINE = PromptConfig(
    base_prompt="base",
    timeline=[TimedPrompt(at=20, prompt="late"), TimedPrompt(at=10, prompt="early")],
)


def test_the_timeline_rules_the_song_wherever_it_goes():
    text = TextInForce(TIMELINE)
    places = (0.0, 10.0, 19.9, 20.0, 5.0, 12.0, None, 30.0)
    want = ["base", "early", "early", "late", "base", "early", "base", "late"]
    assert [text.at(place) for place in places] == want


def test_knows_what_comes_next():
    text = TextInForce(TIMELINE)
    following = []
    for place in (0.0, 12.0, 25.0):
        text.at(place)
        following.append(text.following)
    assert following == ["early", "late", None]


def test_a_written_prompt_wins_until_the_next_entry():
    text = TextInForce(TIMELINE)
    assert text.at(12.0) == "early"
    text.configure(TIMELINE.model_copy(update={"base_prompt": "mine"}))
    assert text.at(13.0) == "mine"
    assert text.at(20.0) == "late"
    text.configure(TIMELINE.model_copy(update={"timeline": [TimedPrompt(at=1, prompt="new")]}))
    assert text.at(20.0) == "new"


def test_without_a_song_the_written_prompt_shows():
    text = TextInForce(TIMELINE)
    text.configure(TIMELINE.model_copy(update={"base_prompt": "mine"}))
    assert text.at(None) == "mine"


def one(value):
    return np.full((1, 1, 4), value, np.float32)


def test_a_change_shows_in_the_very_next_frame_and_is_over_in_time():
    ease, old, new = Ease(), one(1), one(2)
    assert ease.towards(old, 0.0, 2.0, "lerp") is old
    assert ease.towards(new, 5.0, 2.0, "lerp")[0, 0, 0] == 1
    first = ease.towards(new, 5.0 + 1 / 30, 2.0, "lerp")[0, 0, 0]
    assert 1.04 < first < 1.1
    assert ease.towards(new, 7.0, 2.0, "lerp") is new


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.001, 0.05)), min_size=1, max_size=60))
def test_changes_on_the_way_never_jump(changes):
    """Speed is at most three times the distance over the time, and the way stays between its ends."""
    ease, now, embeds = Ease(), 0.0, [one(k) for k in range(5)]
    last = ease.towards(embeds[0], now, 1.0, "lerp")[0, 0, 0]
    for which, seconds in changes:
        now += seconds
        value = ease.towards(embeds[which], now, 1.0, "lerp")[0, 0, 0]
        assert abs(value - last) <= 3 * 4 * seconds + 1e-4
        assert -1e-4 <= value <= 4 + 1e-4
        last = value


@pytest.mark.parametrize("blend", ["cumulative", "focused"])
@pytest.mark.parametrize("smooth", [0.0, 0.2, 0.6])
def test_harmony_follows_as_offline(blend, smooth):
    features = make_features(num_frames=200)
    config = PromptConfig(blend=blend, smooth_seconds=smooth)
    follower = HarmonyFollower()
    for frame in range(200):
        chroma = features.get_chroma_at_frame(frame)
        got = follower.follow(chroma, 1 / features.fps, config)
        # offline forgets entirely what has faded to a hundredth
        np.testing.assert_allclose(got, chroma_weights(features, frame, config), atol=0.012)


def test_harmony_fades_in_silence():
    follower, config = HarmonyFollower(), PromptConfig(smooth_seconds=0.5)
    sounding = np.eye(12, dtype=np.float32)[3]
    for _ in range(60):
        weights = follower.follow(sounding, 1 / 30, config)
    assert weights.sum() == pytest.approx(1.0, abs=1e-4)
    for _ in range(60):
        weights = follower.follow(np.zeros(12, np.float32), 1 / 30, config)
    assert weights.sum() < 0.03
