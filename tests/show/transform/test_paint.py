"""The painter: what the model is shown besides the picture it draws over."""

from __future__ import annotations

import av
import numpy as np
import pytest

from phosphene.config import PipelineConfig
from phosphene.show.transform.items import Motif, Shot, Sight
from phosphene.show.transform.paint import Painter
from phosphene.stream.conditioning import UNTOLD
from phosphene.stream.noise import gaussian
from tests.diffusion.remembering import RememberingToy
from tests.stream.toy import CHANNELS, ToyPipeline

SHAPE = (1, CHANNELS, 16, 16)


def motif(index: int, strength: float) -> Motif:
    frame = av.VideoFrame(64, 64, "rgb24")
    sight = Sight(
        image=np.zeros((64, 64, 3), np.uint8),
        source=gaussian(1, index, 0, SHAPE),
        noise=gaussian(2, index, 0, SHAPE),
        embeds=np.full((1, 2, 4), 0.3, np.float32),
        context=UNTOLD,
        strength=strength,
        motion=None,
        grey=np.zeros((64, 64), np.float32),
    )
    return Motif(Shot(index, index, index + 1, 0.0, 0.04, frame, False, False), sight, None)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_model_that_follows_sources_sees_them(batch):
    base = RememberingToy()
    motifs = [motif(index, 0.5) for index in range(3)]
    list(Painter(base, PipelineConfig()).run(iter(motifs), batch))
    seen = [context.source for context in base.contexts if context.source is not None]
    assert len(seen) == len(base.contexts)
    wanted = np.concatenate([m.sight.source for m in motifs])
    np.testing.assert_array_equal(
        np.unique(np.concatenate(seen), axis=0), np.unique(wanted, axis=0)
    )


def test_others_and_ignored_sources_are_not_shown():
    for base, strength in ((ToyPipeline(), 0.5), (RememberingToy(), 1.0)):
        list(Painter(base, PipelineConfig()).run(iter([motif(0, strength)]), 1))
        assert base.contexts
        assert all(context.source is None for context in base.contexts)
