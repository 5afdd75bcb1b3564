"""The last thread: every picture once, flashes held back over any change of size."""

from __future__ import annotations

import time

import numpy as np
import pytest

from phosphene.config import DiffusionConfig, InferenceConfig, LiveConfig, PipelineConfig
from phosphene.diffusion import load_pipeline
from phosphene.diffusion.lsd import painter
from phosphene.diffusion.stream import Key
from phosphene.show.crossfade import both, refined
from phosphene.show.display import Way
from phosphene.show.light import Light
from phosphene.show.live import Session, Wanted
from phosphene.show.live.finishing import Finishing, FlashGuard
from tests.video.flash_count import count_flashes


def strobe(frames, sizes):
    """Black and white in turn, four frames each, in sizes that take turns."""
    for frame in range(frames):
        side = sizes[frame // 7 % len(sizes)]
        yield np.full((side, side, 3), 255 * (frame // 4 % 2), np.uint8)


def as_one_size(frames):
    for frame in frames:
        step = 192 // frame.shape[0]
        yield frame.repeat(step, axis=0).repeat(step, axis=1)


def test_a_strobe_is_held_back_over_changes_of_size():
    guard = FlashGuard()
    shown = [guard.limit(frame, 30.0) for frame in strobe(300, (64, 96, 192))]
    assert [frame.shape for frame in shown] == [f.shape for f in strobe(300, (64, 96, 192))]
    assert count_flashes(as_one_size(strobe(300, (64, 96, 192))), 30.0) > 3
    assert count_flashes(as_one_size(shown), 30.0) <= 3


def test_another_rate_goes_on_too():
    guard = FlashGuard()
    shown = [guard.limit(frame, 30.0 + k // 50) for k, frame in enumerate(strobe(300, (64,)))]
    assert count_flashes(shown, 30.0) <= 3


def test_calm_pictures_pass_untouched():
    guard = FlashGuard()
    for side in (64, 128, 64):
        calm = np.full((side, side, 3), 90, np.uint8)
        assert guard.limit(calm, 30.0) is calm


WHITE = np.full((64, 64, 3), 240, np.uint8)


def brightness(light, live, times, image=WHITE):
    return [float(light(image, live, time).mean()) for time in times]


def test_a_blackout_fades_within_its_time_and_comes_back_as_slowly():
    light, live = Light(), LiveConfig(fade_seconds=1.0)
    assert light(WHITE, live, 0.0) is WHITE, "what is not touched is not copied"
    dark = live.model_copy(update={"blackout": True})
    falling = brightness(light, dark, [0.25, 0.5, 0.75, 1.0, 5.0])
    assert falling == pytest.approx([180, 120, 60, 0, 0], abs=2)
    rising = brightness(light, live, [5.25, 5.5, 6.0])
    assert rising == pytest.approx([60, 120, 240], abs=2)


def test_without_a_fade_it_is_dark_at_once():
    live = LiveConfig(fade_seconds=0.0, blackout=True)
    assert Light()(WHITE, live, 0.0).max() == 0


def test_master_light_takes_its_share_and_a_freeze_holds_the_picture():
    light = Light()
    assert brightness(light, LiveConfig(light=0.5), [0.0]) == pytest.approx([120], abs=1)
    frozen = LiveConfig(freeze=True)
    light(WHITE, frozen, 0.1)
    assert brightness(light, frozen, [0.3], WHITE // 4) == [240.0]
    assert brightness(light, LiveConfig(), [0.4], WHITE // 4) == [60.0]


def test_a_blackout_that_is_drummed_on_is_held_under_the_flash_limit():
    light, guard = Light(), FlashGuard()
    lives = [LiveConfig(fade_seconds=0.0, blackout=bool(k // 2 % 2)) for k in range(120)]
    drummed = [light(WHITE, live, k / 30) for k, live in enumerate(lives)]
    assert count_flashes(drummed, 30.0) > 3
    assert count_flashes([guard.limit(frame, 30.0) for frame in drummed], 30.0) <= 3


@pytest.fixture(scope="module")
def built_in():
    return load_pipeline(DiffusionConfig(), InferenceConfig(width=256, height=256))


def watched(session):
    """A function that waits for the next picture."""
    shown = []
    session.subscribe(shown.append)

    def newest(right):
        end = time.monotonic() + 30
        while not any(map(right, shown)):
            assert time.monotonic() < end
            time.sleep(0.01)
        found = next(filter(right, shown))
        shown.clear()
        return found

    return newest


def test_fields_of_a_crossfade_have_the_colours_of_both_looks(built_in):
    finishing = Finishing(Session(built_in, PipelineConfig())._shared)
    keys = []
    for text in ("red cells", "blue fire"):
        recall = built_in.recall(built_in.encode_prompt(text)).latent
        keys.append(Key(recall, built_in.palettes([text])))
    old, new = keys
    ends = [finishing._field(key, 1.0) for key in keys]
    for share in (0.3, 0.6):
        key = both(old, new, share)
        field = finishing._field(key, 1.0)
        wanted = refined(built_in, key)
        assert np.abs(field.palette - wanted.palette[0]).max() <= 1
        for end in ends:
            assert np.abs(field.palette.astype(int) - end.palette).mean() > 5
            assert np.abs(field.planes.astype(int) - end.planes).mean() > 1


def test_who_colours_pictures_gets_fields_and_nothing_is_painted(built_in):
    config = PipelineConfig(inference=InferenceConfig(width=256, height=256))
    config.live.light = 0.5
    session = Session(built_in, config)
    newest = watched(session)
    session.start()
    try:
        assert newest(lambda shown: True).field is None, "images, while nothing is said"
        session.want(Wanted(images=False, fields=True))
        shown = newest(lambda shown: shown.field is not None)
        assert shown.image is None and shown.field.light == 0.5 and not shown.strobes
        session.want(Wanted(images=True, fields=True))
        both = newest(lambda shown: shown.field is not None and shown.image is not None)
        field = both.field
        planes = field.planes[None] / np.float32(127.5) - 1
        painted = painter.Painter(1)(planes, field.palette[None].astype(np.float32), 256, 256)[0]
        # 8 bits in place of 16, and half of the light
        assert np.abs(painted * 0.5 - both.image).mean() < 2
        session.set({"live.freeze": True})
        # pictures that were on their way come first
        last, first = (newest(lambda shown: True) for _ in range(2))
        for _ in range(100):
            if first.field.planes is last.field.planes:
                break
            last, first = first, newest(lambda shown: True)
        second = newest(lambda shown: True)
        assert first.field.planes is last.field.planes is second.field.planes
        assert first.way == Way()
        session.set({"video.limit_flashes": False, "live.freeze": False})
        assert newest(lambda shown: shown.strobes).field is not None
    finally:
        session.close()
