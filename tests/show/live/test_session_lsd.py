"""A few shows of the built-in model."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.diffusion import BaseDiffusionPipeline, load_pipeline
from phosphene.show.live import Source
from tests.conftest import make_features
from tests.show.live.running_shows import jpeg, now, quick_config, show


@pytest.fixture(scope="module")
def base() -> BaseDiffusionPipeline:
    config = PipelineConfig()
    return load_pipeline(config.diffusion, config.inference)


def small() -> PipelineConfig:
    config = quick_config()
    config.inference.width = config.inference.height = 128
    return config


def colour(shown):
    return shown.image.reshape(-1, 3).mean(axis=0)


def test_a_dream_lives(base):
    config = PipelineConfig()
    config.live.adapt = False
    with show(config, base) as (_, watcher):
        images = [one.image.astype(int) for one in watcher.frames(60)]
    changes = [np.abs(b - a).mean() for a, b in pairwise(images[10:])]
    assert np.median(changes) > 0.5
    assert all(image.std() > 10 for image in images)
    assert watcher.errors == []


def test_colours_follow_the_prompt(base):
    config = small()
    config.prompt.chroma_strength, config.prompt.transition_seconds = 0.0, 0.3
    with show(config, base) as (session, watcher):
        watcher.frames(1)
        for prompt, strongest in (("crimson fire", 0), ("blue ice", 2), ("green leaves", 1)):
            session.set({"prompt.base_prompt": prompt})
            watcher.until(lambda wanted=strongest: colour(watcher.shown[-1]).argmax() == wanted)


def test_what_is_seen_keeps_its_shape(base):
    """Bright above, dark below: so is the answer, whatever the prompt."""
    config = small()
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:64] = 230
    with show(config, base) as (session, watcher):
        session.use(Source(see=True))
        for _ in range(12):
            captured = now()
            session.picture(jpeg(pixels), captured)
            watcher.until(lambda at=captured: watcher.shown and watcher.shown[-1].captured == at)
        image = watcher.shown[-1].image.astype(float).mean(axis=2)
    assert image[:52].mean() > image[76:].mean() + 30


def test_sizes_and_songs(base):
    with show(small(), base) as (session, watcher):
        session.use(Source("song", features=make_features(num_frames=2400)))
        session.clock(1.0, True, 1.0, 0.1, now())
        for size in (160, 96, 128):
            session.set({"inference.width": size})
            watcher.until(
                lambda size=size: watcher.shown and watcher.shown[-1].image.shape[1] == size
            )
        assert watcher.shown[-1].position > 1.0
    assert watcher.errors == []
