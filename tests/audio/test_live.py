"""Hearing live: whatever comes in, nothing but what has come in, and no more than fits."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.audio import AudioAnalyzer
from phosphene.audio.live import LiveAnalyzer
from phosphene.config import AudioConfig
from phosphene.errors import InputError

from . import songs
from .listening import FPS, Log, listen, same_moments

RATE = songs.RATE
SONG = songs.make_song("rock", 120.0, 24.0)


@pytest.fixture(scope="module")
def heard() -> Log:
    return listen(SONG.samples)


def tone(seconds: float, rate: int, frequency: float = 440.0) -> np.ndarray:
    times = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


@settings(max_examples=15)
@given(
    sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=12).filter(any),
    rate=st.sampled_from([RATE, 44100, 48000]),
)
def test_the_same_sound_is_the_same_however_it_is_cut(sizes: list[int], rate: int) -> None:
    samples = SONG.samples[: rate * 7]
    stops = [rate * second for second in (2, 5, 7)]
    whole, cut = LiveAnalyzer(AudioConfig()), LiveAnalyzer(AudioConfig())
    one, other = [], []
    for begin, end in pairwise([0, *stops]):
        whole.feed(samples[begin:end], rate)
        one.append(whole.moment())
        at, turn = begin, 0
        while at < end:
            size = min(sizes[turn % len(sizes)], end - at)
            cut.feed(samples[at : at + size], rate)
            at, turn = at + size, turn + 1
        other.append(cut.moment())
    same_moments(one, other)
    assert whole.tempo == pytest.approx(cut.tempo, rel=1e-4)


@pytest.mark.parametrize("future", ["silence", "noise", "another song"])
def test_nothing_depends_on_the_future(heard: Log, future: str) -> None:
    # the search for the beat runs ahead on its own thread: its answers are for later
    known = 13 * RATE
    later = {
        "silence": np.zeros(5 * RATE, np.float32),
        "noise": np.random.default_rng(0).uniform(-1, 1, 5 * RATE).astype(np.float32),
        "another song": songs.make_song("house", 151.0, 5.0).samples,
    }[future]
    other = listen(np.concatenate((SONG.samples[:known], later)))
    count = known // (RATE // FPS)
    same_moments(heard.moments[:count], other.moments[:count], 0.0)
    np.testing.assert_array_equal(heard.tempi[:count], other.tempi[:count])
    assert abs(heard.curve("energy")[count + 6] - other.curve("energy")[count + 6]) > 1e-3


def test_two_hearings_agree_to_the_bit(heard: Log) -> None:
    same_moments(heard.moments, listen(SONG.samples).moments, 0.0)


def test_values_keep_their_ranges(heard: Log) -> None:
    for name, top in (("energy", 1), ("onset", 1), ("bass", 4), ("mid", 4), ("treble", 4)):
        curve = heard.curve(name)
        assert 0 <= curve.min() < curve.max() <= top, name
    assert np.all(np.diff(heard.times) > 0)
    assert np.all(np.diff(heard.curve("beat_position")) >= 0)
    np.testing.assert_array_equal(heard.curve("frame"), np.arange(len(heard.moments)))
    np.testing.assert_allclose(heard.curve("beat_position") % 1, heard.curve("beat_phase"))
    tops = heard.curve("chroma").max(1)
    assert np.all((np.abs(tops - 1) < 1e-5) | (tops == 0))
    steps = np.diff(np.floor(heard.curve("beat_position")), prepend=0) > 0
    np.testing.assert_array_equal(steps, heard.curve("is_beat"))


def weight(root: object) -> int:
    """Bytes of everything that ``root`` holds on to."""
    kinds = (type, type(threading), type(weight), type(threading.current_thread()))
    seen: set[int] = set()
    waiting, total = [root], 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, kinds):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        waiting += gc.get_referents(thing)
    return total


def test_memory_does_not_grow() -> None:
    analyzer = LiveAnalyzer(AudioConfig())
    music = np.tile(SONG.samples, 3)
    assert len(music) / 48000 > 33

    def hear() -> int:
        for begin in range(0, len(music), 4800):
            analyzer.feed(music[begin : begin + 4800], 48000)
        analyzer.moment()
        # a search that is under way has a copy of what it looks at: let it end
        analyzer._beats._worker.submit(int).result()
        return weight(analyzer)

    # nothing looks back further than the 60 s of sections
    hear()
    full = hear()
    assert full > 300_000, "the rings are seen"
    assert hear() == pytest.approx(full, abs=20_000)


def test_a_flood_is_heard_piece_by_piece() -> None:
    analyzer = LiveAnalyzer(AudioConfig())
    flood = np.zeros(60 * RATE, np.float32)
    tracemalloc.start()
    try:
        analyzer.feed(flood, RATE)
        assert tracemalloc.get_traced_memory()[1] < flood.nbytes / 4
    finally:
        tracemalloc.stop()
    assert analyzer.time == pytest.approx(60.0)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000, 96000, 192_000])
def test_every_rate_hears_the_same_tone(rate: int) -> None:
    log = listen(tone(3.0, rate), rate)
    last = log.moments[-1]
    assert log.analyzer.time == pytest.approx(3.0)
    # A is the tenth pitch class: a wrong rate would be another note
    assert int(np.argmax(last.chroma)) == 9
    assert last.chroma[9] == 1.0
    assert np.delete(last.chroma, 9).max() < 0.1
    assert last.centroid == pytest.approx(440, rel=0.1)
    usual = listen(tone(3.0, RATE)).moments[-1]
    assert last.energy == pytest.approx(usual.energy, abs=0.02)
    assert last.mid == pytest.approx(usual.mid, abs=0.05)


def test_the_rate_may_change_while_listening() -> None:
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    for rate in (48000, 22050, 16000, 44100, 48000):
        log = listen(tone(1.5, rate), rate, analyzer)
        assert int(np.argmax(log.moments[-1].chroma)) == 9
    assert analyzer.time == pytest.approx(7.5)
    # the seams are no attacks as loud as a drum
    assert log.curve("onset")[FPS:].max() < 0.2


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.zeros((10, 2), np.float32), 48000),
        (np.zeros((), np.float32), 48000),
        (np.zeros(10, np.int16), 48000),
        (np.zeros(10, np.complex64), 48000),
        (np.array(["a"]), 48000),
        (np.zeros(10, np.float32), 0),
        (np.zeros(10, np.float32), -48000),
        (np.zeros(10, np.float32), 1999),
        (np.zeros(10, np.float32), 10**9),
        (np.zeros(10, np.float32), np.nan),
    ],
)
def test_what_is_not_live_sound_is_refused(samples: np.ndarray, rate: int) -> None:
    analyzer = LiveAnalyzer(AudioConfig())
    with pytest.raises(InputError):
        analyzer.feed(samples, rate)
    assert analyzer.time == 0
    analyzer.feed(tone(1.0, RATE), RATE)
    assert analyzer.moment().energy > 0.1


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf, 1e30, -3e38, 1e-42])
def test_rubbish_does_not_deafen(heard: Log, rubbish: float) -> None:
    broken = SONG.samples[: 6 * RATE].copy()
    broken[2 * RATE : 2 * RATE + 400] = rubbish
    broken[2 * RATE + 1000 :: 5000] = rubbish
    broken = np.concatenate((broken, SONG.samples[6 * RATE : 16 * RATE]))
    log = listen(broken)
    for moment in log.moments:
        numbers = [moment.energy, moment.onset, moment.bass, moment.mid, moment.treble]
        assert np.isfinite([*numbers, moment.centroid, *moment.chroma]).all()
        assert 0 <= moment.energy <= 1
    # ten seconds later it hears as if nothing had been
    late = slice(14 * FPS, 16 * FPS)
    energy = log.curve("energy")[late].mean()
    assert energy == pytest.approx(heard.curve("energy")[late].mean(), abs=0.12)


@settings(max_examples=20)
@given(
    values=st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), max_size=300),
    rate=st.integers(2000, 768_000),
    ahead=st.floats(0, 10),
)
def test_any_numbers_at_any_rate(values: list[float], rate: int, ahead: float) -> None:
    analyzer = LiveAnalyzer(AudioConfig())
    for _ in range(3):
        analyzer.feed(np.asarray(values, np.float32), rate)
        moment = analyzer.moment(ahead)
        assert 0 <= moment.energy <= 1
        assert np.isfinite([moment.bass, moment.time, moment.beat_position, *moment.chroma]).all()
    assert analyzer.time == pytest.approx(3 * len(values) / rate)


def test_doubles_and_empty_chunks_are_fine() -> None:
    analyzer = LiveAnalyzer(AudioConfig())
    for _ in range(100):
        analyzer.feed(np.zeros(0, np.float32), 48000)
        analyzer.feed(np.zeros(0, np.float32), RATE)
    assert analyzer.moment().time == 0
    analyzer.feed(tone(1.0, RATE).astype(np.float64), RATE)
    assert analyzer.moment().energy > 0.1


def test_the_callers_buffer_may_be_used_again(heard: Log) -> None:
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    step = RATE // FPS
    buffer = np.zeros(step, np.float32)
    moments = []
    for begin in range(0, 4 * RATE, step):
        buffer[:] = SONG.samples[begin : begin + step]
        analyzer.feed(buffer, RATE)
        buffer[:] = 9.0
        moments.append(analyzer.moment())
    same_moments(moments, heard.moments[: len(moments)], 0.0)


@pytest.mark.parametrize("kind", ["silence", "hiss", "hum"])
def test_silence_is_nothing(kind: str) -> None:
    rng = np.random.default_rng(0)
    silence = {
        "silence": np.zeros(15 * RATE),
        "hiss": rng.normal(0, 5e-4, 15 * RATE),
        "hum": 1e-3 * np.sin(2 * np.pi * 50 / RATE * np.arange(15 * RATE)),
    }[kind].astype(np.float32)
    log = listen(silence)
    assert not log.tempi.any()
    assert log.analyzer.confidence == 0
    for name in ("onset", "is_beat", "beat_position", "section"):
        assert not log.curve(name).any(), name
    for name, most in (("energy", 0.15), ("bass", 0.7), ("mid", 0.5), ("treble", 0.5)):
        assert log.curve(name)[FPS:].max() <= most, name


def test_music_comes_back_after_a_long_rest() -> None:
    rest = np.zeros(40 * RATE, np.float32)
    music = SONG.samples[: 16 * RATE]
    log = listen(np.concatenate((music, rest, music)))
    at = log.times
    during = (at > 17) & (at < 56)
    assert log.curve("energy")[during].max() < 0.05
    assert log.curve("onset")[during].max() < 1e-3
    assert not log.curve("chroma")[during].any()
    # the beat is counted on through a break, and is let go when nothing comes
    assert log.tempi[(at > 16) & (at < 18)].min() > 0
    assert log.tempi[(at > 40) & (at < 56)].max() == 0
    assert not log.curve("is_beat")[(at > 40) & (at < 56)].any()
    assert log.curve("onset")[(at > 56) & (at < 56.1)].max() > 0.5
    assert log.curve("energy")[(at > 56) & (at < 56.2)].max() > 0.5
    assert log.tempi[at > 66] == pytest.approx(120, rel=0.01)


def test_it_agrees_with_hearing_the_whole_song(heard: Log) -> None:
    song = AudioAnalyzer(AudioConfig(fps=FPS)).analyze_samples(SONG.samples, RATE)
    # live moment k is at (k + 1) / fps; the first seconds are for getting used to the song
    live = slice(8 * FPS, song.num_frames - 1)
    whole = slice(8 * FPS + 1, song.num_frames)
    assert np.abs(heard.curve("energy")[live] - song.energy[whole]).mean() < 0.05
    for name in ("bass", "mid", "treble"):
        mine, theirs = heard.curve(name)[live], getattr(song, name)[whole]
        assert np.corrcoef(mine, theirs)[0, 1] > 0.95, name
        assert np.abs(mine - theirs).mean() < 0.2, name
    np.testing.assert_allclose(
        heard.curve("centroid")[live], song.centroid[whole], rtol=0.02, atol=20
    )
    chroma, theirs = heard.curve("chroma")[live], song.chroma_cq.T[whole]
    alike = (chroma * theirs).sum(1) / (
        np.linalg.norm(chroma, axis=1) * np.linalg.norm(theirs, axis=1) + 1e-9
    )
    assert np.median(alike) > 0.97
    assert np.corrcoef(heard.curve("onset")[live], song.onset_strength[whole])[0, 1] > 0.7
    assert heard.tempi[-1] == pytest.approx(song.tempo, rel=0.005)


def test_a_new_section_is_counted_soon_after_it_begins() -> None:
    quiet = songs.make_song("piano", 120.0, 20.0).samples * np.float32(0.4)
    loud = songs.make_song("rock", 120.0, 20.0).samples
    both = np.concatenate((quiet, loud))
    log = listen(both)
    section, at = log.curve("section"), log.times
    assert section[at < 20].max() == 0
    assert section[at > 23].min() == 1
    assert section[-1] <= 2
    never = listen(both, config=AudioConfig(section_sensitivity=0))
    assert not never.curve("section").any()


def test_settings_change_in_mid_sound(heard: Log) -> None:
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    cut = 10 * RATE
    before = listen(SONG.samples[:cut], analyzer=analyzer)
    position = before.moments[-1].beat_position
    analyzer.configure(AudioConfig(fps=60, release_ms=3000, attack_ms=0))
    after = listen(SONG.samples[cut : 14 * RATE], analyzer=analyzer)
    assert after.moments[0].fps == 60
    assert after.moments[0].frame == len(before.moments)
    # a slow release keeps the energy up
    usual = heard.curve("energy")[11 * FPS : 14 * FPS]
    assert after.curve("energy")[FPS:].min() > usual.min() + 0.2
    assert 0 <= after.moments[0].beat_position - position < 0.2
    same_moments(before.moments, heard.moments[: len(before.moments)], 0.0)


def test_double_tempo_and_offset_can_be_set_while_listening(heard: Log) -> None:
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    listen(SONG.samples[: 12 * RATE], analyzer=analyzer)
    analyzer.configure(AudioConfig(fps=FPS, tempo_multiplier=2.0))
    assert analyzer.tempo == pytest.approx(240, rel=0.01)
    analyzer.configure(AudioConfig(fps=FPS, beat_offset_ms=100.0))
    log = listen(SONG.samples[12 * RATE : 20 * RATE], analyzer=analyzer)
    late = log.beats[log.beats > 14]
    usual = heard.beats[(heard.beats > 13.8) & (heard.beats < 20)]
    gaps = late[:, None] - usual[None]
    nearest = gaps[np.arange(len(late)), np.abs(gaps - 0.1).argmin(1)]
    np.testing.assert_allclose(nearest, 0.1, atol=0.03)


def test_another_rate_of_analysis_starts_afresh() -> None:
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    listen(SONG.samples[: 12 * RATE], analyzer=analyzer)
    tempo = analyzer.tempo
    analyzer.configure(AudioConfig(fps=FPS, sample_rate=16000))
    assert analyzer.time == pytest.approx(12.0)
    assert analyzer.tempo == tempo
    log = listen(SONG.samples[12 * RATE :], analyzer=analyzer)
    assert analyzer.time == pytest.approx(24.0)
    assert log.curve("energy")[FPS:].max() > 0.5
    assert analyzer.tempo == pytest.approx(120, rel=0.01)
    assert songs.beat_score(log.beats, SONG.beats[SONG.beats >= 12]) > 0.9


def test_looking_ahead_moves_time_and_beats_alone(heard: Log) -> None:
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    listen(SONG.samples[: 14 * RATE], analyzer=analyzer)
    now = analyzer.moment()
    later = analyzer.moment(0.25)
    assert later.time == pytest.approx(now.time + 0.25)
    assert later.beat_position == pytest.approx(now.beat_position + 0.5, abs=0.02)
    assert later.energy == now.energy
    back = analyzer.moment(0.0)
    assert (back.time, back.beat_position) == (later.time, later.beat_position)
    with pytest.raises(InputError):
        analyzer.moment(np.inf)


def test_no_attack_falls_between_two_moments() -> None:
    analyzer = LiveAnalyzer(AudioConfig())
    hits = np.concatenate((np.zeros(RATE, np.float32), SONG.samples[: RATE // 5]))
    analyzer.feed(hits, RATE)
    analyzer.feed(np.zeros(RATE // 2, np.float32), RATE)
    assert analyzer.moment().onset > 0.5
    assert analyzer.moment().onset < 0.1


def test_one_feeds_while_another_asks(heard: Log) -> None:
    analyzer = LiveAnalyzer(AudioConfig(fps=FPS))
    asked = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            asked.append(analyzer.moment())

    asking = threading.Thread(target=ask)
    asking.start()
    step = RATE // FPS
    for begin in range(0, 5 * RATE, step):
        analyzer.feed(SONG.samples[begin : begin + step], RATE)
    over.set()
    asking.join()
    assert [moment.frame for moment in asked] == list(range(len(asked)))
    times = [moment.time for moment in asked]
    assert times == sorted(times)
    assert analyzer.moment().energy == pytest.approx(heard.moments[5 * FPS - 1].energy, abs=1e-4)
