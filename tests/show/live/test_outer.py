"""One authority over the beat: hand, Link, MIDI clock, song, live, own; and all of it in scores."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.config import AudioConfig
from phosphene.show.live.audio_input import AudioInput
from phosphene.show.live.outer import OuterBeat
from phosphene.show.live.recorder import Recorder
from phosphene.show.live.song import SongClock
from phosphene.show.live.types import Source
from phosphene.show.score import Change, Pulse, Tempo, later, parse, trim
from phosphene.show.sources.score import ScoreSource
from tests.conftest import make_features

SONG = make_features(num_frames=2400, tempo=120.0)


def input_of_a_song() -> AudioInput:
    audio_input = AudioInput(AudioConfig(), 0.0)
    audio_input.use(Source("song", features=SONG))
    audio_input.clock(SongClock(0.0, True))
    return audio_input


def link(tempo: float = 100.0, beats: float = 8.0, at: float = 0.0, **more) -> OuterBeat:
    return OuterBeat("link", tempo, beats, at, **more)


def test_the_order_of_who_leads() -> None:
    audio_input, own = input_of_a_song(), AudioInput(AudioConfig(), 0.0)
    assert own.hear(1.0).beat_from == "own"
    assert audio_input.hear(1.0).beat_from == "song"
    audio_input.follow(OuterBeat("midi", 90.0, 0.0, 1.0))
    heard = audio_input.hear(1.1)
    assert (heard.beat_from, heard.tempo, heard.own_tempo) == ("midi", 90.0, 120.0)
    audio_input.follow(link())
    assert audio_input.hear(1.2).beat_from == "link"
    for tap in (2.0, 2.6, 3.2):
        audio_input.beat("tap", tap, 0.0)
        assert audio_input.hear(tap + 0.01).beat_from == "link"
    audio_input.beat("tap", 3.8, 0.0)
    heard = audio_input.hear(3.81)
    assert heard.beat_from == "hand" and heard.tempo == pytest.approx(100.0)
    audio_input.beat("release", 4.0, 0.0)
    assert audio_input.hear(4.0).beat_from == "link"
    audio_input.follow(link(tempo=0.0))
    assert audio_input.hear(4.1).beat_from == "midi"
    audio_input.follow(OuterBeat("midi", 0.0, 0.0, 4.0))
    assert audio_input.hear(4.2).beat_from == "song"


def test_link_gives_beats_bars_and_stands_with_its_transport() -> None:
    audio_input = input_of_a_song()
    audio_input.follow(link(tempo=120.0, beats=3.5, at=0.0))
    moments = [audio_input.hear(k / 60).moment for k in range(1, 240)]
    beats = [m.beat_position for m in moments]
    assert beats[59] == pytest.approx(3.5 + 1.0 * 2, abs=1e-6)
    assert sum(m.is_beat for m in moments) == 8 and sum(m.downbeat for m in moments) == 2
    assert all(m.bar_position == pytest.approx(m.beat_position % 4) for m in moments)
    audio_input.follow(link(tempo=120.0, beats=beats[-1], at=4.0, running=False))
    heard = [audio_input.hear(4.0 + k / 60) for k in range(30)]
    assert all(h.moment.beat_position == pytest.approx(beats[-1]) for h in heard)
    assert not any(h.moment.is_beat or h.confidence for h in heard)


def test_what_is_heard_is_set_against_it_and_hands_correct_it() -> None:
    audio_input = input_of_a_song()
    audio_input.follow(link(tempo=120.0, beats=0.25, at=0.0))
    # the song's beats fall a quarter of a beat later
    assert audio_input.hear(1.0).own_off == pytest.approx(-0.25, abs=0.02)
    audio_input.beat("nudge", 1.0, 0.125)
    # it waits for a moment rather than run backwards
    assert audio_input.hear(1.1).moment.beat_position == pytest.approx(2.25)
    assert audio_input.hear(1.2).own_off == pytest.approx(0.0, abs=0.02)
    audio_input.beat("double", 1.25, 0.0)
    assert audio_input.hear(1.3).tempo == 240.0
    audio_input.configure(AudioConfig(beat_offset_ms=100.0))
    audio_input.beat("release", 1.4, 0.0)
    assert audio_input.hear(2.0).moment.beat_position == pytest.approx(0.25 + 1.9 * 2)


@given(st.lists(st.floats(-0.004, 0.004), min_size=2, max_size=30))
def test_small_corrections_never_run_backwards(jitters) -> None:
    audio_input = input_of_a_song()
    last = -math.inf
    for number, jitter in enumerate(jitters):
        now = number / 10
        audio_input.follow(link(tempo=120.0, beats=now * 2 + jitter, at=now))
        for part in range(6):
            position = audio_input.hear(now + part / 60).moment.beat_position
            assert position >= last
            last = position


def test_a_score_draws_the_same_beats_again(tmp_path) -> None:
    from phosphene.config import PipelineConfig
    from phosphene.show.director import DirectorState

    config, fps = PipelineConfig(), 30.0
    recorder, audio_input = Recorder(print), AudioInput(config.audio, 0.0)
    recorder.to_file(tmp_path / "a.score")
    told = {5: ("link", 128.0, 0.3, 4, True), 20: ("midi", 90.0, 2.0, 4, True),
            40: ("link", 131.5, 5.1, 3, True), 70: ("link", 0.0, 0.0, 4, True)}  # fmt: skip
    live = []
    for frame in range(90):
        now = frame / fps
        recorder.frame(
            now, DirectorState(), config, Pulse(tempo=60, beats=audio_input.pulse(now)[1])
        )
        if frame in told:
            source, tempo, beats, bar, running = told[frame]
            # between two frames, as everything that comes from outside
            at = now - 0.01
            beat = OuterBeat(source, tempo, beats, at, bar, running)
            audio_input.follow(beat)
            recorder.follow(at, beat.told(at))
        live.append(audio_input.hear(now).moment)
    recorder.close()
    text = (tmp_path / "a.score").read_text()
    assert text.count('"tempo": {') == 4
    again = ScoreSource(parse(text), config, {}, fps)
    for frame, moment in enumerate(live[: again.num_frames]):
        heard = again.at(frame).heard
        assert heard.beat_position == pytest.approx(moment.beat_position, abs=1e-4)
        assert (heard.is_beat, heard.downbeat) == (moment.is_beat, moment.downbeat), frame
    part = trim(parse(text), 2.0, 2.2)
    opening = {c.tempo.source: c.tempo for c in part.changes if c.tempo is not None and c.at == 0}
    assert opening["link"].beats == pytest.approx(
        5.1 + (2.0 - 40 / fps + 0.01) * 131.5 / 60, abs=1e-3
    )
    assert opening["midi"].tempo == 90.0


def test_a_tempo_goes_on_and_is_checked() -> None:
    tempo = Tempo(source="midi", tempo=120.0, beats=1.0)
    assert later(tempo, 1.5).beats == 4.0
    assert later(tempo.model_copy(update={"running": False}), 1.5).beats == 1.0
    with pytest.raises(ValueError):
        Change.model_validate({"at": 0, "tempo": {"source": "abacus", "tempo": 3}})
