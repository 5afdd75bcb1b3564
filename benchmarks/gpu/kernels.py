"""Each kernel against the same in plain torch and what torch.compile makes of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from gpu.measuring import Ceilings, Room, Row, graph_ms
from phosphene.diffusion.lsd.modules.diffusion import DiffusionConfig
from phosphene.kernels import reference
from phosphene.kernels.choose import obstacle
from phosphene.kernels.reference import Remembered

_, MIDDLE, WIDE = DiffusionConfig().widths
"""channels of the built-in denoiser at a quarter and an eighth of a field's side"""


@dataclass(frozen=True)
class Case:
    """One operation at one size: fresh inputs by number, and the fewest bytes it can move."""

    operation: str
    inputs: Callable[[], tuple[Any, ...]]
    bytes_moved: int


def cases(room: Room) -> dict[str, Case]:
    kind = torch.float16 if room.cuda else torch.float32
    width = 2 if room.cuda else 4
    side, rows, area = (32, 1, 8) if room.toy else (512, 4, 64)

    def normal(*shape: int, dtype: torch.dtype = kind) -> torch.Tensor:
        return torch.randn(shape, device=room.device, dtype=dtype)

    def packed() -> tuple[Any, ...]:
        shown = torch.randint(0, 256, (rows, side, side, 3), device=room.device, dtype=torch.uint8)
        pixels = normal(rows, 3, side, side).to(memory_format=torch.channels_last)
        return pixels, shown, 0.2

    def stepped() -> tuple[Any, ...]:
        shape = (rows, 4, side // 8, side // 8)
        x, noise = normal(*shape, dtype=torch.float32), normal(*shape, dtype=torch.float32)
        return x, normal(*shape), noise, normal(rows, 4, dtype=torch.float32)

    def remembered() -> tuple[Any, ...]:
        query, *own = normal(rows, area, 3 * WIDE).chunk(3, dim=-1)
        past = normal(rows, 4 * area, 2 * WIDE).chunk(2, dim=-1)
        age = torch.tensor([[100.0, 25.0, 13.0, 0.0]], device=room.device).repeat(rows, 1)
        nothing = tuple(normal(2, WIDE))
        return (
            query,
            Remembered((nothing[0], nothing[1]), (own[0], own[1]), (past[0], past[1]), age),
            4,
        )

    def normed(channels: int, pixels: int, film: bool) -> Callable[[], tuple[Any, ...]]:
        def make() -> tuple[Any, ...]:
            x = normal(rows, channels, pixels, pixels).to(memory_format=torch.channels_last)
            told = normal(rows, 2 * channels).chunk(2, dim=1) if film else None
            return x, 8 if film else 32, tuple(normal(2, channels)), told

        return make

    small = 8 if room.toy else 64
    pixels = rows * side * side * 3
    latent = rows * 4 * (side // 8) ** 2
    return {
        f"blend_pack {rows}x{side}x{side}": Case("blend_pack", packed, pixels * (width + 2)),
        f"stream_step {rows} slots of {side // 8}x{side // 8}": Case(
            "stream_step", stepped, latent * (3 * 4 + width)
        ),
        f"memory_readout {rows}x{area} of {5 * area}": Case(
            "memory_readout", remembered, rows * area * WIDE * width * (2 + 2 + 8)
        ),
        f"norm_silu_film {rows}x{MIDDLE}x{small // 4}x{small // 4}, film": Case(
            "norm_silu_film",
            normed(MIDDLE, small // 4, True),
            2 * rows * MIDDLE * (small // 4) ** 2 * width,
        ),
        f"norm_silu_film {rows}x320x{small}x{small}": Case(
            "norm_silu_film", normed(320, small, False), 2 * rows * 320 * small**2 * width
        ),
    }


def rows(room: Room, top: Ceilings) -> Iterator[tuple[str, Callable[[], Row]]]:
    for name, case in cases(room).items():
        for way in ("eager", "torch.compile", "kernel"):
            yield (
                f"{name}: {way}",
                lambda name=name, case=case, way=way: one(room, top, name, case, way),
            )  # type: ignore[misc]


def one(room: Room, top: Ceilings, name: str, case: Case, way: str) -> Row:
    """Median time of one call in a graph of 20, inputs rotated so that they do not all lie in the cache."""
    plain = getattr(reference, case.operation)
    label = f"{name}: {way}"
    call = plain
    if way == "kernel":
        why = obstacle(room.device)
        if why:
            return Row(label, reason=why)
        from phosphene.kernels.choose import fused

        call = getattr(fused(), case.operation)
    elif way == "torch.compile":
        if not room.cuda:
            return Row(label, reason="compared on a GPU only")
        call = torch.compile(plain, dynamic=False)
    given = [case.inputs() for _ in range(5)]
    turn = iter(range(10**9))
    if way == "kernel":
        worst = max(_difference(plain(*each), call(*each)) for each in given)
        note = f"off by {worst:.1g} at most; "
    else:
        note = ""
    took = graph_ms(room, lambda: call(*given[next(turn) % 5]), room.seconds / 4)
    rate = case.bytes_moved / took / 1e6
    note += f"{took * 1e3:.2f} us, {rate:.0f} GB/s = {100 * rate / top.copy_gb_s:.0f} % of a copy's"
    return Row(
        label, fps=1e3 / took, p50=took, floor_ms=case.bytes_moved / top.copy_gb_s / 1e6, note=note
    )


def _difference(one: Any, other: Any) -> float:
    if isinstance(one, tuple):
        return max(_difference(a, b) for a, b in zip(one, other, strict=True) if a.numel())
    return float((one.float() - other.float()).abs().max())
