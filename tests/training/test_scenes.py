"""Sound of clips is like music."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from phosphene.training.clips import random_audio  # noqa: E402


def test_audio_is_in_range_and_sometimes_silent() -> None:
    audio = random_audio(torch.Generator().manual_seed(0), 200, 3)
    assert audio.shape == (200, 3, 5)
    assert audio.min() >= 0
    assert audio.max() <= 1
    silent = (audio.flatten(1).sum(1) == 0).float().mean()
    assert 0.08 < silent < 0.28
