"""History augmentation: level 0 is exactly clean, more level is more damage, parts are taken away."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from phosphene.training.corrupt import (  # noqa: E402
    REACH,
    CorruptionSettings,
    Past,
    corrupt,
    damage,
    quantise,
)
from phosphene.training.remember import remember  # noqa: E402

ALL = CorruptionSettings(clean=0.3, alone=0.2, single=0.2, forgetful=0.25)


def past(b: int = 3000) -> Past:
    one = torch.ones(b)
    history, memory = torch.randn(b, 2, 2, 3, 3), torch.randn(b, 4, 2, 3, 3)
    age = torch.tensor([[40.0, 30, 18, 6]]).expand(b, -1)
    return Past(history, torch.ones(b, 2), 0 * one, memory, age)


def test_a_share_is_exactly_clean_and_told_so() -> None:
    torch.manual_seed(0)
    before = past()
    after = corrupt(before, ALL, drop=False)
    clean = after.level == 0
    assert abs(clean.float().mean() - 0.3) < 0.04
    assert torch.equal(after.history[clean], before.history[clean])
    assert torch.equal(after.memory[clean], before.memory[clean])
    touched = (after.history != before.history).flatten(1).any(1)
    assert touched[~clean].float().mean() > 0.8


def test_damage_grows_with_its_level() -> None:
    torch.manual_seed(0)
    frames = torch.randn(2000, 1, 4, 6, 6)
    gaps = [
        (damage(frames, torch.full((2000,), level), ALL) - frames).abs().mean()
        for level in (0.0, 0.2, 0.5, 1.0)
    ]
    assert gaps[0] == 0
    assert gaps[1] < gaps[2] < gaps[3]


def test_parts_are_taken_away_in_their_shares() -> None:
    torch.manual_seed(0)
    after = corrupt(past(), ALL)
    alone = after.has.sum(1) == 0
    single = after.has.sum(1) == 1
    assert abs(alone.float().mean() - 0.2) < 0.04
    assert abs(single.float().mean() - 0.8 * 0.2) < 0.04
    assert (after.has[single][:, 0] == 1).all()
    # who has no past is not told that it is bad
    assert not after.level[alone].any()
    assert abs((after.age.sum(1) == 0).float().mean() - 0.25) < 0.04


@settings(max_examples=30)
@given(st.integers(0, 2**31 - 1))
def test_quantising_is_idempotent_and_close(seed: int) -> None:
    x = 0.8 * torch.randn(50, generator=torch.Generator().manual_seed(seed))
    once = quantise(x)
    assert torch.allclose(quantise(once), once, atol=1e-5)
    inside = x.abs() <= REACH
    assert (once - x)[inside].abs().max() <= REACH / 255 + 1e-5
    assert once.abs().max() <= REACH + 1e-5


def test_ring_and_anchor_are_written_as_the_show_writes_them() -> None:
    """The training's memory and `phosphene.stream.memory` are one rule in two places."""
    import numpy as np

    from phosphene.stream import memory as live

    b, stride = 1, live.STRIDE
    empty = Past(
        torch.zeros(b, 2, 1, 1, 1),
        torch.ones(b, 2),
        torch.zeros(b),
        torch.zeros(b, 4, 1, 1, 1),
        torch.zeros(b, 4),
    )
    ours, theirs = empty, live.ContextMemory()
    for frame in range(60):
        picture = torch.full((b, 1, 1, 1), float(frame))
        age = torch.where(ours.age > 0, ours.age + 1, ours.age)
        ours = Past(ours.history, ours.has, ours.level, ours.memory, age)
        ours = remember(ours, picture, frame if frame else 1, stride)
        theirs = live.remember(theirs, picture.numpy(), frame)
    seen = live.read(theirs, 60)
    assert seen is not None
    latents, ages = seen
    assert np.array_equal(latents[0].ravel(), ours.memory.flatten().numpy())
    assert np.array_equal(ages, ours.age.numpy())
