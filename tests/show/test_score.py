"""A recorded show is drawn again: same prompts, same moments; and a score is a text for people to edit."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import sys
import threading
import time
import wave
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from phosphene.audio import AudioAnalyzer
from phosphene.config import PipelineConfig, StreamConfig
from phosphene.diffusion.stream import StreamDiffusionPipeline
from phosphene.errors import InputError
from phosphene.prompt.book import PromptBook, encoder
from phosphene.show import score as scores
from phosphene.show.changes import values_at, with_values
from phosphene.show.live import Source
from phosphene.show.live.audio_input import AudioInput
from phosphene.show.live.cues import LiveCues
from phosphene.show.live.recorder import KEPT_SECONDS, Film, Recorder
from phosphene.show.live.session import completed
from phosphene.show.live.song import SongClock
from phosphene.show.live.sound import Chunk
from phosphene.show.performance import Performance
from phosphene.show.render import RenderOptions
from phosphene.show.replay import render_score
from phosphene.show.score import Pulse, match_songs, parse, read, trim
from phosphene.show.soundtrack import write_soundtrack
from phosphene.show.sources.score import ScoreSource
from tests.conftest import make_features
from tests.show.live.running_shows import quick_config, show
from tests.show.test_director import assert_same, remembering
from tests.show.toy import Stopped, failing, toy

FPS = 32.0
"""frames a second whose times add up exactly"""
SONG = "ab" * 32


class Scripted:
    """A live show on a clock that a test turns: what a session and its stage do, without threads."""

    def __init__(self, config, began=0.0):
        self.base = remembering()
        self.began = began
        self.config = completed(self.base, config)
        self.book = PromptBook(encoder(self.base), threading.Condition())
        self.audio_input = AudioInput(self.config.audio, began)
        self.cues = LiveCues(self.base, self.config, self.book)
        self.said = []
        self.recorder = Recorder(self.said.append)
        self.now = began

    def set(self, values):
        self.config = with_values(self.config, values, self.base.facts)
        self.recorder.set(self.now, values)
        self.cues.config = self.config
        if any(path.startswith("audio.") for path in values):
            self.audio_input.configure(self.config.audio)
        texts = [(self.config.prompt.base_prompt,), tuple(self.config.prompt.chroma_prompts)]
        for each in texts:
            # by the time it is drawn it is encoded
            while self.book.get(each) is None:
                self.book.work()

    def use(self, source):
        self.audio_input.use(source)
        self.recorder.use(self.now, source)

    def clock(self, position, playing=True, rate=1.0, lead=0.0):
        clock = SongClock(position, playing, rate, lead, self.now)
        self.audio_input.clock(clock)
        self.recorder.clock(self.now, clock)

    def beat(self, action, seconds=0.0):
        self.audio_input.beat(action, self.now - 0.03125, seconds)
        self.recorder.beat(self.now, action, self.now - 0.03125, seconds)

    def scene(self):
        self.cues.scene()
        self.recorder.scene(self.now)

    def turn(self, values):
        self.cues.controllers = {**self.cues.controllers, **values}
        self.recorder.controllers(self.now, values)

    def hear(self, samples, rate):
        self.audio_input.sound(Chunk(samples, rate, self.now))
        self.recorder.sound(samples, rate, self.now)

    def frame(self):
        tempo, beats = self.audio_input.pulse(self.now)
        self.recorder.frame(self.now, self.cues.state, self.config, Pulse(tempo=tempo, beats=beats))
        heard = self.audio_input.hear(self.now, self.config.live.latency_offset_ms / 1e3)
        cue = self.cues.cue(heard, self.now)
        while cue is None:
            self.book.work()
            cue = self.cues.cue(heard, self.now)
        return cue, self.config


def script(show, features):
    """A minute of performing: (frame, what is done then), 40 changes of every kind."""
    source = Source("song", False, features, SONG, "piece.wav")
    yield 0, lambda: show.use(source)
    yield 2, lambda: show.clock(0.0)
    for k in range(12):
        path, value = [
            ("camera.zoom", 0.1 * k), ("prompt.base_prompt", f"prompt number {k}"),
            ("stream.pace", 0.2 * k), ("react.reactivity", 0.3 * k),
        ][k % 4]  # fmt: skip
        yield 60 + 100 * k, lambda path=path, value=value: show.set({path: value})
    for k in range(8):
        yield 100 + 16 * k, lambda: show.beat("tap")
    yield 400, lambda: show.clock(5.0)
    yield 500, lambda: show.clock(7.0, playing=False)
    yield 560, lambda: show.clock(7.0, lead=0.125)
    yield 600, lambda: show.scene()
    yield 640, lambda: show.beat("double")
    yield 700, lambda: show.beat("nudge", 0.05)
    yield 720, lambda: show.use(Source())
    for k in range(6):
        yield 740 + 32 * k, lambda: show.beat("tap")
    route = {"source": "controller:knob", "target": "camera.rotate", "gain": 90}
    yield 1000, lambda: show.set({"react.routes": [route]})
    yield 1010, lambda: show.turn({"knob": 0.5})
    yield 1100, lambda: show.turn({"knob": 1.0})
    yield 1150, lambda: show.use(source)
    yield 1151, lambda: show.clock(2.0, rate=1.5)
    yield 1400, lambda: show.scene()
    yield (
        1500,
        lambda: show.set({"prompt.transition_seconds": 3.0, "prompt.base_prompt": "the last"}),
    )


def perform(show, features, frames, begin=0):
    """(cue, settings) of every frame."""
    todo = sorted(script(show, features), key=lambda each: each[0])
    played = []
    for frame in range(begin, frames):
        show.now = show.began + frame / FPS
        for when, act in todo:
            if when == frame:
                act()
        played.append(show.frame())
    return played


def replayed(score, features, fps=FPS, sound=None, base=None):
    """(cue, settings) of every frame of the show, drawn again."""
    base = base or remembering()
    config = completed(base, score.config)
    source = ScoreSource(score, config, {SONG: features}, fps, sound)
    performance = Performance(source, config, StreamDiffusionPipeline(base, StreamConfig()))
    return [(performance.cue(frame), performance.config) for frame in range(source.num_frames)]


@pytest.fixture(scope="module")
def features():
    return make_features(num_frames=240, fps=24.0)


def test_a_minute_with_forty_changes_is_drawn_again_cue_by_cue(features, tmp_path):
    config = PipelineConfig()
    config.live.fps = FPS
    live, path, frames = Scripted(config), tmp_path / "tonight.score", round(60 * FPS)
    assert len(list(script(live, features))) >= 40
    live.recorder.to_file(path)
    played = perform(live, features, frames)
    live.recorder.close()
    assert path.stat().st_size < 100_000
    assert live.said == []
    again = replayed(read(path), features)
    # the file ends with its last mark
    assert frames - 2 * FPS <= len(again) <= frames
    for (got, _), (want, _) in zip(again, played, strict=False):
        assert_same(replace(got, stream=None), replace(want, stream=None))


@pytest.mark.parametrize("fps", [24.0, 60.0])
def test_every_change_is_there_within_a_frame_at_any_rate(features, tmp_path, fps):
    config = PipelineConfig()
    config.live.fps = FPS
    live, path = Scripted(config), tmp_path / "tonight.score"
    live.recorder.to_file(path)
    perform(live, features, round(52 * FPS))
    live.recorder.close()
    score = read(path)
    again = replayed(score, features, fps)
    changes = [change for change in score.changes if change.set]
    assert len(changes) == 14
    for index, change in enumerate(changes):
        # the first frame at or after it; a later change of the same setting may come first
        frame = int(np.ceil(change.at * fps - 1e-9))
        later = {
            path for other in changes[index + 1 :] if other.at == change.at for path in other.set
        }
        for name, value in change.set.items():
            if name not in later and name != "react.routes":
                assert values_at(again[frame][1], {name: None})[name] == value
                assert frame == 0 or values_at(again[frame - 1][1], {name: None})[name] != value


def test_the_last_ten_minutes_begin_in_mid_show_with_equal_cues(features):
    config = PipelineConfig()
    config.live.fps = FPS
    live = Scripted(config, began=1000.0)
    played = perform(live, features, round(20 * FPS))
    # as if the first half were long ago
    score = parse(live.recorder.score(live.now))
    assert score.seconds == pytest.approx(20, abs=0.1)
    live.recorder.keep(True, live.now)
    middle = round(20 * FPS)
    played += perform(live, features, round(40 * FPS), begin=middle)
    kept = parse(live.recorder.score(live.now))
    assert kept.head.state is not None
    assert kept.seconds == pytest.approx(20, abs=0.1)
    # taps on a song from before are the one thing a score does not know: this one had none that held
    again = replayed(kept, features)
    for (got, _), (want, _) in zip(again, played[middle:], strict=False):
        assert got.frame == want.frame
        assert got.time == want.time
        np.testing.assert_array_equal(got.latent.shape, want.latent.shape)
        assert got.goal.tolist() == want.goal.tolist()


def test_memory_is_bounded_however_long_the_show():
    live = Scripted(PipelineConfig())
    live.cues.config.live.fps = 1.0
    for second in range(3 * round(KEPT_SECONDS)):
        live.now = float(second)
        live.set({"camera.zoom": second % 4})
        if second % 50 == 0:
            live.hear(np.zeros(100, np.float32), 8000)
        live.frame()
    recorder = live.recorder
    assert len(recorder._stills) <= KEPT_SECONDS / 20 + 2
    assert len(recorder._changes) <= KEPT_SECONDS + 30
    assert len(recorder._sound) <= KEPT_SECONDS / 50 + 2
    assert parse(recorder.score(live.now)).seconds == pytest.approx(KEPT_SECONDS, abs=21)


def test_what_a_microphone_heard_is_heard_again(tmp_path):
    config = PipelineConfig()
    config.live.fps = FPS
    live, path = Scripted(config), tmp_path / "tonight.score"
    live.recorder.to_file(path)
    rate = 8192
    rng = np.random.default_rng(0)
    played = []
    for frame in range(round(10 * FPS)):
        live.now = frame / FPS
        if frame == 16:
            live.use(Source("sound"))
        if frame > 16:
            loud = 0.5 if frame % 16 == 0 else 0.02
            live.hear((loud * rng.standard_normal(256)).astype(np.float32).clip(-1, 1), rate)
        played.append(live.frame()[0])
    live.recorder.close()
    score = read(path)
    sound = path.with_name(score.head.sound)
    with wave.open(str(sound)) as file:
        assert file.getnframes() / rate == pytest.approx(10, abs=0.1)
    again = [cue for cue, _ in replayed(score, None, sound=sound)]
    loud = np.array([cue.context.controls[0, 3] for cue in played])
    heard = np.array([cue.context.controls[0, 3] for cue in again])
    assert np.corrcoef(loud[: len(heard)], heard)[0, 1] > 0.95
    assert loud.max() > 0.3


def flat(shade: int, form: str = "PNG") -> bytes:
    """A picture of one grey, compressed."""
    file = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), shade, np.uint8)).save(file, form)
    return file.getvalue()


def test_what_a_camera_saw_is_kept_only_if_asked_and_seen_again(tmp_path):
    config = PipelineConfig()
    config.live.fps = FPS
    for asked in (False, True):
        live, path = Scripted(config, began=50.0), tmp_path / f"{asked}.score"
        live.recorder.to_file(path, pictures=asked)
        for frame in range(96):
            live.now = 50.0 + frame / FPS
            if frame in (16, 70):
                live.use(Source(see=True))
            if frame == 60:
                live.use(Source())
            if frame % 4 == 0 and frame != 72:
                # sixteen times in a second and a half; also where nothing is to be seen
                live.recorder.picture(flat(2 * frame), live.now)
            if frame == 33:
                live.recorder.picture(b"no picture", live.now)
            live.frame()
        torn = path.with_name("torn.mkv")
        if asked:
            torn.write_bytes(path.with_name("True.score.mkv").read_bytes())
        live.recorder.close()
        assert not live.said
    assert read(tmp_path / "False.score").head.pictures is None
    assert not (tmp_path / "False.score.mkv").exists()
    score = read(path)
    # what a kill leaves is as good but for its last half second
    for film, whole in ((path.with_name(score.head.pictures), 96), (torn, 76)):
        source = ScoreSource(score, score.config, {}, FPS, pictures=film, size=(32, 32))
        for frame in range(whole):
            picture = source.at(frame).picture
            if frame < 16 or 60 <= frame < 76:
                # what was taken before it was looked at is not shown
                assert picture is None, frame
            else:
                assert picture.shape == (32, 32, 3)
                assert picture[0, 0, 0] == 2 * (frame - frame % 4), frame
    # from the middle, as a resumed render begins
    source.seek(0)
    source.seek(41)
    assert source.at(41).picture[0, 0, 0] == 80
    assert trim(score, 0.0, 1.0).head.pictures is None


def test_a_score_with_pictures_is_drawn_over_them(tmp_path):
    lines = [{"at": 0, "source": {"see": True}}, {"at": 1.0}]
    path = tmp_path / "s.score"
    settings = {"inference.width": 64, "inference.height": 64, "stream.strength": 0.3}
    path.write_text(a_score(*lines, settings=settings, pictures="s.mkv"))
    notes = render_score(path, tmp_path / "without.mp4", base=toy()).notes
    assert any("s.mkv is not beside the score" in note for note in notes)
    film = Film(tmp_path / "s.mkv", 0.0)
    for frame in range(24):
        film.add(flat(30 if frame < 12 else 220, "JPEG"), frame / 24)
    film.close()
    report = render_score(path, tmp_path / "with.mp4", base=toy())
    assert not any("camera" in note for note in report.notes)
    light = frames_of(tmp_path / "with.mp4").mean(axis=(1, 2, 3))
    assert light[18:].mean() > light[4:10].mean() + 20
    (tmp_path / "s.mkv").write_bytes(b"no film")
    with pytest.raises(InputError, match=r"s\.mkv"):
        render_score(path, tmp_path / "broken.mp4", base=toy())


def test_a_session_records_what_it_is_told(tmp_path):
    """The real one, with threads; a flood of clocks that say the same is one line."""
    path = tmp_path / "real.score"
    features = make_features(num_frames=400)
    with show(quick_config()) as (session, watcher):
        session.record(path)
        watcher.frames(3)
        session.set({"camera.zoom": 1.5, "prompt.base_prompt": "written live"})
        session.use(Source("song", False, features, SONG, "piece.wav"))
        for _ in range(20):
            session.clock(time.monotonic() % 10, True, 1.0, 0.0, time.monotonic())
        session.scene()
        session.beat("tap", time.monotonic())
        session.controllers({"knob": 0.25})
        watcher.frames(5)
        text = session.score()
    told = read(path)
    kinds = [next(iter(c.model_fields_set - {"at"}), None) for c in told.changes if c.changes]
    assert kinds == ["pulse", "set", "source", "clock", "scene", "beat", "controllers"]
    assert told.songs == {SONG: "piece.wav"}
    assert told.config.live.fps == 120
    # what is kept in memory is the same show
    assert [c for c in parse(text).changes if c.changes][1:] == [
        replace_at(c, m) for c, m in zip(
            [c for c in told.changes if c.changes][1:],
            [c for c in parse(text).changes if c.changes][1:], strict=True)
    ]  # fmt: skip


def replace_at(change, other):
    """Times are counted from other first frames."""
    assert change.at == pytest.approx(other.at, abs=0.2)
    return change.model_copy(update={"at": other.at})


def test_a_kill_costs_no_line(tmp_path):
    path = tmp_path / "killed.score"
    program = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from tests.show.live.running_shows import quick_config, show
with show(quick_config()) as (session, watcher):
    session.record(Path({str(path)!r}))
    watcher.frames(3)
    for k in range(1000):
        session.set({{"camera.zoom": k % 4}})
        print(time.monotonic(), flush=True)
        time.sleep(0.1)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline() for _ in range(15)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    seconds = float(lines[-1]) - float(lines[0])
    told = read(path)
    assert sum(c.set is not None for c in told.changes) >= 15
    assert told.seconds >= seconds
    # and one that is cut in the middle of a line
    cut = path.read_bytes()[:-7]
    path.write_bytes(cut)
    part = read(path)
    assert len(part.changes) == len(told.changes) - 1
    assert "breaks off in line" in part.notes[0]


def a_score(*lines, **head):
    first = {"phosphene_score": 1, "fps": 24, "settings": {"prompt.base_prompt": "sea"}} | head
    return "".join(json.dumps(each) + "\n" for each in (first, *lines))


@pytest.mark.parametrize(("text", "message"), [
    ("", "is empty"), ("no", "is not JSON"), ("[]\n", "does not say phosphene_score"),
    (a_score(phosphene_score=2), "written by a newer phosphene (score format 2"),
    (a_score(fsp=3), "line 1: unknown word 'fsp'"),
    (a_score(settings={"camera.zom": 1}), "line 1: camera: unknown key 'zom'"),
    (a_score(settings={"react.mapping": "mine"}), "unknown mapping 'mine'"),
    (a_score({"at": 1, "set": {"camera.zom": 1}}), "line 2: unknown setting 'camera.zom': did you mean"),
    (a_score({"at": 1, "set": {"camera.zoom": 99}}), "line 2: camera.zoom: input should be less"),
    (a_score({"at": 1, "set": {"diffusion.model": "sd15"}}), "cannot change during a show"),
    (a_score({"at": 1, "sett": {}}), "line 2: unknown word 'sett'"),
    (a_score({"at": -1}), "line 2: at: input should be greater"),
    (a_score({"at": 1}, {"at": 3, "scene": True}, {"at": 2}), "line 4: 2 s comes after 3 s"),
    (a_score({"at": 1, "set": {"react.routes": [{"source": "x", "target": "camera.zoom"}]}}),
     "unknown source 'x'"),
    (a_score() + "{broken\n" + '{"at": 3}\n', "line 2: this is not JSON"),
    (a_score({"at": 1, "source": {"hear": "song", "song": "../x"}}), "line 2: source.song"),
    (a_score(state={"frame": "x"}), "another version"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence_that_names_the_line(tmp_path, text, message):
    path = tmp_path / "bad.score"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        score = read(path)
        assert score.state
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert path.read_text() == text


def test_a_score_is_written_as_it_was_read(tmp_path):
    text = a_score({"at": 0.5, "scene": True}, {"at": 1.25, "set": {"camera.zoom": 2}}, {"at": 3})
    path = tmp_path / "a.score"
    scores.write(parse(text), path)
    assert parse(path.read_text()) == parse(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_end_where_json_lines_do_in_any_encoding(tmp_path, encoding):
    prompt = "teal\u2028ocean\u0085 waves\x0b"
    change = json.dumps({"at": 1.0, "set": {"prompt.base_prompt": prompt}}, ensure_ascii=False)
    path = tmp_path / "s.score"
    path.write_text(f'{{"phosphene_score": 1}}\n{change}\n', encoding=encoding)
    told = read(path)
    assert [each.set for each in told.changes] == [{"prompt.base_prompt": prompt}]
    scores.write(told, path)
    assert read(path) == told


def test_the_sound_of_a_song_of_another_rate_is_clean(tmp_path):
    song, score, track = tmp_path / "song.wav", tmp_path / "s.score", tmp_path / "track.wav"
    at = np.arange(6 * 44100) / 44100
    tone = np.rint(16000 * np.sin(2 * np.pi * 15000 * at)).astype("<i2")
    with wave.open(str(song), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(tone.tobytes())
    score.write_text(small_score(song))
    told = read(score)
    assert write_soundtrack(told, match_songs(told, [song], tmp_path), None, track)
    with wave.open(str(track), "rb") as file:
        assert (file.getframerate(), file.getnchannels()) == (48000, 2)
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.array_equal(heard[:, 0], heard[:, 1])
    playing = heard[12000 + 48000 // 2 :, 0][:24000].astype(float)
    power = np.abs(np.fft.rfft(playing * np.hanning(len(playing)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(playing), 1 / 48000) - 15000) < 50
    # as loud as it was, and nothing that was not there
    assert playing.std() == pytest.approx(16000 / np.sqrt(2), rel=0.02)
    assert power[~near].sum() < 1e-6 * power[near].sum()


def test_a_part_begins_as_the_whole_was_then():
    text = a_score(
        {"at": 0, "source": {"hear": "song", "song": SONG, "name": "a.wav"}},
        {"at": 1, "clock": {"position": 10, "playing": True, "rate": 2}},
        {"at": 2, "set": {"camera.zoom": 2}},
        {"at": 3, "controllers": {"k": 0.5}},
        {"at": 5, "scene": True},
        {"at": 9},
    )
    part = trim(parse(text), 4, 8)
    assert part.seconds == 4
    assert part.config.camera.zoom == 2
    first = part.changes[:3]
    assert first[0].source.song == SONG
    assert first[1].clock.position == 16
    assert first[2].controllers == {"k": 0.5}
    assert [c.at for c in part.changes if c.scene] == [1]
    assert parse("".join(line + "\n" for line in part.lines())) == replace(part, notes=())
    with pytest.raises(InputError, match="does not lie in a score of 9 s"):
        trim(parse(text), 4, 10)


def clicks(path, seconds=6.0, rate=44100):
    """A song with a click every half second, louder in its second half."""
    samples = np.zeros(round(seconds * rate), np.float32)
    for k in range(round(seconds * 2)):
        at = round(k * rate / 2)
        decay = np.exp(-np.arange(rate // 20) / 200)
        samples[at : at + len(decay)] += decay * (0.3 if k < seconds else 0.9)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 30000).astype("<i2").tobytes())
    return samples, rate


def small_score(song, *lines, begin=()):
    settings = {"inference.width": 64, "inference.height": 64, "video.segment_seconds": 0.5}
    digest = hashlib.sha256(song.read_bytes()).hexdigest()
    return a_score(
        {"at": 0, "source": {"hear": "song", "song": digest, "name": song.name}},
        *begin[:1],
        {"at": 0.5, "clock": {"position": 3.0, "playing": True}},
        *begin[1:],
        {"at": 1.0, "set": {"prompt.base_prompt": "a longer prompt than that"}},
        *lines,
        {"at": 2.0},
        settings=settings,
    )


def frames_of(path):
    with av.open(str(path)) as file:
        return np.stack([f.to_ndarray(format="rgb24") for f in file.decode(video=0)])


def sound_of(path):
    with av.open(str(path)) as file:
        rate = file.streams.audio[0].rate
        blocks = [frame.to_ndarray().mean(axis=0) for frame in file.decode(audio=0)]
    return np.concatenate(blocks), rate


def test_a_score_is_rendered_with_the_sound_where_it_played(tmp_path):
    song, path, out = tmp_path / "song.wav", tmp_path / "s.score", tmp_path / "out.mp4"
    samples, rate = clicks(song)
    path.write_text(small_score(song))
    report = render_score(path, out, [song], base=toy())
    assert (report.frames, report.fps) == (48, 24)
    assert len(frames_of(out)) == 48
    sound, heard_rate = sound_of(out)
    assert np.abs(sound[: round(0.45 * heard_rate)]).max() < 0.02
    # from half a second on the song from its third second
    want = np.abs(samples[3 * rate :][: round(1.4 * rate) : rate // 100])
    got = np.abs(sound[round(0.5 * heard_rate) :])
    got = got[: len(want) * (heard_rate // 100)].reshape(len(want), -1).max(axis=1)
    want = (
        np.abs(samples[3 * rate :][: len(want) * (rate // 100)]).reshape(len(want), -1).max(axis=1)
    )
    # AAC smears a click
    assert np.corrcoef(got, want)[0, 1] > 0.9
    # larger and smoother, and found beside the score
    report = render_score(
        path, tmp_path / "large.mp4", [], RenderOptions(size=(128, 96)), fps=48, base=toy()
    )
    assert report.frames == 96
    assert frames_of(tmp_path / "large.mp4").shape[1:3] == (96, 128)


def test_a_song_that_changes_while_it_is_heard_is_refused(tmp_path, monkeypatch):
    song, path = tmp_path / "song.wav", tmp_path / "s.score"
    clicks(song)
    path.write_text(small_score(song))
    heard = AudioAnalyzer.analyze

    def changing(*given):
        features = heard(*given)
        song.write_bytes(song.read_bytes()[:-4])
        return features

    monkeypatch.setattr(AudioAnalyzer, "analyze", changing)
    with pytest.raises(InputError, match=r"song\.wav was changed while it was read"):
        render_score(path, tmp_path / "out.mp4", [song], base=toy())
    assert not (tmp_path / "out.mp4").exists()


def test_an_interrupted_one_goes_on_to_the_very_same_file(tmp_path):
    song, path = tmp_path / "song.wav", tmp_path / "s.score"
    clicks(song)
    path.write_text(
        small_score(
            song,
            {"at": 1.2, "scene": True},
            {"at": 1.4, "set": {"camera.zoom": 2}},
            {"at": 1.5, "set": {"live.blackout": False, "live.light": 0.5}},
            begin=[
                {"at": 0.2, "set": {"camera.rotate": 20.0}},
                {"at": 0.7, "set": {"live.blackout": True, "live.fade_seconds": 2.0}},
            ],
        )
    )
    render_score(path, tmp_path / "whole.mp4", [song], base=toy())
    base = failing(toy(), 31)
    out = tmp_path / "again.mp4"
    with pytest.raises(Stopped):
        render_score(path, out, [song], base=base)
    report = render_score(path, out, [song], RenderOptions(resume=True), base=toy())
    assert 0 < report.new_frames < 48
    whole = frames_of(tmp_path / "whole.mp4")
    np.testing.assert_array_equal(frames_of(out), whole)
    # the blackout of the show is seen, fades, and goes again to half of the light
    lit = "".join(line for line in path.open() if "live." not in line)
    path.write_text(lit)
    render_score(path, tmp_path / "lit.mp4", [song], base=toy())
    bright = whole.mean(axis=(1, 2, 3)) / frames_of(tmp_path / "lit.mp4").mean(axis=(1, 2, 3))
    assert bright[:16] == pytest.approx(1.0, abs=0.05)
    # a fade of two seconds goes on from 0.7 to 1.5, and back
    assert bright[[24, 35]] == pytest.approx([0.84, 0.61], abs=0.06)
    assert bright[-1] == pytest.approx(0.5 * (1 - 0.4 + 11 / 48), abs=0.06)


def test_songs_are_checked_by_hash(tmp_path):
    song, other, path = tmp_path / "song.wav", tmp_path / "other.wav", tmp_path / "s.score"
    clicks(song)
    clicks(other, seconds=4.0)
    path.write_text(small_score(song))
    song.unlink()
    with pytest.raises(InputError, match=r"is another file than 'song\.wav'"):
        render_score(path, tmp_path / "out.mp4", [other], base=toy())
    with pytest.raises(InputError, match=r"plays 'song\.wav'"):
        render_score(path, tmp_path / "out.mp4", [], base=toy())
    clicks(song)
    with pytest.raises(InputError, match="does not play"):
        render_score(path, tmp_path / "out.mp4", [song, other], base=toy())
    assert not (tmp_path / "out.mp4").exists()


def test_the_command(tmp_path, capsys):
    from phosphene.cli import main

    song, path, part = tmp_path / "song.wav", tmp_path / "s.score", tmp_path / "part.score"
    clicks(song)
    path.write_text(small_score(song))
    assert main(["score", "show", str(path)]) == 0
    assert "song.wav" in capsys.readouterr().out
    assert main(["score", "check", str(path), str(song)]) == 0
    assert main(["score", "trim", str(path), "--from", "1", "-o", str(part)]) == 0
    assert read(part).config.prompt.base_prompt == "a longer prompt than that"
    assert main(["score", "trim", str(path), "--from", "1", "-o", str(part)]) == 2
    assert "exists" in capsys.readouterr().err
    path.write_text(path.read_text() + '{"at": 1}\n')
    assert main(["score", "check", str(path)]) == 2
    assert "in order of time" in capsys.readouterr().err
    assert main(["render", "-o", str(tmp_path / "x.mp4")]) == 2
