"""Prompts: encoded off the frame path, eased in at once, the newest wins."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.config import PromptConfig, TimedPrompt
from phosphene.prompt import fade, harmony
from phosphene.prompt.book import MOST_WAITING, REMEMBERED, Encoded, PromptBook, PromptCache
from phosphene.prompt.fade import MOST, Fade, Script
from phosphene.prompt.harmony import HarmonyState
from tests.conftest import make_features


class Encoder:
    def __init__(self):
        self.seen = []

    def __call__(self, texts):
        self.seen.append(tuple(texts))
        if "bad" in texts:
            raise ValueError("no")
        return Encoded(np.array([[[len(text)]] for text in texts], np.float32))


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
    assert book.get(("a", "b")).embeds.shape == (2, 1, 1)
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


class Reader:
    """A script that is read along."""

    def __init__(self):
        self.script = Script()

    def at(self, place, config=TIMELINE):
        self.script = fade.follow(self.script, config, place)
        return self.script.text


def test_the_timeline_rules_the_song_wherever_it_goes():
    text = Reader()
    places = (0.0, 10.0, 19.9, 20.0, 5.0, 12.0, None, 30.0)
    want = ["base", "early", "early", "late", "base", "early", "base", "late"]
    assert [text.at(place) for place in places] == want


def test_knows_what_comes_next():
    text = Reader()
    following = []
    for place in (0.0, 12.0, 25.0):
        text.at(place)
        following.append(text.script.following)
    assert following == ["early", "late", None]


def test_a_written_prompt_wins_until_the_next_entry():
    text = Reader()
    assert text.at(12.0) == "early"
    mine = TIMELINE.model_copy(update={"base_prompt": "mine"})
    assert text.at(13.0, mine) == "mine"
    assert text.at(20.0, mine) == "late"
    new = mine.model_copy(update={"timeline": [TimedPrompt(at=1, prompt="new")]})
    assert text.at(20.0, new) == "new"


def test_without_a_song_the_written_prompt_shows():
    assert Reader().at(None, TIMELINE.model_copy(update={"base_prompt": "mine"})) == "mine"


def value(shown, seconds):
    """A fade between numbers, where each prompt is its own."""
    return sum(float(text) * share for (text,), share in shown.shares(seconds))


def test_a_change_shows_in_the_next_frame_and_is_over_in_time():
    shown = Fade().towards(("1",), 0.0, 2.0)
    assert value(shown, 2.0) == 1
    shown = shown.towards(("2",), 5.0, 2.0)
    assert value(shown, 2.0) == 1
    assert 1.04 < value(shown.towards(("2",), 1 / 30, 2.0), 2.0) < 1.1
    # a quarter of the way it is well on its way: 1 - (3/4)^3
    assert value(shown.towards(("2",), 0.5, 2.0), 2.0) == pytest.approx(1.578125)
    over = shown.towards(("2",), 2.0, 2.0)
    assert over.shares(2.0) == ((("2",), 1.0),)
    assert over.start == ()


def test_no_time_at_all_is_a_cut():
    shown = Fade().towards(("1",), 0.1, 0.0).towards(("2",), 0.1, 0.0)
    assert value(shown, 0.0) == 2


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.001, 0.05)), min_size=1, max_size=60))
def test_changes_on_the_way_never_jump(changes):
    """Speed is at most three times the distance over the time, and the way stays between its ends."""
    shown = Fade().towards(("0",), 0.0, 1.0)
    last = 0.0
    for which, seconds in changes:
        shown = shown.towards((str(which),), seconds, 1.0)
        assert len(shown.start) <= MOST
        # what is too little to see may go
        assert abs(value(shown, 1.0) - last) <= 3 * 4 * seconds + 0.02
        assert sum(share for _, share in shown.shares(1.0)) == pytest.approx(1)
        last = value(shown, 1.0)


def test_a_cache_encodes_once_and_keeps_a_bounded_number(encoder):
    cache = PromptCache(encoder, 2)
    for text in "aabac":
        cache.get((text,))
    assert encoder.seen == [("a",), ("b",), ("c",)]
    cache.get(("b",))
    assert encoder.seen[-1] == ("b",)


def windowed(features, frame, config):
    """The harmony from the past as a whole: an exponential window over every frame so far."""
    power = {"focused": 12.0, "cumulative": 3.0}[config.blend]
    past = features.chroma_cq[:, : frame + 1].astype(float) ** power
    past /= past.sum(axis=0)
    age = np.arange(frame, -1, -1) / features.fps
    span = config.smooth_seconds
    window = np.exp(-age / span) if span else (age == 0).astype(float)
    return past @ (window / window.sum())


@pytest.mark.parametrize("blend", ["cumulative", "focused"])
@pytest.mark.parametrize("smooth", [0.0, 0.2, 0.6])
def test_harmony_is_an_exponential_window_of_the_past(blend, smooth):
    features = make_features(num_frames=200)
    config = PromptConfig(blend=blend, smooth_seconds=smooth)
    state = HarmonyState()
    for frame in range(200):
        chroma = features.get_chroma_at_frame(frame)
        state = harmony.follow(state, chroma, 1 / features.fps, config)
        np.testing.assert_allclose(state.weights, windowed(features, frame, config), atol=1e-5)


def test_harmony_fades_in_silence():
    state, config = HarmonyState(), PromptConfig(smooth_seconds=0.5)
    sounding = np.eye(12, dtype=np.float32)[3]
    for _ in range(60):
        state = harmony.follow(state, sounding, 1 / 30, config)
    assert state.weights.sum() == pytest.approx(1.0, abs=1e-4)
    for _ in range(60):
        state = harmony.follow(state, np.zeros(12, np.float32), 1 / 30, config)
    assert state.weights.sum() < 0.03
