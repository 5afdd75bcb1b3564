"""Files as a broken disk, a bad line or somebody with time makes them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

EXTREMES = (
    b"\x00",
    b"\xff",
    b"\x7f\xff",
    b"\x80\x00",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    bytes(8),
)
"""what lengths, rates and counts in headers are set to"""

Mutation = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def flip(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """Bits turn over."""
    for _ in range(rng.randint(1, 20)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def header(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """Fields near the beginning become extreme."""
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(min(len(data), 400))
        value = rng.choice(EXTREMES)
        data[place : place + len(value)] = value


def cut(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """It ends early."""
    del data[rng.randrange(len(data)) :]


def lose(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """A piece is missing."""
    start = rng.randrange(len(data))
    del data[start : start + rng.randint(1, max(1, len(data) // 4))]


def repeat(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """A piece comes again."""
    start = rng.randrange(len(data))
    piece = data[start : start + rng.randint(1, max(1, len(data) // 4))]
    data[start:start] = piece * rng.randint(1, 4)


def noise(data: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """A piece is noise, or nothing."""
    start = rng.randrange(len(data))
    size = min(len(data) - start, rng.randint(1, 400))
    data[start : start + size] = rng.randbytes(size) if rng.random() < 0.5 else bytes(size)


def splice(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    """It goes on as another file."""
    other = rng.choice(others)
    data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]


MUTATIONS: tuple[Mutation, ...] = (flip, flip, header, header, cut, lose, repeat, noise, splice)


def mutated(seeds: Sequence[bytes], rng: random.Random) -> bytes:
    """One of ``seeds`` after one to three mutations."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 3)):
        if data:
            rng.choice(MUTATIONS)(data, rng, seeds)
    return bytes(data)
