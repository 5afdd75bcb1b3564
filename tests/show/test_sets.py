"""A set is one file: its cues happen on their bars while it is played, and in the videos drawn of it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.cli import main
from phosphene.config import PipelineConfig
from phosphene.errors import InputError
from phosphene.show import sets
from phosphene.show.changes import with_values
from phosphene.show.live.audio_input import AudioInput
from phosphene.show.live.session import completed
from phosphene.show.live.song import SongClock
from phosphene.show.live.timed import Timed, Waiting
from phosphene.show.live.types import Source
from phosphene.show.looks import flatten
from phosphene.show.render import RenderOptions
from phosphene.show.replay import render_set
from phosphene.show.sets import Cue, Laid, Pilot, Set, Song, lay, parse, piloted, score_of, text_of
from tests.conftest import make_features
from tests.show.test_score import clicks, frames_of
from tests.show.toy import toy

A, B = "aa" * 32, "bb" * 32
LOOKS = {"calm": {"camera.zoom": 0.0}, "wild": {"camera.zoom": 1.0}, "spin": {"camera.zoom": 2.0}}


def features(bars=8):
    """A bar is two seconds; a section every four seconds."""
    song = make_features(num_frames=48 * bars)
    return replace(
        song,
        downbeat_times=song.beat_times[::4],
        downbeat_frames=song.beat_frames[::4],
        section_frames=np.arange(0, 48 * bars, 96),
    )


def a_set(*cues, **more):
    songs = [{"name": "a.wav", "sha256": A, "cues": list(cues)}, {"name": "b.wav", "sha256": B}]
    return parse(json.dumps({"phosphene_set": 1, "looks": LOOKS, "songs": songs} | more))


def test_a_set_is_written_as_it_was_read():
    told = a_set({"bar": 2, "look": "wild"}, {"at": 1.5, "prompt": "teal waves", "transition": 0})
    assert parse(text_of(told)) == told
    # looks that ship need not be carried along
    assert a_set({"at": 0, "look": "Ocean"}).look("Ocean")["prompt.base_prompt"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("no json", "is no set: it is not JSON"),
        ({"songs": []}, "does not say phosphene_set"),
        ({"phosphene_set": 2}, "newer phosphene .*set format 2"),
        ({"cues": [{"look": "wild"}]}, "cues.0: a cue says where it is"),
        ({"cues": [{"at": 1, "bar": 1, "scene": True}]}, "cues.0: a cue says where it is"),
        ({"cues": [{"at": 1}]}, "says what changes"),
        ({"cues": [{"bar": 0, "scene": True}]}, "cues.0.bar"),
        ({"cues": [{"at": 1, "look": "Ocaen"}]}, "unknown look 'Ocaen': did you mean 'Ocean'"),
        ({"cues": [{"at": 1, "set": {"camera.zom": 1}}]}, "did you mean 'zoom'"),
        ({"cues": [{"at": 1, "set": {"camera.zoom": 99}}]}, "camera.zoom"),
        ({"cues": [{"at": 1, "colour": 1}]}, "cues.0.colour"),
    ],
)
def test_what_is_wrong_with_a_set_is_said_in_a_sentence(tmp_path, given, message):
    path = tmp_path / "bad.set"
    if isinstance(given, dict) and "cues" in given:
        given = {"phosphene_set": 1, "songs": [{"name": "a.wav", **given}]}
    path.write_text(given if isinstance(given, str) else json.dumps(given))
    with pytest.raises(InputError, match=message) as error:
        sets.read(path)
    assert "\n" not in str(error.value)


def test_cues_lie_on_bars_as_they_were_heard_or_on_seconds():
    told = a_set(
        {"bar": 3, "look": "wild", "set": {"camera.zoom": 0.5}},
        {"at": 0.25, "prompt": "teal waves", "transition": 3},
        {"bar": 8, "blackout": True},
    )
    laid = lay(told, 0, features())
    assert [(each.change.at, each.look) for each in laid] == [(0.25, None), (4, "wild"), (14, None)]
    assert laid[0].change.set == {
        "prompt.base_prompt": "teal waves",
        "prompt.transition_seconds": 3,
    }
    assert laid[1].change.set == {"camera.zoom": 0.5}, "a cue's own settings count over its look"
    # a blackout ends with its song
    assert lay(told, 1, features())[0].change.set == {"live.blackout": False}
    with pytest.raises(InputError, match=r"a\.wav, cue 1: there is no bar 9: 8 were heard"):
        lay(a_set({"bar": 9, "scene": True}), 0, features())
    with pytest.raises(InputError, match="no bars were heard"):
        lay(a_set({"bar": 1, "scene": True}), 0, make_features())


def test_a_cue_that_cannot_be_laid_costs_a_show_no_other():
    cues = [
        {"bar": 2, "look": "of nobody"},
        {"bar": 3, "look": "wild"},
        {"bar": 4, "set": {"camera.zom": 1}},
        {"bar": 99, "scene": True},
        {"bar": 5, "look": "broken"},
    ]
    text = json.dumps(
        {
            "phosphene_set": 1,
            "looks": LOOKS | {"broken": {"camera.zoom": "far"}},
            "deck": ["of nobody", "wild"],
            "autopilot": {"order": "in order"},
            "songs": [{"name": "a.wav", "sha256": A, "cues": cues}],
        }
    )
    with pytest.raises(InputError, match="of nobody"):
        parse(text)
    told, problems = parse(text, whole=False), []
    laid = lay(told, 0, features(), problems)
    assert [each.look for each in laid] == ["wild"]
    assert [problem.split(":")[0] for problem in problems] == [
        f"a.wav, cue {number}" for number in (1, 3, 4, 5)
    ]
    assert "of nobody" in problems[0] and "zom" in problems[1] and "bar 99" in problems[2]
    assert [name for name, _ in sets.pilot_of(told).looks] == ["wild"]


@given(
    st.sampled_from(["in order", "shuffled"]),
    st.integers(2, 9),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 60), min_size=2, max_size=30),
)
def test_the_autopilot_never_takes_the_same_look_twice_running(order, count, seed, sections):
    looks = tuple((f"look {k}", {"camera.zoom": k / 4}) for k in range(count))
    pilot, in_force, last = Pilot(order, seed, looks), {"camera.zoom": -1.0}, None
    for section in sections:
        name, values = pilot.choose(section, in_force)
        assert name != last
        in_force, last = values, name
    # all of them come, before one comes again
    round_ = [pilot.choose(k, {})[0] for k in range(count)]
    assert sorted(round_) == sorted(name for name, _ in looks)
    if order == "in order":
        assert round_ == [name for name, _ in looks]
    assert Pilot(order, seed, looks[:1]).choose(3, looks[0][1]) is None


def test_the_autopilot_flies_offline_as_it_does_live():
    told = a_set({"bar": 3, "look": "spin"}, autopilot={"order": "in order"})
    pilot, config = sets.pilot_of(told), PipelineConfig()
    laid = piloted(pilot, lay(told, 0, features()), features(), config)
    # where a cue and a section meet, the cue has the last word
    assert [(each.change.at, each.look) for each in laid] == [
        *((4, "wild"), (4, "spin")),
        *((8, "calm"), (12, "wild")),
    ]  # fmt: skip
    # frame by frame, at any speed, the same looks are there
    live = [each.look for _, each in played(told, features(), rate=3.0)]
    assert live == ["spin", "calm", "wild"]


def played(told, song, rate=1.0, fps=30.0, jitter=0.0, seeks=(), digest=A):
    """What is due while a song plays: (position of the frame, what is due), in order."""
    timed, audio_input = Timed(), AudioInput(PipelineConfig().audio, 0.0)
    audio_input.use(Source("song", False, song, digest, "a.wav"))
    index = told.find(digest)
    timed.lay({digest: lay(told, index, song)}, sets.pilot_of(told))
    config, now, rng = PipelineConfig(), 0.0, np.random.default_rng(0)
    audio_input.clock(SongClock(0.0, True, rate, 0.1, now))
    seeks = list(seeks)
    while (position := audio_input._clock.position_at(now)) < song.duration:
        if seeks and position >= seeks[0][0]:
            audio_input.clock(SongClock(seeks.pop(0)[1], True, rate, 0.1, now))
        heard = audio_input.hear(now)
        due = timed.due(heard, digest, now, config)
        if due:
            config = with_values(config, due.values)
            yield heard.position, due
        now += (1 + jitter * rng.uniform(-0.9, 3)) / fps


def thirty():
    return [{"at": 0.4 + 0.5 * k, "set": {"camera.zoom": k / 10}} for k in range(30)]


@pytest.mark.parametrize(("rate", "jitter"), [(1.0, 0.0), (4.0, 0.0), (4.0, 1.0), (0.5, 1.0)])
def test_thirty_cues_happen_once_each_on_the_first_frame_that_shows_their_place(rate, jitter):
    found = list(played(a_set(*thirty()), features(), rate, jitter=jitter))
    # some frames of a song that plays at four times its speed take two of them
    longest = rate * (1 + 3 * jitter) / 30 + 1e-9
    wanted = iter(0.4 + 0.5 * k for k in range(30))
    for position, due in found:
        last = None
        while last is None or last < round(due.values["camera.zoom"] * 10):
            at = next(wanted)
            assert at - 1e-9 <= position < at + longest
            last = round((at - 0.4) / 0.5)
    assert next(wanted, None) is None


def test_after_a_jump_all_holds_that_would_hold_there():
    told = a_set(*thirty(), {"at": 1.0, "scene": True}, {"at": 0, "look": "calm"})
    found = list(played(told, features(), seeks=[(2.0, 11.0), (12.0, 1.2)]))
    values = [round(due.values.get("camera.zoom", -1) * 10) for _, due in found]
    # on until 2.0 s; from 11.0 s as it would be there; back to 1.2 s
    assert values == [0, 0, 1, -10, 2, 3, 21, 22, 23, *range(1, 30)]
    assert [due.scenes for _, due in found].count(1) == 1, (
        "a place is gone to where it is asked for"
    )


def test_a_change_waits_for_the_next_beat_bar_or_section_and_the_newest_wins():
    timed, audio_input, config = Timed(), AudioInput(PipelineConfig().audio, 0.0), PipelineConfig()
    audio_input.use(Source("song", False, features(), A))
    audio_input.clock(SongClock(0.0, True, 1.0, 0.0, 0.0))
    done, now = {}, 0.0
    for frame in range(300):
        now = frame / 30
        if frame == 10:
            assert timed.wait(Waiting("bar", {"camera.zoom": 1.0}, id=1)) == []
            old = timed.wait(Waiting("section", {"camera.rotate": 1.0}, id=2))
            assert old == []
            timed.wait(Waiting("beat", {}, scene=True, id=3))
            [gone] = timed.wait(Waiting("bar", {"camera.zoom": 2.0}, id=4))
            assert gone.id == 1
            timed.wait(Waiting("bar", {"camera.warp": 0.1}, id=5))
            [gone] = timed.forget({"camera.warp": 0.2})
            assert gone.id == 5
        due = timed.due(audio_input.hear(now), A, now, config)
        for id in due.ids:
            done[id] = now, due.values, due.scenes
    assert {id: at for id, (at, *_) in done.items()} == pytest.approx({3: 0.5, 4: 2.0, 2: 4.0})
    assert done[4][1] == {"camera.zoom": 2.0}
    assert done[3][2] == 1


def small_set(folder, packed=False, **more):
    """Two songs of two seconds, the second of which goes dark."""
    one, two = folder / "one.wav", folder / "two.wav"
    clicks(one, seconds=2.0)
    clicks(two, seconds=2.5)
    digest = hashlib.sha256(two.read_bytes()).hexdigest()
    told = {
        "phosphene_set": 1,
        "settings": {"inference.width": 64, "inference.height": 64},
        "songs": [
            {"name": "one.wav", "cues": [{"at": 1, "prompt": "another prompt", "transition": 0}]},
            {
                "name": "two.wav",
                "path": "songs/two.wav" if packed else "two.wav",
                "sha256": digest,
                "cues": [{"at": 1, "blackout": True, "set": {"live.fade_seconds": 0}}],
            },
        ],
    } | more
    path = folder / "friday.set"
    if not packed:
        path.write_text(json.dumps(told))
        return path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("set.json", json.dumps(told))
        archive.write(two, "songs/two.wav")
    two.unlink()
    return path


def test_a_set_is_drawn_one_video_a_song_with_the_same_cues(tmp_path):
    path, out = small_set(tmp_path, packed=True), tmp_path / "videos"
    reports = list(render_set(path, out, fps=24, base=toy()))
    assert [report.path.name for report in reports] == ["01 one.mp4", "02 two.mp4"]
    assert [report.frames for report in reports] == [48, 60]
    first, second = frames_of(out / "01 one.mp4"), frames_of(out / "02 two.mp4")
    bright = second.mean(axis=(1, 2, 3))
    # the cue at one second is seen in that very frame (a shade of the limiter's and the codec's is left)
    assert bright[23] > 40 and bright[25] < 0.2 * bright[23]
    change = np.abs(np.diff(first.astype(float), axis=0)).mean(axis=(1, 2, 3))
    assert 23 <= change.argmax() <= 25
    # the settings that one song leaves are those that the next begins with
    told = sets.read(path)
    _, after = score_of(told, 0, features(1), A, completed(toy(), PipelineConfig()))
    assert flatten(after)["prompt.base_prompt"] == "another prompt"
    # what is finished is passed over, what is there is not overwritten
    assert list(render_set(path, out, (), RenderOptions(resume=True), fps=24, base=toy())) == []
    assert main(["render", "--set", str(path), "-o", str(out)]) == 2


def test_songs_of_a_set_are_found_and_checked(tmp_path, capsys):
    path = small_set(tmp_path)
    told = sets.read(path)
    assert [file.name for file in sets.files_of(told, path, [], tmp_path)] == ["one.wav", "two.wav"]
    clicks(tmp_path / "two.wav", seconds=3.0)
    with pytest.raises(InputError, match=r"two\.wav is another file than 'two\.wav'"):
        sets.files_of(told, path, [], tmp_path)
    (tmp_path / "two.wav").unlink()
    assert main(["render", "--set", str(path), "-o", str(tmp_path / "out")]) == 2
    assert "the set plays 'two.wav': put its file beside friday.set" in capsys.readouterr().err
    with pytest.raises(InputError, match="does not play"):
        sets.files_of(Set(phosphene_set=1, songs=(Song(name="one.wav"),)), path, [path], tmp_path)
    # nothing that a packed set names is written outside of where it is unpacked
    evil = Song(name="../../x.wav", path="../../x.wav", cues=(Cue(at=0, scene=True),))
    packed = tmp_path / "evil.set"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../x.wav", b"x")
    inner = tmp_path / "deep" / "er"
    inner.mkdir(parents=True)
    [file] = sets.files_of(Set(phosphene_set=1, songs=(evil,)), packed, [], inner)
    assert file.parent == inner
    assert Laid(sets.Change(at=1.0)).look is None
