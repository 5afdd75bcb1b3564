"""Every kernel equals its plain torch, within what its number formats can tell apart.

``test_parity.py`` runs these in a process of their own: on the GPU, or by Triton's interpreter.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.diffusion.lsd.modules import memory as trained_memory
from phosphene.diffusion.lsd.modules.condition import coordinates
from phosphene.diffusion.lsd.modules.memory import ContextMemory
from phosphene.errors import InputError
from phosphene.kernels.choose import PLAIN, Operations
from phosphene.kernels.reference import Remembered

TOLERANCE = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
# the interpreter multiplies matrices of bfloat16 as if they were whole numbers
MULTIPLIED = list(TOLERANCE)[: 3 if torch.cuda.is_available() else 2]
FORMATS = pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)


def normal(device: torch.device, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).to(device, dtype)


def close(got: torch.Tensor, expected: torch.Tensor) -> None:
    assert got.dtype == expected.dtype
    bound = TOLERANCE[expected.dtype]
    torch.testing.assert_close(got, expected, rtol=bound, atol=bound)


@FORMATS
@pytest.mark.parametrize("keep", [0.0, 0.3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_blend_and_pack(
    kernels: Operations,
    device: torch.device,
    dtype: torch.dtype,
    keep: float,
    layout: torch.memory_format,
) -> None:
    # well beyond the range on both sides, in sizes that are no multiple of a block
    pixels = 2 * normal(device, 2, 3, 10, 14, dtype=dtype).to(memory_format=layout)
    previous = torch.randint(0, 256, (2, 10, 14, 3), dtype=torch.uint8).to(device)
    got = kernels.blend_pack(pixels, previous, keep)
    expected = PLAIN.blend_pack(pixels, previous, keep)
    assert got.shape == expected.shape and got.is_contiguous()
    # a fused multiply-add may fall on the other side of a half
    off = (got.int() - expected.int()).abs()
    assert off.max() <= 1 and off.float().mean() < 1e-2
    assert expected.min() < 40 and expected.max() > 200


def test_halves_are_rounded_to_even(kernels: Operations, device: torch.device) -> None:
    levels = torch.tensor([0.5, 1.5, 2.5, 254.5, -9.0, 300.0, 127.5, 0.0])
    pixels = ((levels - 127.5) / 127.5).expand(1, 3, 1, 8).to(device)
    expected = torch.tensor([0, 2, 2, 254, 0, 255, 128, 0], dtype=torch.uint8)
    for operations in (PLAIN, kernels):
        assert (operations.blend_pack(pixels)[0, 0, :, 0].cpu() == expected).all()


def test_what_is_no_whole_words_is_refused(kernels: Operations, device: torch.device) -> None:
    with pytest.raises(InputError, match="multiple of 4 pixels"):
        kernels.blend_pack(torch.zeros((1, 3, 3, 3), device=device))


@FORMATS
@pytest.mark.parametrize("slots", [1, 2, 4])
@pytest.mark.parametrize("negative", [False, True])
def test_stream_step(
    kernels: Operations, device: torch.device, dtype: torch.dtype, slots: int, negative: bool
) -> None:
    shape = (slots, 4, 9, 31)
    x, noise = normal(device, *shape), normal(device, *shape).flip(3)
    wanted = normal(device, *shape, dtype=dtype).flip(2)
    against = normal(device, *shape, dtype=dtype).flip(1) if negative else None
    weights = normal(device, slots, 4)
    got = kernels.stream_step(x, wanted, noise, weights, against)
    expected = PLAIN.stream_step(x, wanted, noise, weights, against)
    for one, other in zip(got, expected, strict=True):
        assert one.shape == other.shape
        close(one, other)


@pytest.mark.parametrize("dtype", MULTIPLIED, ids=str)
@pytest.mark.parametrize(("depth", "slots"), [(16, 1), (52, 4)])
def test_memory_readout(
    kernels: Operations, device: torch.device, dtype: torch.dtype, depth: int, slots: int
) -> None:
    heads, tokens = 2, 37
    width = heads * depth
    query, key, value = normal(device, 2, tokens, 3 * width, dtype=dtype).chunk(3, dim=-1)
    past = normal(device, 2, slots * 16, 2 * width, dtype=dtype).chunk(2, dim=-1)
    nothing = tuple(normal(device, 2, width, dtype=dtype))
    age = torch.tensor([[3.0, 0.0, 1.0, 40.0], [0.0, 0.0, 0.0, 0.0]])[:, :slots].to(device)
    seen = Remembered((nothing[0], nothing[1]), (key, value), past, age.contiguous())
    # in full precision, as half of it is what the kernel is to be as good as
    whole = Remembered(
        *(tuple(each.float() for each in pair) for pair in (seen.nothing, seen.own, seen.past)),
        seen.age,
    )  # type: ignore[arg-type]
    expected = PLAIN.memory_readout(query.float(), whole, heads)
    close(kernels.memory_readout(query, seen, heads), expected.to(dtype))


def test_the_readout_is_the_one_that_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = ContextMemory(latent=8, width=32, groups=4, heads=4).eval()
    torch.nn.init.normal_(net.out.weight)
    x, memory = torch.randn(2, 32, 4, 6), torch.randn(2, 3, 8, 32, 48)
    age = torch.tensor([[5.0, 0.0, 2.0], [1.0, 1.0, 0.0]])
    asked = []

    def readout(
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        heads: int,
        hidden: torch.Tensor,
    ) -> torch.Tensor:
        asked.append(hidden)
        own = 1 + query.shape[1]
        seen = Remembered(
            (key[0, 0], value[0, 0]),
            (key[:, 1:own], value[:, 1:own]),
            (key[:, own:], value[:, own:]),
            age,
        )
        return PLAIN.memory_readout(query, seen, heads)

    with torch.no_grad():
        trained = net(x, coordinates(x), memory, age)
        monkeypatch.setattr(trained_memory, "attend", readout)
        close(net(x, coordinates(x), memory, age), trained)
    (hidden,) = asked
    # one slot of three is empty in each row: what is hidden is at stake
    assert (hidden < 0).sum(-1).flatten().tolist() == [6, 6]


@FORMATS
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize(("affine", "film"), [(True, False), (False, True), (True, True)])
def test_norm_silu_film(
    kernels: Operations,
    device: torch.device,
    dtype: torch.dtype,
    layout: torch.memory_format,
    affine: bool,
    film: bool,
) -> None:
    # a mean far from 0: sums of squares would lose it
    x = (normal(device, 2, 24, 11, 5) * 2 + 7).to(dtype).to(memory_format=layout)
    learnt = tuple(normal(device, 2, 24, dtype=dtype)) if affine else None
    told = normal(device, 2, 48, dtype=dtype).chunk(2, dim=1) if film else None
    got = kernels.norm_silu_film(x, 4, learnt, told)
    close(got, PLAIN.norm_silu_film(x, 4, learnt, told))
    assert got.stride() == x.stride()


def test_norm_with_numbers_that_are_spread_over_channels(
    kernels: Operations, device: torch.device
) -> None:
    x, one = normal(device, 2, 8, 4, 4), torch.full((1,), 1.5, device=device)
    learnt = one.expand(8), -one.expand(8)
    told = normal(device, 8, 2).T, one.expand(2, 8)
    close(kernels.norm_silu_film(x, 2, learnt, told), PLAIN.norm_silu_film(x, 2, learnt, told))


@settings(max_examples=10)
@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 8), st.integers(1, 9), st.integers(1, 9)
)
def test_norm_of_any_shape(
    kernels: Operations, b: int, groups: int, share: int, height: int, width: int
) -> None:
    x = normal(
        torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        b,
        groups * share,
        height,
        width,
    )
    if share * height * width > 1:
        close(kernels.norm_silu_film(x, groups), PLAIN.norm_silu_film(x, groups))
