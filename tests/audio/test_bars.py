"""Downbeats, metre, phrases, tempo curves and silences of made music, in whole songs and live."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.audio.bars import WAYS, choose_way, find_phrases
from phosphene.audio.beats import BeatGrid
from phosphene.audio.live_bars import LiveBars

from .listening import listen
from .made import RATE, Piece, make_piece
from .songs import beat_score

SEED = 2000
"""neither fitted to nor in the benchmark"""


@cache
def heard(kind: str, seed: int = SEED, seconds: float = 40.0) -> tuple[Piece, AudioFeatures]:
    piece = make_piece(kind, seed, seconds)
    return piece, AudioAnalyzer().analyze_samples(piece.samples, RATE)


@pytest.mark.parametrize(
    "kind",
    [
        "rock",
        "dnb",
        "swing",
        "six_eight",
        "waltz",
        "five",
        "seven",
        "two",
        "off_beat",
        "step",
        "ramp",
    ],
)
def test_beats_bars_and_metre_of_every_kind(kind: str) -> None:
    piece, features = heard(kind)
    assert beat_score(features.beat_times, piece.beats) > 0.95
    assert beat_score(features.downbeat_times, piece.downbeats) > 0.85
    assert features.metre == piece.metre
    assert features.beats_per_bar == (2 if piece.metre == 6 else piece.metre)
    assert np.isin(features.downbeat_times, features.beat_times).all()


def test_bar_positions_run_from_downbeat_to_downbeat() -> None:
    _, features = heard("waltz")
    assert features.bar_position.min() >= 0
    assert features.bar_position.max() < 3
    assert np.all(np.diff(features.bar) >= 0)
    for frame in features.downbeat_frames[1:-1].tolist():
        assert features.is_downbeat_frame(frame)
        around = features.bar_position[frame - 1 : frame + 2]
        assert min(around.min(), 3 - around.max()) < 0.15
    assert set(features.phrase_frames[1:].tolist()) <= set(features.downbeat_frames.tolist())


def test_a_step_is_in_the_curve_and_the_longest_tempo_is_the_songs() -> None:
    piece, features = heard("step")
    gaps = np.diff(piece.beats)
    change = piece.beats[int(np.abs(np.diff(gaps)).argmax()) + 1]
    for time, truth in ((change - 6, 60 / gaps[3]), (change + 6, 60 / gaps[-3])):
        assert features.tempo_at(time) == pytest.approx(truth, rel=0.02)
    assert features.tempo == pytest.approx(piece.tempo, rel=0.01)


def test_a_ramp_is_in_the_curve() -> None:
    piece, features = heard("ramp")
    for index in range(10, len(piece.beats) - 10, 10):
        truth = 60 / np.diff(piece.beats)[index]
        assert features.tempo_at(float(piece.beats[index])) == pytest.approx(truth, rel=0.05)


def test_a_silence_has_no_beats_and_the_count_waits() -> None:
    piece, features = heard("rest", seconds=45.0)
    gap = int(np.diff(piece.beats).argmax())
    begin, end = piece.beats[gap] + 1.0, piece.beats[gap + 1] - 0.5
    inside = (features.beat_times > begin) & (features.beat_times < end)
    assert not inside.any()
    middle = features.start + np.arange(features.num_frames) / features.fps
    waiting = features.beat_position[(middle > begin) & (middle < end)]
    assert np.ptp(waiting) < 0.05
    assert features.tempo_at((begin + end) / 2) == 0


def test_confidence_and_runner_up_are_about_octaves() -> None:
    piece, features = heard("rock")
    assert features.tempo_confidence > 0.8
    ratio = features.tempo_runner_up / features.tempo
    assert min(abs(ratio - other) for other in (0.5, 2, 2 / 3, 3 / 2, 3 / 4, 4 / 3)) < 0.01
    assert features.tempo == pytest.approx(piece.tempo, rel=0.01)


def test_grid_through_a_gap() -> None:
    grid = BeatGrid(120.0, 1.0, np.array([0, 0.5, 1.0, 1.5, 9.0, 9.5, 10.0]))
    assert grid.gaps.tolist() == [3]
    position = grid.position(np.array([1.5, 1.75, 4.0, 8.9, 9.0, 9.25]))
    np.testing.assert_allclose(position, [3, 3.5, 3.98, 3.98, 4, 4.5], atol=0.01)
    curve = grid.tempo_curve(np.array([0.6, 5.0, 9.6]))
    np.testing.assert_allclose(curve, [120, 0, 120])


def test_phrases_begin_where_the_music_is_new() -> None:
    novelty = np.full(40, 0.1, np.float32)
    novelty[2::8] = 0.9
    assert find_phrases(40, novelty) == (8, 2)
    novelty[2::8] = 0.1
    novelty[3::4] = 0.8
    assert find_phrases(40, novelty) == (4, 3)
    assert find_phrases(3, novelty[:3]) == (4, 0)


def scores(count: int, first: int, lead: float = 5.0) -> np.ndarray:
    out = np.zeros(len(WAYS))
    out[WAYS.index((count, first))] = lead
    assert choose_way(out)[:2] == (count, first)
    return out


def test_live_bars_change_only_at_a_bar_and_not_for_one_answer() -> None:
    bars = LiveBars()
    bars.hear(scores(4, 0), 0.0, 0.0, 1.0)
    begun = [beat for beat in np.arange(0, 12, 0.25) if bars.go(float(beat))]
    assert [b % 4 for b in begun[-2:]] == [0, 0]
    # one answer for other bars is not enough
    bars.hear(scores(4, 2), 12.0, 0.0, 1.0)
    assert next(b for b in np.arange(12, 16, 0.25) if bars.go(float(b))) % 4 == 0
    for _ in range(12):
        bars.hear(scores(4, 2), 16.0, 0.0, 1.0)
    positions = []
    for beat in np.arange(16, 32, 0.25):
        bars.go(float(beat))
        positions.append(bars.position)
    assert bars.position == pytest.approx(1.75)
    # the count of the old bar runs on until the new one begins
    drops = [(a, b) for a, b in pairwise(positions) if b < a]
    assert all(b == 0 for _, b in drops)


def test_live_bars_are_of_four_until_others_are_sure() -> None:
    bars = LiveBars()
    doubtful = scores(7, 3, 0.5)
    doubtful[WAYS.index((4, 2))] = 0.2
    bars.hear(doubtful, 0.0, 0.0, 1.0)
    begun = [beat for beat in range(9) if bars.go(float(beat))]
    assert bars.count == 4
    assert [beat % 4 for beat in begun[-2:]] == [2, 2]


def test_a_tap_begins_a_bar() -> None:
    bars = LiveBars()
    bars.begin_at(5.0, 1.0)
    bars.go(4.0)
    assert [b for b in range(5, 14) if bars.go(float(b))] == [5, 9, 13]


@pytest.mark.parametrize("kind", ["rock", "waltz"])
def test_bars_are_heard_live(kind: str) -> None:
    piece = make_piece(kind, SEED, 32.0)
    log = listen(piece.samples, RATE)
    times = log.times
    downs = times[np.asarray([moment.downbeat for moment in log.moments])]
    judged = downs[downs > 16]
    truth = piece.downbeats[(piece.downbeats > 16) & (piece.downbeats < 31.9)]
    assert beat_score(judged, truth) > 0.85
    assert log.moments[-1].beats_per_bar == piece.metre
    places = log.curve("bar_position")
    assert places.min() >= 0
    # four are counted until other bars are sure
    assert places[times > 16].max() < piece.metre
