"""Token merging: who joins whom, and everybody back in their place."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from phosphene.diffusion.sd.accelerate.tokens import merge_plan


def tokens(batch: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn((batch, height * width, 5), generator=random)


@given(
    st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.floats(0, 0.75), st.integers(0, 99)
)
def test_there_and_back(batch: int, height: int, width: int, share: float, seed: int) -> None:
    x = tokens(batch, height, width, seed)
    plan = merge_plan(x, height, width, share)
    merged = plan.merge(x)
    joined = plan.joining.shape[1]
    assert joined == min(int(share * height * width), len(plan.sources))
    assert merged.shape == (batch, height * width - joined, 5)
    back = plan.unmerge(merged)
    assert back.shape == x.shape
    for row in range(batch):
        gone = plan.sources[plan.joining[row]]
        hosts = plan.destinations[plan.host[row]]
        # who stays is untouched; who joined shows its host
        untouched = sorted(set(range(height * width)) - set(gone.tolist()) - set(hosts.tolist()))
        assert torch.equal(back[row, untouched], x[row, untouched])
        assert torch.equal(back[row, gone], back[row, hosts])


def test_the_likest_join_first_and_a_host_is_the_mean() -> None:
    x = tokens(1, 4, 4)
    x[0, 1] = 2 * x[0, 0]
    plan = merge_plan(x, 4, 4, 1 / 16)
    assert plan.sources[plan.joining[0]].tolist() == [1]
    assert plan.destinations[plan.host[0]].tolist() == [0]
    torch.testing.assert_close(plan.unmerge(plan.merge(x))[0, 0], 1.5 * x[0, 0])
