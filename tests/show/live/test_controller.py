"""The controller against simulated machines: on time when it can be, restless never."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.config import PipelineConfig
from phosphene.diffusion.base import ModelFacts
from phosphene.show.live.controller import Budget, Controller, Took, ladder
from phosphene.show.live.types import Level
from tests.show.toy import toy


def facts(multiple: int, smallest: int) -> ModelFacts:
    return replace(toy().facts, size_multiple=multiple, min_size=smallest)


FULL = Level(4, 1, 256, 256)
LEVELS = ladder(FULL, facts(16, 64))
BUDGET = Budget(frame_ms=33.3, age_ms=150.0)


class Machine:
    """Frames cost a fixed part and one in proportion to the level; now and then there is a hiccup."""

    def __init__(self, speed, fixed=3.0, noise=0.1, hiccups=0.02, seed=0):
        self.speed, self.fixed, self.noise, self.hiccups = speed, fixed, noise, hiccups
        self.rng = np.random.default_rng(seed)
        self.controller = Controller()
        self.now = 0.0
        self.rungs = [0]

    def frame(self, level):
        cost = self.fixed + self.speed * level.cost / LEVELS[0].cost
        cost *= 1 + self.noise * self.rng.standard_normal()
        return max(1.0, cost) + 400.0 * (self.rng.random() < self.hiccups)

    def run(self, seconds, age=lambda frame: frame + 20):
        end = self.now + seconds
        while self.now < end:
            took = self.frame(LEVELS[self.controller.rung])
            level = LEVELS[self.controller.rung]
            self.now += max(took, BUDGET.frame_ms * level.cadence) / 1e3
            self.controller.decide(LEVELS, Took(took, age(took)), BUDGET, self.now)
            if self.controller.rung != self.rungs[-1]:
                self.rungs.append(self.controller.rung)
        return self


def test_the_ladder_steps_down_one_thing_at_a_time():
    sizes = (
        Level(4, 3, 512, 256),
        Level(1, 3, 512, 256),
        Level(1, 1, 512, 256),
        Level(1, 1, 384, 192),
        Level(1, 1, 320, 160),
        Level(1, 1, 256, 128),
    )
    fewer = (2, 3, 4, 6)
    assert ladder(sizes[0], facts(16, 64), "size") == (
        *sizes,
        *(replace(sizes[-1], cadence=n) for n in fewer),
    )
    # a display shows few large pictures as more than many small ones
    assert ladder(sizes[0], facts(16, 64)) == (
        sizes[0],
        *(replace(sizes[0], cadence=n) for n in fewer),
        *(replace(level, cadence=6) for level in sizes[1:]),
    )


def sizes_of(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    return tuple(level for level in levels if level.cadence == 1)


def test_at_last_pictures_of_half_the_size_with_as_many_latents():
    large = replace(facts(32, 384), halves=True)
    levels = sizes_of(ladder(Level(1, 1, 896, 512, 16), large, "size"))
    assert levels == (
        Level(1, 1, 896, 512, 16),
        Level(1, 1, 672, 384, 16),
        Level(1, 1, 320, 192, 8),
    )
    assert levels[0].cost > levels[1].cost > 1.5 * levels[2].cost


def test_small_pictures_keep_their_proportions():
    assert sizes_of(ladder(Level(1, 1, 448, 256), facts(16, 192), "size")) == (
        Level(1, 1, 448, 256),
        Level(1, 1, 336, 192),
    )
    assert sizes_of(ladder(Level(1, 1, 256, 160), facts(16, 192), "size")) == (
        Level(1, 1, 256, 160),
    )


@given(
    st.integers(1, 8),
    st.integers(1, 8),
    st.sampled_from([8, 16, 64]),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_ladders_only_go_down(steps, batch, multiple, wide, high):
    full = Level(steps, batch, wide * 64, high * 64)
    levels = ladder(full, facts(multiple, 64))
    assert levels[0] == full
    assert len(set(levels)) == len(levels)
    for level, lower in pairwise(levels):
        assert lower.cost <= level.cost
        assert lower.load <= level.load
    for level in levels:
        assert level.width % multiple == level.height % multiple == 0
        assert level.width >= 64
        assert level.height >= 64


def test_a_fast_machine_is_left_alone():
    machine = Machine(speed=20).run(600)
    assert machine.rungs == [0]
    assert machine.controller.reason == ""


@settings(max_examples=15)
@given(st.floats(5, 400), st.integers(0, 100))
def test_any_machine_ends_on_time_or_at_the_bottom_and_rests_there(speed, seed):
    machine = Machine(speed, seed=seed).run(30)
    rung = machine.controller.rung
    cost = machine.fixed + speed * LEVELS[rung].cost / LEVELS[0].cost
    cost /= LEVELS[rung].cadence
    assert cost <= 1.1 * BUDGET.frame_ms or rung == len(LEVELS) - 1
    machine.rungs = [rung]
    machine.run(600)
    # at most an attempt or two at the level above, and each later than the one before
    assert len(machine.rungs) <= 7


def test_old_pictures_step_down_though_frames_are_quick():
    machine = Machine(speed=10, hiccups=0)
    machine.run(5, age=lambda frame: 200.0)
    assert machine.controller.rung > 0
    assert "200 ms old, 150 ms are allowed" in machine.controller.reason


def test_says_what_it_did_and_why():
    machine = Machine(speed=60, noise=0, hiccups=0).run(10)
    assert machine.controller.rung == 1
    assert machine.controller.reason == (
        "a frame took 63 ms, 33 ms are allowed: now 4 steps at 256x256, one picture in 2"
    )


def test_goes_back_up_when_there_is_room_again():
    machine = Machine(speed=300).run(20)
    assert machine.controller.rung == len(LEVELS) - 1 or machine.controller.rung >= 2
    machine.speed = 10
    machine.run(60)
    assert machine.controller.rung == 0
    assert machine.controller.reason == ""


def test_a_few_slow_frames_are_no_reason():
    machine = Machine(speed=20, hiccups=0)
    machine.run(5)
    for _ in range(3):
        machine.now += 0.5
        machine.controller.decide(LEVELS, Took(500.0, 500.0), BUDGET, machine.now)
    machine.run(20)
    assert machine.rungs == [0]


def test_going_up_in_vain_takes_longer_each_time():
    """A machine that is quick at the lower level and slow at the upper one, against all reckoning."""
    controller, now, rose = Controller(), 0.0, []
    while now < 400:
        took = 60.0 if controller.rung == 0 else 4.0
        now += max(took, 33.3) / 1e3
        before = controller.rung
        controller.decide(LEVELS[:2], Took(took, 50.0), BUDGET, now)
        if controller.rung < before:
            rose.append(now)
    waits = np.diff(rose)
    assert len(rose) < 9
    assert np.all(waits[1:] > 1.4 * waits[:-1])


def test_the_budget_is_what_the_settings_say():
    config = PipelineConfig()
    config.live.fps, config.live.age_limit_ms = 25.0, 99.0
    assert Budget.of(config) == Budget(frame_ms=40.0, age_ms=99.0)


def test_pictures_that_are_too_old_are_drawn_smaller_for_fewer_are_no_younger():
    machine = Machine(speed=10, noise=0, hiccups=0).run(2, age=lambda frame: 400.0)
    level = LEVELS[machine.controller.rung]
    assert level.cost < LEVELS[0].cost
    assert "old" in machine.controller.reason


def test_reset_is_the_top_of_the_ladder():
    machine = Machine(speed=300).run(20)
    machine.controller.reset()
    assert machine.controller.rung == 0
    assert machine.controller.reason == ""


def test_without_measurements_nothing_happens():
    controller = Controller()
    for frame in range(4):
        assert controller.decide(LEVELS, Took(900.0), BUDGET, 10.0 * frame) == 0
    assert controller.decide(LEVELS, Took(900.0), BUDGET, 50.0) == 0
    assert controller.decide(LEVELS, Took(900.0), BUDGET, 52.0) == pytest.approx(1)


def test_pictures_that_are_seen_late_are_drawn_smaller_until_they_are_not():
    """Here drawing takes as long as the rest of the way takes because of it: one machine for both."""
    controller, rungs = Controller(), []
    for frame in range(1800):
        own = 75.0 * LEVELS[controller.rung].cost / LEVELS[0].cost
        took = Took(10.0, own, 2.0 * own + 40.0)
        rungs.append(controller.decide(LEVELS, took, BUDGET, frame / 30.0))
    assert took.seen_ms is not None and took.seen_ms <= BUDGET.age_ms
    assert rungs[-1] > 0
    assert len(set(rungs[900:])) == 1


def test_a_long_way_alone_keeps_no_picture_small():
    """The way took long for a while; what it takes now leaves room for the larger picture."""
    controller = Controller()
    for frame in range(1800):
        late = 200.0 if frame < 90 else 60.0
        controller.decide(LEVELS, Took(5.0, 10.0, 10.0 + late), BUDGET, frame / 30.0)
        if frame == 89:
            assert controller.rung > 0
    assert controller.rung == 0
