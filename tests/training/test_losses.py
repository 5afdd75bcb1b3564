"""What training minimises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from phosphene.training import losses  # noqa: E402


def test_reconstruction_is_zero_for_the_same_picture_and_minds_a_grid() -> None:
    torch.manual_seed(0)
    picture = torch.rand(2, 3, 16, 16)
    assert losses.reconstruction_loss(picture, picture) == 0
    grid = torch.zeros_like(picture)
    grid[..., ::2, ::2] = 0.1
    flat = torch.full_like(picture, float(grid.mean()))
    # the same mean error costs far more as a checkerboard than as a shade
    gap = [losses.reconstruction_loss(picture + e, picture) for e in (grid, flat)]
    assert gap[0] > 3 * gap[1]


def test_crispness_asks_for_edges_wherever_they_lie() -> None:
    """Stripes one pixel off are as crisp, and far off by any other measure; blurred ones are not."""
    fine = (torch.arange(64) % 8 < 4).float().expand(1, 1, 64, 64)
    moved, blurred = fine.roll(1, -1), torch.nn.functional.avg_pool2d(fine, 5, 1, 2)
    middle = (..., slice(8, -8), slice(8, -8))
    blur, shift = (losses.crispness_loss(x[middle], fine[middle]) for x in (blurred, moved))
    assert losses.crispness_loss(fine, fine) == 0
    assert blur > 5 * shift


def test_haar_takes_apart_means_and_details() -> None:
    x = torch.rand(2, 3, 8, 8)
    means, details = losses.haar(x)
    assert torch.allclose(means, torch.nn.functional.avg_pool2d(x, 2))
    assert details.shape == (2, 9, 4, 4)
    assert not losses.haar(torch.ones(1, 1, 4, 4))[1].any()


@settings(max_examples=30)
@given(st.floats(-20, 20), st.floats(0.05, 2))
def test_pseudo_huber_lies_under_the_absolute_value(d: float, c: float) -> None:
    value = float(losses.pseudo_huber(torch.tensor(d, dtype=torch.float64), c))
    assert -1e-9 <= value <= abs(d) + 1e-9
    assert value >= abs(d) - c - 1e-9


def test_critic_and_maker_want_opposite_things() -> None:
    real, fake = torch.tensor([2.0]), torch.tensor([-2.0])
    assert losses.critic_loss(real, fake) < losses.critic_loss(fake, real)
    assert losses.maker_loss(real, fake) > losses.maker_loss(fake, real)


def test_balanced_backward_pulls_with_the_share_asked_for() -> None:
    x = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    output = x * 1
    losses.balanced_backward(output, output[0], 1000 * output[1], 0.5)
    assert torch.allclose(x.grad, torch.tensor([1.0, 0.5]))


def test_steepness_is_the_squared_slope() -> None:
    x = torch.linspace(0, 1, 5)
    assert losses.steepness(3 * x, 3 * (x + 0.1), 0.1) == pytest.approx(9.0, rel=1e-4)
