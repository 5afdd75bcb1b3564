"""What the model draws for a requested size."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.errors import InputError
from phosphene.video.sizes import cover, even_size, plan_size


@pytest.mark.parametrize(
    ("requested", "native", "multiple", "model"),
    [
        (None, (256, 256), 8, (256, 256)),
        (None, (320, 192), 8, (320, 192)),
        ((1280, 720), (256, 256), 8, (344, 192)),
        ((720, 1280), (256, 256), 8, (192, 344)),
        ((1080, 1080), (256, 256), 8, (256, 256)),
        ((1920, 1080), (512, 512), 64, (704, 384)),
        ((128, 128), (256, 256), 8, (128, 128)),
        ((16, 16), (256, 256), 8, (64, 64)),
    ],
)
def test_known_sizes(
    requested: tuple[int, int] | None,
    native: tuple[int, int],
    multiple: int,
    model: tuple[int, int],
) -> None:
    plan = plan_size(requested, 768, multiple, native)
    assert plan.model == model
    assert plan.output == (requested or native)


def test_impossible() -> None:
    with pytest.raises(InputError):
        plan_size((0, 5), 512, 8, (256, 256))


@settings(max_examples=60)
@given(st.integers(64, 4000), st.floats(0.4, 2.5), st.sampled_from([8, 16, 32]))
def test_no_visible_stretch_and_little_cut_off(height: int, aspect: float, multiple: int) -> None:
    requested = max(64, round(height * aspect)), height
    plan = plan_size(requested, 768, multiple, (256, 256))
    assert plan.output == even_size(requested)
    assert all(side % multiple == 0 and 64 <= side <= 768 for side in plan.model)
    assert plan.model[0] * plan.model[1] < 1.5 * 256 * 256
    rows, columns = cover(plan.model, plan.output)
    wide, high = columns.stop - columns.start, rows.stop - rows.start
    stretch = wide / high / (plan.output[0] / plan.output[1])
    assert abs(stretch - 1) < 0.02
    lost = 1 - wide * high / (plan.model[0] * plan.model[1])
    assert lost < (0.06 if multiple == 8 else 0.25)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
def test_cover_stays_inside(w: int, h: int, tw: int, th: int) -> None:
    rows, columns = cover((w, h), (tw, th))
    assert 0 <= rows.start < rows.stop <= h
    assert 0 <= columns.start < columns.stop <= w
    assert rows.stop - rows.start == h or columns.stop - columns.start == w


def test_a_scalable_model_draws_what_is_asked_for() -> None:
    assert plan_size((1920, 1080), 4096, 8, (512, 512), scalable=True).model == (1920, 1080)
    odd = plan_size((1366, 767), 4096, 8, (512, 512), scalable=True)
    assert odd.output == (1366, 768) and odd.model == (1368, 768)
    assert max(plan_size((8000, 2000), 4096, 8, (512, 512), scalable=True).model) == 4096
