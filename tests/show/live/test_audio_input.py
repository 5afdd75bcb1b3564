"""What a session hears: songs elsewhere, sound as it comes, and itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.config import AudioConfig
from phosphene.errors import InputError
from phosphene.show.live.audio_input import AudioInput
from phosphene.show.live.dream import Dream
from phosphene.show.live.song import Song, SongClock
from phosphene.show.live.sound import Chunk
from phosphene.show.live.types import Source
from tests.conftest import make_features

FEATURES = make_features(num_frames=240, tempo=120.0)
RATE = 22050


def playing(position=0.0, at=0.0, **more):
    return SongClock(position, True, at=at, **more)


def song_input(clock=None):
    audio_input = AudioInput(AudioConfig(), 0.0)
    audio_input.use(Source("song", features=FEATURES))
    audio_input.clock(clock or playing())
    return audio_input


def test_a_dream_breathes():
    dream = Dream(0.0)
    moments = [dream.hear(k / 30, 0.0).moment for k in range(240)]
    energy = [moment.energy for moment in moments]
    assert 0.25 < min(energy) < 0.35 < 0.45 < max(energy) < 0.55
    assert moments[-1].beat_position == pytest.approx(239 / 30)
    assert max(np.abs(np.diff(energy))) < 0.01
    assert all(0.5 < moment.bass < 1.5 and moment.onset <= 0.2 for moment in moments)


def test_taps_lead_the_dream():
    dream = Dream(0.0)
    for tap in (1.0, 1.5, 2.0, 2.5):
        dream.correct("tap", tap, 0.0)
    assert dream.tempo == pytest.approx(120.0)
    assert dream.beats(2.5) % 1 == pytest.approx(0.0)
    dream.correct("double", 3.0, 0.0)
    assert dream.tempo == pytest.approx(240.0)
    before = dream.beats(4.0)
    dream.correct("nudge", 4.0, 0.1)
    assert dream.beats(4.1) == pytest.approx(before)
    dream.correct("release", 5.0, 0.0)
    assert dream.tempo == 60.0


def test_a_late_tap_begins_another_count():
    dream = Dream(0.0)
    for tap in (1.0, 1.5, 60.0, 61.0):
        dream.correct("tap", tap, 0.0)
    assert dream.tempo == pytest.approx(60.0)


@given(st.lists(st.sampled_from(["double", "half", "tap", "release", "nudge"]), max_size=30))
def test_corrections_keep_the_dream_within_reason(actions):
    dream, now = Dream(0.0), 0.0
    for action in actions:
        now += 0.01
        dream.correct(action, now, 0.05)
        assert 15.0 <= dream.tempo <= 300.0


def test_a_song_is_heard_where_it_plays():
    audio_input = song_input(playing(2.0, at=100.0, lead=0.5))
    heard = audio_input.hear(101.0)
    assert heard.position == pytest.approx(3.5)
    assert heard.moment.beat_position == pytest.approx(7.0, abs=1e-4)
    assert heard.tempo == 120.0
    assert heard.captured == 101.0


def test_the_beat_runs_evenly_between_the_frames_of_a_song():
    song = Song(FEATURES)
    beats = [song.moment(k / 97).beat_position for k in range(600)]
    np.testing.assert_allclose(np.diff(beats), 2 / 97, atol=1e-4)


def test_offset_and_rate():
    audio_input = song_input(playing(2.0, at=0.0, rate=2.0))
    assert audio_input.hear(1.0).position == pytest.approx(4.0)
    # the picture is to come a tenth of a second later than the sound: it shows what was then
    assert audio_input.hear(1.0, 0.1).position == pytest.approx(3.8)


def test_a_paused_song_breathes_and_keeps_its_place():
    audio_input = song_input(SongClock(4.0, False))
    heard = audio_input.hear(50.0)
    assert heard.position == 4.0
    assert 0.2 < heard.moment.energy < 0.6
    assert not isinstance(heard.origin, Song)


@pytest.mark.parametrize("position", [-1.0, 10.5, 1e6])
def test_outside_the_song_it_breathes(position):
    heard = song_input(playing(position)).hear(0.0)
    assert isinstance(heard.origin, Dream)
    assert heard.position == position


def test_no_attack_is_lost_between_two_pictures():
    song = Song(FEATURES)
    peak = int(np.argmax(FEATURES.onset_strength[20:40])) + 20
    song.clock = playing()
    song.hear((peak - 2) / 24, 0.0)
    heard = song.hear((peak + 2) / 24, 0.0)
    assert heard.moment.onset == pytest.approx(float(FEATURES.onset_strength[peak]))
    song.hear(0.0, 0.0)
    jumped = song.hear((peak + 2) / 24, 0.0)
    assert jumped.moment.onset == pytest.approx(float(FEATURES.onset_strength[peak + 2]))


def test_the_performer_corrects_the_beat_of_a_song():
    audio_input = song_input()
    audio_input.beat("double", 0.0, 0.0)
    assert audio_input.hear(1.0).tempo == 120.0, "corrects what was heard before: the dream"
    audio_input.beat("double", 1.0, 0.0)
    heard = audio_input.hear(1.0)
    assert heard.tempo == 240.0
    assert heard.moment.beat_position == pytest.approx(4.0, abs=1e-4)
    audio_input.beat("tap", 1.06, 0.0)
    assert audio_input.hear(1.06).moment.beat_phase == pytest.approx(0.0, abs=1e-4)
    audio_input.beat("release", 1.0, 0.0)
    assert audio_input.hear(1.0).moment.beat_position == pytest.approx(2.0, abs=1e-4)
    audio_input.beat("nudge", 1.0, 0.25)
    assert audio_input.hear(1.0).moment.beat_position == pytest.approx(1.5, abs=1e-4)


def test_another_song_waits_for_its_own_clock():
    audio_input = song_input(playing(3.0))
    audio_input.use(Source("song", features=make_features(num_frames=99)))
    assert isinstance(audio_input.hear(0.0).origin, Dream)


def test_the_same_song_again_changes_nothing():
    audio_input = song_input(playing(3.0))
    origin = audio_input.hear(0.0).origin
    audio_input.use(Source("song", see=True, features=FEATURES))
    assert audio_input.hear(0.0).origin is origin


def test_a_song_nobody_heard_is_refused():
    with pytest.raises(InputError, match="analyse it first"):
        AudioInput(AudioConfig(), 0.0).use(Source("song"))


def clicks(seconds, tempo=120.0):
    times = np.arange(int(RATE * seconds)) / RATE
    phase = times % (60 / tempo)
    return (np.exp(-40 * phase) * np.sin(2 * np.pi * 180 * times) * 0.6).astype(np.float32)


def listen(audio_input, samples, begin, chunk=441):
    """Feed in real time; the last thing heard."""
    heard = None
    for first in range(0, len(samples) - chunk + 1, chunk):
        captured = begin + (first + chunk) / RATE
        audio_input.sound(Chunk(samples[first : first + chunk], RATE, captured))
        heard = audio_input.hear(captured + 0.01)
    return heard


@pytest.mark.parametrize("hear", ["sound", "soundcard"])
def test_sound_is_heard_as_it_comes(hear):
    audio_input = AudioInput(AudioConfig(), 0.0)
    audio_input.use(Source(hear))
    heard = listen(audio_input, clicks(12.0), 100.0)
    assert heard.captured == pytest.approx(112.0, abs=0.03)
    assert heard.position is None
    assert heard.tempo == pytest.approx(120.0, rel=0.05)
    assert heard.moment.time == pytest.approx(12.01, abs=0.05)


def test_without_samples_it_breathes():
    audio_input = AudioInput(AudioConfig(), 0.0)
    audio_input.use(Source("sound"))
    assert isinstance(audio_input.hear(1.0).origin, Dream)
    origin = listen(audio_input, clicks(1.0), 1.0).origin
    assert not isinstance(origin, Dream)
    assert isinstance(audio_input.hear(9.0).origin, Dream)
    assert listen(audio_input, clicks(0.1), 9.0).origin is origin


def test_sound_that_cannot_be_heard_is_said_and_forgotten():
    audio_input = AudioInput(AudioConfig(), 0.0)
    audio_input.use(Source("sound"))
    audio_input.sound(Chunk(np.zeros((2, 2), np.float32), RATE, 1.0))
    with pytest.raises(InputError):
        audio_input.hear(1.0)
    audio_input.hear(1.1)


def test_sound_that_nobody_asks_for_does_not_pile_up():
    audio_input = AudioInput(AudioConfig(), 0.0)
    chunk = np.zeros(441, np.float32)
    audio_input.sound(Chunk(chunk, RATE, 0.0))
    audio_input.use(Source("sound"))
    for k in range(5000):
        audio_input.sound(Chunk(chunk, RATE, k * 0.02))
    assert len(audio_input._ear._chunks) <= 10 / 0.02 + 1


def test_settings_change_while_listening():
    audio_input = AudioInput(AudioConfig(), 0.0)
    audio_input.use(Source("sound"))
    origin = listen(audio_input, clicks(1.0), 0.0).origin
    audio_input.configure(AudioConfig(release_ms=1000))
    assert listen(audio_input, clicks(1.0), 1.0).origin is origin


def test_taps_and_scales_reach_the_analyzer():
    audio_input = AudioInput(AudioConfig(), 0.0)
    audio_input.use(Source("sound"))
    listen(audio_input, clicks(2.0), 10.0)
    for tap in (10.4, 10.8, 11.2, 11.6):
        audio_input.beat("tap", tap, 0.0)
    heard = listen(audio_input, clicks(0.1), 12.0)
    assert heard.tempo == pytest.approx(150.0, rel=0.02)
    audio_input.beat("half", 12.1, 0.0)
    assert listen(audio_input, clicks(0.1), 12.1).tempo == pytest.approx(75.0, rel=0.02)
    audio_input.beat("release", 12.2, 0.0)
    assert listen(audio_input, clicks(0.1), 12.2).confidence < 1.0


def test_a_paused_song_keeps_its_tempo_and_what_was_set():
    audio_input = song_input()
    audio_input.hear(1.0)
    audio_input.beat("double", 1.0, 0.0)
    assert audio_input.hear(1.0).tempo == 240.0
    audio_input.clock(SongClock(position=1.0, playing=False, at=1.0))
    assert audio_input.hear(2.0).tempo == 240.0, "a pause shows the song's beat, not the dream's"
    audio_input.beat("half", 2.0, 0.0)
    assert audio_input.hear(2.5).tempo == 120.0, "what is set in a pause is set for the song"
    audio_input.clock(SongClock(position=1.0, playing=True, at=3.0))
    assert audio_input.hear(3.0).tempo == 120.0
    audio_input.use(Source())
    assert audio_input.hear(4.0).tempo == 60.0, "a dream has a beat of its own"


@pytest.mark.parametrize(("bpm", "tempo"), [(120, 120), (241, 240), (59, 60), (93, 93)])
def test_taps_are_heard_over_a_song(bpm, tempo):
    """Near the song's own tempo, or an octave of it, they keep to its beats; else they are the beat."""
    audio_input = song_input()
    audio_input.hear(0.0)
    at = [0.13 + k * 60 / bpm for k in range(6)]
    for time in at:
        audio_input.beat("tap", time, 0.0)
        audio_input.hear(time)
    heard = audio_input.hear(at[-1])
    assert heard.tempo == pytest.approx(tempo, rel=1e-6)
    away = (heard.moment.beat_phase + 0.5) % 1 - 0.5
    assert abs(away) < 0.02, "the last tap was on a beat"
    later = audio_input.hear(at[-1] + 0.5).moment.beat_position - heard.moment.beat_position
    assert later == pytest.approx(0.5 * tempo / 60, rel=0.02)
    audio_input.beat("release", at[-1], 0.0)
    assert audio_input.hear(at[-1]).tempo == 120.0
