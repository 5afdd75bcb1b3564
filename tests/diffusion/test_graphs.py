"""Graphs are found again by everything that changes the work, and by nothing that is only a value."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.diffusion.graphs import GRAPHS, Graphed, Tensors, held, key_of
from tests.diffusion.uncaptured import Uncaptured
from tests.nosync import HostSync, NoSync

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
CALLS = st.dictionaries(
    st.sampled_from(["latents", "timesteps", "embeds", "pooled"]),
    st.tuples(
        SHAPES, st.sampled_from([torch.float32, torch.float16]), st.sampled_from(["cpu", "meta"])
    ),
    min_size=1,
)


def made(call: dict[str, tuple[tuple[int, ...], torch.dtype, str]], value: float) -> Tensors:
    return {
        name: torch.full(shape, value, dtype=t, device=d) for name, (shape, t, d) in call.items()
    }


@settings(max_examples=60)
@given(CALLS, CALLS, st.sampled_from(["sd ink 0.5", "sd ink 0.7", "sd"]))
def test_keys_are_equal_just_when_the_work_is(one: dict, other: dict, network: str) -> None:
    assert (key_of("sd", made(one, 0.0)) == key_of(network, made(other, 1.0))) == (
        one == other and network == "sd"
    )
    reverse = dict(reversed(made(one, 2.0).items()))
    assert key_of(network, reverse) == key_of(network, made(one, 3.0))


def test_values_need_no_new_graph_and_results_are_the_callers_own() -> None:
    capture = Uncaptured()
    graphed = Graphed(lambda tensors: tensors["a"] * tensors["b"], "product", capture)
    results = []
    for value in range(4):
        a, b = torch.full((2, 3), float(value)), torch.full((1,), 10.0)
        results.append(graphed({"a": a, "b": b}))
    assert [float(each[0, 0]) for each in results] == [0.0, 10.0, 20.0, 30.0]
    assert capture.captures == 1


def test_the_latest_used_graphs_are_kept() -> None:
    capture = Uncaptured()
    graphed = Graphed(lambda tensors: tensors["a"] + 1, "one more", capture)
    for size in range(1, GRAPHS + 1):
        graphed({"a": torch.zeros(size)})
    graphed({"a": torch.zeros(1)})
    graphed({"a": torch.zeros(GRAPHS + 1)})
    assert capture.captures == GRAPHS + 1
    graphed({"a": torch.zeros(1)})
    assert capture.captures == GRAPHS + 1
    graphed({"a": torch.zeros(2)})
    assert capture.captures == GRAPHS + 2
    assert len(graphed.keys) == GRAPHS


def test_a_broadcast_input_has_places_of_its_own() -> None:
    spread = torch.zeros(1).expand(4)
    place = held({"a": spread})["a"]
    place.copy_(torch.arange(4.0))
    assert place.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert spread.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: bool((x > 0).any()),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: torch.masked_select(x, x > 0),
        lambda x: x.to("meta"),
        lambda x: torch.zeros(2, device="meta").copy_(x),
        lambda x: torch.asarray(x.numpy(), device="meta"),
    ],
)
def test_the_watch_for_waiting_works(wait: object) -> None:
    x = torch.ones(2)
    with pytest.raises(HostSync), NoSync():
        wait(x)  # type: ignore[operator]
    with NoSync():
        x.to("meta", non_blocking=True) + 1
