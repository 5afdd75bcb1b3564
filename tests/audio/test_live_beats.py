"""The live beat: found, held, followed, and led by hand."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from phosphene.audio.live import LiveAnalyzer
from phosphene.config import AudioConfig
from phosphene.errors import InputError

from . import songs
from .listening import FPS, Log, listen

RATE = songs.RATE


def off_beat(times: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(n,) seconds by which ``times`` are later than the nearest true beat."""
    nearest = np.abs(times[:, None] - truth[None]).argmin(1)
    return times - truth[nearest]


def settled(tempo: float = 120.0, seconds: float = 12.0) -> tuple[LiveAnalyzer, songs.Song]:
    """An analyzer that has heard a song for ``seconds``, and the song, which goes on."""
    song = songs.make_song("rock", tempo, seconds + 16.0)
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    listen(song.samples[: round(seconds * RATE)], analyzer=analyzer)
    assert analyzer.tempo == pytest.approx(tempo, rel=0.01)
    return analyzer, song


def go_on(analyzer: LiveAnalyzer, song: songs.Song, seconds: float) -> Log:
    begin = round(analyzer.time * RATE)
    return listen(song.samples[begin : begin + round(seconds * RATE)], analyzer=analyzer)


@pytest.mark.parametrize(
    ("style", "tempo"),
    [
        ("rock", 96.0),
        ("rock", 128.0),
        ("pop16", 105.0),
        ("house", 124.0),
        ("offbeat_house", 134.0),
        ("shuffle", 108.0),
        ("jazz", 138.0),
        ("funk", 110.0),
        ("breakbeat", 142.0),
        ("waltz", 112.0),
        ("ballad", 83.0),
        ("tresillo", 115.0),
    ],
)
def test_grooves_are_found_in_ten_seconds_and_held(style: str, tempo: float) -> None:
    song = songs.make_song(style, tempo, 26.0, seed=int(tempo))
    log = listen(song.samples)
    sure = log.times > 10
    assert log.tempi[sure] == pytest.approx(song.tempo, rel=0.015)
    assert log.tempi[-1] == pytest.approx(song.tempo, rel=0.005)
    counted = log.beats[(log.beats > 12) & (log.beats < 25.5)]
    truth = song.beats[(song.beats > 12) & (song.beats < 25.5)]
    assert songs.beat_score(counted, truth) > 0.97
    assert abs(np.median(off_beat(counted, song.beats))) < 0.025
    assert log.analyzer.confidence > 0.2


def test_music_without_drums_is_found_too() -> None:
    song = songs.make_song("piano", 86.0, 22.0, seed=86)
    log = listen(song.samples)
    assert log.tempi[log.times > 12] == pytest.approx(86.0, rel=0.015)
    assert np.abs(off_beat(log.beats[log.beats > 14], song.beats)).max() < 0.07


def test_a_groove_played_by_hand() -> None:
    song = songs.make_song("funk", 104.0, 26.0, jitter_ms=10.0, swing_16=0.3, silence=2.0)
    log = listen(song.samples)
    assert log.tempi[-1] == pytest.approx(104.0, rel=0.01)
    counted = log.beats[log.beats > 14]
    assert np.abs(off_beat(counted, song.beats)).max() < 0.07


def test_slow_drift_is_followed() -> None:
    song = songs.make_song("rock", lambda beat: 110 + 0.12 * beat, 45.0)
    log = listen(song.samples)
    judged = log.beats[(log.beats > 12) & (log.beats < 44)]
    truth = song.beats[(song.beats > 12) & (song.beats < 44)]
    assert songs.beat_score(judged, truth) > 0.95


@pytest.mark.parametrize(("first", "then"), [(120.0, 96.0), (100.0, 140.0)])
def test_another_tempo_is_followed(first: float, then: float) -> None:
    one = songs.make_song("rock", first, 20.0)
    other = songs.make_song("house", then, 26.0)
    log = listen(np.concatenate((one.samples, other.samples)))
    assert log.tempi[(log.times > 12) & (log.times < 19.9)] == pytest.approx(first, rel=0.01)
    # two searches that agree against a song that is over, and the seconds they look at
    assert log.tempi[log.times > 20 + 14] == pytest.approx(then, rel=0.01)
    counted = log.beats[log.beats > 20 + 16]
    assert np.abs(off_beat(counted, 20 + other.beats)).max() < 0.07


def test_beats_never_run_backwards_nor_race() -> None:
    parts = [
        songs.make_song("rock", 120.0, 9.0).samples,
        np.zeros(2 * RATE, np.float32),
        songs.make_song("house", 150.0, 9.0).samples,
        np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE).astype(np.float32),
        songs.make_song("waltz", 90.0, 9.0).samples,
    ]
    rng = np.random.default_rng(1)
    samples = np.concatenate(parts)
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    before, step = analyzer.moment(), RATE // FPS
    for index, begin in enumerate(range(0, len(samples), step)):
        analyzer.feed(samples[begin : begin + step], RATE)
        if index % 20 == 0:
            analyzer.tap(analyzer.time + rng.uniform(-0.05, 0.05))
        if index % 97 == 0:
            analyzer.scale(rng.choice([0.5, 2.0]))
        if index % 41 == 0:
            analyzer.nudge(rng.uniform(-0.2, 0.2))
        if index % 211 == 0:
            analyzer.release()
        moment = analyzer.moment(rng.uniform(0, 0.1))
        assert moment.beat_position >= before.beat_position
        assert moment.time >= before.time
        stride = moment.beat_position - before.beat_position
        # a bend makes up for half a beat in 0.3 s at most, on top of the tempo
        assert stride <= (moment.time - before.time) * (analyzer.tempo / 60 + 25) + 0.1
        before = moment


def test_four_taps_lead_and_hold() -> None:
    analyzer, song = settled()
    start = analyzer.time
    taps = start - 1.8 + 0.6 * np.arange(4)
    for index, tap in enumerate(taps):
        assert analyzer.tempo == pytest.approx(120, rel=0.01), f"tap {index} is not the fourth"
        analyzer.tap(float(tap))
    assert analyzer.tempo == pytest.approx(100.0)
    assert analyzer.confidence == 1.0
    log = go_on(analyzer, song, 10.0)
    assert log.tempi == pytest.approx(100.0)
    counted = log.beats[log.beats > start + 0.5]
    wanted = taps[0] + 0.6 * np.arange(100)
    assert np.abs(off_beat(counted, wanted)).max() < 0.01
    assert len(counted) >= 14


def test_taps_count_where_there_is_no_beat_to_hear() -> None:
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    listen(np.zeros(3 * RATE, np.float32), analyzer=analyzer)
    for tap in (1.0, 1.5, 2.0, 2.5):
        analyzer.tap(tap)
    log = listen(np.zeros(20 * RATE, np.float32), analyzer=analyzer)
    assert log.tempi == pytest.approx(120.0)
    late = log.beats[log.beats > 4] % 0.5
    assert np.minimum(late, 0.5 - late).max() < 0.01


def test_release_follows_the_sound_again() -> None:
    analyzer, song = settled()
    for tap in np.arange(4) * 0.7 + 9:
        analyzer.tap(float(tap))
    analyzer.scale(2.0)
    analyzer.nudge(0.1)
    go_on(analyzer, song, 2.0)
    analyzer.release()
    # the beat that was heard meanwhile is back at once
    assert analyzer.tempo == pytest.approx(120, rel=0.01)
    log = go_on(analyzer, song, 8.0)
    counted = log.beats[log.beats > log.times[0] + 1]
    assert np.abs(off_beat(counted, song.beats)).max() < 0.05


@pytest.mark.parametrize(("factor", "tempo"), [(2.0, 240.0), (0.5, 60.0)])
def test_double_and_half_act_at_once_and_hold(factor: float, tempo: float) -> None:
    analyzer, song = settled()
    analyzer.scale(factor)
    assert analyzer.tempo == pytest.approx(tempo, rel=0.01)
    log = go_on(analyzer, song, 10.0)
    assert log.tempi == pytest.approx(tempo, rel=0.01)
    counted = log.beats[log.beats > log.times[0] + 1]
    assert len(counted) == pytest.approx(9 * tempo / 60, abs=1)
    truth = np.interp(np.arange(0, 60, 1 / factor), np.arange(len(song.beats)), song.beats)
    assert np.abs(off_beat(counted, truth)).max() < 0.05
    analyzer.scale(1 / factor)
    assert analyzer.tempo == pytest.approx(120, rel=0.01)


def test_at_half_tempo_the_same_beats_go_on_counting() -> None:
    analyzer, song = settled()
    analyzer.scale(0.5)
    counted = go_on(analyzer, song, 12.0).beats[2:]
    np.testing.assert_allclose(np.diff(counted), 1.0, atol=0.03)


@pytest.mark.parametrize("shift", [0.12, -0.12])
def test_a_nudge_acts_at_once_and_holds(shift: float) -> None:
    analyzer, song = settled()
    analyzer.nudge(shift)
    log = go_on(analyzer, song, 10.0)
    counted = log.beats[log.beats > log.times[0] + 0.5]
    off = off_beat(counted, song.beats)
    np.testing.assert_allclose(off, shift, atol=0.035)
    analyzer.nudge(-shift)
    counted = go_on(analyzer, song, 5.0).beats[2:]
    np.testing.assert_allclose(off_beat(counted, song.beats), 0, atol=0.035)


@pytest.mark.parametrize(
    "action",
    [
        lambda analyzer: analyzer.scale(3.0),
        lambda analyzer: analyzer.scale(float("nan")),
        lambda analyzer: analyzer.nudge(float("inf")),
        lambda analyzer: analyzer.tap(float("nan")),
    ],
)
def test_impossible_corrections_are_refused(action) -> None:
    analyzer, _ = settled(seconds=8.0)
    with pytest.raises(InputError):
        action(analyzer)
    assert analyzer.tempo == pytest.approx(120, rel=0.01)


def test_the_tempo_range_is_kept() -> None:
    song = songs.make_song("house", 140.0, 14.0)
    log = listen(song.samples, config=AudioConfig(fps=FPS, tempo_min=60.0, tempo_max=120.0))
    assert log.tempi[-1] == pytest.approx(70, rel=0.01)


def test_noise_has_no_beat() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 20 * RATE).astype(np.float32)
    assert not listen(noise).tempi.any()


def test_the_search_ends_with_its_analyzer() -> None:
    others = set(threading.enumerate())
    analyzer, _ = settled(seconds=8.0)
    (search,) = [one for one in set(threading.enumerate()) - others if "phosphene" in one.name]
    del analyzer
    gc.collect()
    search.join(5)
    assert not search.is_alive()
