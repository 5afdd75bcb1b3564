"""Models that draw chunks, in the one loop: an even picture a frame, prompts on bars, cuts on drops."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from phosphene.audio import AudioFeatures
from phosphene.config import InferenceConfig, PipelineConfig, StreamConfig, TimedPrompt
from phosphene.diffusion.chunk_stream import LONGEST_WAIT, ChunkStream
from phosphene.diffusion.notices import say_once
from phosphene.show.display import REST
from phosphene.show.live.controller import Budget, Controller, Took, chunk_ladder
from phosphene.show.live.session import Session
from phosphene.show.live.types import Level, Shown, Source
from phosphene.show.mood import Mood
from phosphene.show.performance import Performance
from phosphene.show.sources.song import SongSource
from phosphene.show.sources.video import OverVideo
from phosphene.stream.entry import ChunkCue
from tests.conftest import make_features
from tests.show.toy_chunks import ToyChunks, toy_chunks


def drawn(stream: ChunkStream, cue: ChunkCue, **options: Any) -> Any:
    """(prompt, chunk, place) of the picture that a frame shows."""
    key = stream.step(None, cue.goal, options.pop("energy", 0.5), chunk=cue, **options)
    return tuple(int(v) for v in key.latent[0, :, 0, 0])


def told(letter: int, time: float = 0.0, **marks: bool) -> ChunkCue:
    return ChunkCue(np.full((1, 1, 1), letter, np.float32), str(letter), time, **marks)


def test_pictures_leave_one_a_call_and_the_first_chunk_has_fewer() -> None:
    stream = ChunkStream(toy_chunks(frames=3), StreamConfig())
    seen = [drawn(stream, told(7)) for _ in range(9 + 12 + 1)]
    assert seen == [(7, 0, i) for i in range(9)] + [(7, 1, i) for i in range(12)] + [(7, 2, 0)]
    assert stream.state.frame == 22 and stream.state.shown == 21
    # what the picture answers to is its chunk's beginning
    assert stream.answers == 21
    short = ChunkStream(toy_chunks(frames=3), StreamConfig(chunk_frames=1))
    assert [drawn(short, told(7))[1] for _ in range(6)] == [0, 1, 1, 1, 1, 2]


def test_another_prompt_waits_for_a_bar_but_not_for_ever() -> None:
    stream = ChunkStream(toy_chunks(), StreamConfig())
    seen = [drawn(stream, told(1, i / 16))[0] for i in range(5)]
    # another prompt from here on; a bar begins in the frame 11, and the chunk after that is told
    seen += [drawn(stream, told(2, i / 16, bar=i == 11))[0] for i in range(5, 20)]
    assert seen == [1] * 13 + [2] * 7
    assert stream._chunk.changes == [(4, "recache")]
    seen += [drawn(stream, told(3, i / 16))[0] for i in range(20, 80)]
    first = seen.index(3)
    assert LONGEST_WAIT <= (first - 20) / 16 <= LONGEST_WAIT + 0.3
    # where there is no music nothing is waited for
    assert [drawn(stream, told(4, 5 + i / 16), energy=0.0)[0] for i in range(8)].index(4) <= 4
    at_once = ChunkStream(toy_chunks(), StreamConfig(prompt_on_bar=False, prompt_change="morph"))
    seen = [drawn(at_once, told(1 + (i > 3), i / 16))[0] for i in range(9)]
    assert seen == [1] * 5 + [2] * 4
    assert at_once._chunk.changes == [(2, "morph")]


def test_a_drop_cuts_and_words_of_motion_morph() -> None:
    stream = ChunkStream(toy_chunks(), StreamConfig())
    seen = [drawn(stream, told(1, i / 16, drop=i == 6)) for i in range(9)]
    assert [how for _, how in stream._chunk.changes] == ["cut"]
    # on the very frame, and as a stream begins: with one picture
    assert [chunk for _, chunk, _ in seen] == [0, 1, 1, 1, 1, 2, 3, 4, 4]
    louder = replace(told(9, 2.0, bar=True), text="1")
    for _ in range(8):
        drawn(stream, louder)
    assert [how for _, how in stream._chunk.changes] == ["cut", "morph"]
    calm = ChunkStream(toy_chunks(), StreamConfig(cut_on_drop=False))
    for i in range(9):
        drawn(calm, told(1, i / 16, drop=i == 6))
    assert not calm._chunk.changes


def test_loudness_says_how_things_move() -> None:
    config, facts = PipelineConfig(), toy_chunks().facts
    mood = Mood()
    assert mood.worded("rain", config, facts) == "rain"
    for _ in range(200):
        mood = mood.after(0.95, 1 / 16)
    assert mood.worded("rain", config, facts) == "rain, fast, energetic motion"
    # it does not flicker about the limit
    near = [mood := mood.after(0.62, 1 / 16) for _ in range(200)]
    assert {each.place for each in near} == {2}
    for _ in range(200):
        mood = mood.after(0.1, 1 / 16)
    assert mood.worded("rain", config, facts) == "rain, slow, calm motion"
    assert mood.worded("rain", config, replace(facts, chunk=None)) == "rain"
    config.stream.motion_words = False
    assert mood.worded("rain", config, facts) == "rain"


def performed(
    base: ToyChunks, features: AudioFeatures, config: PipelineConfig
) -> tuple[Performance, ChunkStream]:
    stream = ChunkStream(base, config.stream)
    return Performance(features, config, stream), stream


def test_a_performance_plays_it_and_the_display_punches() -> None:
    features, config = make_features(64, 16.0), PipelineConfig()
    config.prompt.timeline = [TimedPrompt(at=2.0, prompt="a longer prompt")]
    base = toy_chunks()
    performance, _ = performed(base, features, config)
    tweens = list(performance.tweens(0, 64))
    assert len(tweens) == 64
    assert len(base.options) == 1 + 63 // 4 + 1
    # chroma prompts are nothing to such a model
    assert not [text for text in base.asked if text in config.prompt.chroma_prompts]
    letters = [int(tween.last.latent[0, 0, 0, 0]) for tween in tweens]
    assert letters[0] == len(config.prompt.base_prompt) and letters[-1] >= len("a longer prompt")
    beat = next(i for i in range(1, 60) if features.is_beat_frame(i))
    zooms = [abs(tween.since.turn) for tween in tweens]
    assert zooms[beat] > zooms[beat + 4] > zooms[beat + 7]
    config.camera.beat_punch = 0.0
    still = list(performed(toy_chunks(), features, config)[0].tweens(0, 16))
    assert all(tween.since == REST for tween in still)


@pytest.mark.parametrize("cut", [3, 11, 30])
def test_taken_up_anywhere_the_pictures_are_the_same(cut: int) -> None:
    features, config = make_features(48, 16.0), PipelineConfig()
    whole, _ = performed(toy_chunks(frames=3), features, config)
    expected = [tween.last.latent for tween in whole.tweens(0, 48)]
    first, _ = performed(toy_chunks(frames=3), features, config)
    got, kept = [], b""
    for tween in first.tweens(0, 48):
        got.append(tween.last.latent)
        if len(got) == cut:
            kept = first.dump()
            break
    from phosphene.show.finish import unpack

    again, _ = performed(toy_chunks(frames=3), features, config)
    again.restore(*unpack(kept))
    got += [tween.last.latent for tween in again.tweens(cut, 48)]
    assert [a.tobytes() for a in got] == [b.tobytes() for b in expected]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty pictures at 16 a second, each a little lighter."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=16, options={"crf": "1"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for i in range(30):
            picture = np.full((64, 64, 3), 20 + 6 * i, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.mark.parametrize("frames", [1, 3])
def test_over_a_video_every_frame_shows_its_own_picture(clip: Path, frames: int) -> None:
    features, config = make_features(30, 16.0), PipelineConfig()
    config.stream.strength = 0.5
    base = toy_chunks(frames=frames)
    stream = ChunkStream(base, config.stream)
    show = Performance(OverVideo(SongSource(features), clip, (64, 64)), config, stream)
    assert show.lead == 4 * frames - 1
    blues = [int(tween.last.latent[0, 2, 0, 0]) for tween in show.tweens(0, 30)]
    assert len(blues) == 30
    assert np.abs(np.array(blues) - (20 + 6 * np.arange(30))).max() <= 6
    # louder music draws more freely
    assert min(base.strengths) >= 0.4 and len(set(base.strengths)) > 1


def live(base: ToyChunks, seconds: float, source: Source | None = None, **values: Any) -> Any:
    config = PipelineConfig()
    config.live.fps, config.live.age_limit_ms = 32.0, 2000.0
    config.stream.denoising_steps = 4
    config.inference = InferenceConfig(width=64, height=64)
    session, shown = Session(base, config), []
    session.set(values)
    complaints: list[str] = []
    session.on_error(complaints.append)

    def take(each: Shown) -> None:
        shown.append((time.monotonic(), each))

    session.subscribe(take)
    if source is not None:
        session.use(source)
    session.start()
    return session, shown, complaints


def test_live_pictures_come_evenly_although_they_are_drawn_four_at_once() -> None:
    # 4 pictures in 0.2 s: 20 a second can be made, 32 are asked for
    session, shown, complaints = live(toy_chunks(slow=0.2), 3)
    time.sleep(3.2)
    session.close()
    assert not complaints
    gaps = np.diff([at for at, _ in shown if at - shown[0][0] > 1.2])
    # at once they would come at 31 ms, 31, 31 and then a long while; a loaded machine is late, never early
    assert len(gaps) > 8 and np.median(gaps) > 0.04, gaps
    assert np.mean(gaps < 0.04) < 0.35, gaps
    ages = [at - each.captured for at, each in shown[8:]]
    # a chunk is drawn, and then shown
    assert np.median(ages) > 0.2
    assert not any(thread.name.startswith("phosphene-chunks") for thread in threading.enumerate())


def test_the_controller_has_its_levers() -> None:
    facts = replace(toy_chunks(frames=3).facts, min_size=64)
    full = Level(4, 1, 256, 128, frames=3, decoder="wan")
    rungs = chunk_ladder(full, facts)
    told = [(r.steps, r.width, r.frames, r.decoder) for r in rungs]
    assert told[:5] == [
        (4, 256, 3, "wan"), (4, 256, 1, "wan"), (4, 256, 1, "tiny"), (2, 256, 1, "tiny"), (1, 256, 1, "tiny"),
    ]  # fmt: skip
    assert [each[1] for each in told[5:]] == [192, 160, 128]
    assert all(r.cadence == 1 for r in rungs)
    costs = [r.cost for r in rungs]
    assert costs == sorted(costs, reverse=True) and len(set(costs)) == len(costs)
    controller = Controller()
    now = 0.0
    while controller.rung < 4 and now < 30:
        now += 0.1
        controller.decide(rungs, Took(100.0, 500.0), Budget(62.5, 1000.0), now)
    assert (
        controller.rung == 4
        and "1 step at 256x128, 1 latent frames a chunk, decoder tiny" in controller.reason
    )


def test_a_session_that_lacks_time_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phosphene.show.live.controller.DOWN_SECONDS", 0.1)
    base = toy_chunks(slow=0.2)
    session, shown, _ = live(base, 3)
    end = time.monotonic() + 6
    while time.monotonic() < end and not (base.options and base.options[-1].steps == 1):
        time.sleep(0.05)
    stats = session.stats()
    session.close()
    assert {option.steps for option in base.options} >= {4, 2, 1}
    assert base.options[-1].decoder == "tiny"
    assert stats.lowered and "step" in stats.reason
    assert shown


def test_a_crossfade_is_said_to_be_a_glide_once(caplog: pytest.LogCaptureFixture) -> None:
    say_once.cache_clear()
    features, config = make_features(16, 16.0), PipelineConfig()
    config.prompt.transition = "crossfade"
    performance, _ = performed(toy_chunks(), features, config)
    assert len(list(performance.tweens(0, 16))) == 16
    assert caplog.text.count("looks glide into each other") == 1
