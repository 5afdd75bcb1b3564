"""What clips are about: captions say it, sound is like music."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")

from phosphene.diffusion.lsd.render import FAMILIES, Motif  # noqa: E402
from phosphene.training.scenes.audio import random_audio  # noqa: E402
from phosphene.training.scenes.caption import MODIFIERS, caption  # noqa: E402


def test_captions_name_the_family() -> None:
    rng = random.Random(0)
    for family, entry in FAMILIES.items():
        captions = [caption(rng, Motif(family), None) for _ in range(40)]
        named = sum(any(word in text for word in entry.words) for text in captions)
        assert named > 34  # a few name colours only
        assert len(set(captions)) > 20


def test_captions_of_mixtures_name_both_and_a_change_is_told() -> None:
    rng = random.Random(0)
    motif, slow = Motif("fire", "mandala"), MODIFIERS[0]
    captions = [caption(rng, motif, slow) for _ in range(60)]
    for words in (FAMILIES["fire"].words, FAMILIES["mandala"].words, slow.words):
        assert sum(any(word in text for word in words) for text in captions) > 50


def test_audio_is_in_range_and_sometimes_silent() -> None:
    audio = random_audio(torch.Generator().manual_seed(0), 200, 3)
    assert audio.shape == (200, 3, 5)
    assert audio.min() >= 0
    assert audio.max() <= 1
    silent = (audio.flatten(1).sum(1) == 0).float().mean()
    assert 0.08 < silent < 0.28
