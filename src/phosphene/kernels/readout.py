"""The memory read-out: tiles of keys through shared memory, one running softmax, no concatenation."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from phosphene.kernels.reference import EMPTY, Remembered

QUERIES, KEYS = 32, 32
HIDDEN = tl.constexpr(EMPTY)


@triton.jit
def _look(best, total, seen, score, values):
    """One tile of keys into the running softmax (Milakov 2018; Dao 2022)."""
    higher = tl.maximum(best, tl.max(score, 1))
    share = tl.exp(score - higher[:, None])
    old = tl.exp(best - higher)
    seen = seen * old[:, None] + tl.dot(share.to(values.dtype), values, input_precision="ieee")
    return higher, total * old + tl.sum(share, 1), seen


@triton.jit
def _tile(
    query,
    keys,
    values,
    first,
    count,
    row,
    scale,
    DEPTH: tl.constexpr,
    D: tl.constexpr,
    K: tl.constexpr,
):
    """Scores and values of the keys ``first``..; rows are ``row`` numbers apart."""
    index = first + tl.arange(0, K)
    d = tl.arange(0, D)
    inside = (index < count)[:, None] & (d < DEPTH)[None, :]
    at = index[:, None] * row + d[None, :]
    key = tl.load(keys + at, mask=inside, other=0.0)
    value = tl.load(values + at, mask=inside, other=0.0)
    score = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
    return tl.where((index < count)[None, :], score, float("-inf")), value


@triton.jit
def readout_kernel(
    query,
    none_key,
    none_value,
    own_key,
    own_value,
    past_key,
    past_value,
    age,
    out,
    tokens,
    past,
    slots,
    query_b,
    query_n,
    own_b,
    own_n,
    past_b,
    past_n,
    scale,
    HEADS: tl.constexpr,
    DEPTH: tl.constexpr,
    D: tl.constexpr,
    Q: tl.constexpr,
    K: tl.constexpr,
):
    """One tile of queries of one head of one picture a program."""
    batch, head = tl.program_id(1) // HEADS, tl.program_id(1) % HEADS
    n = tl.program_id(0) * Q + tl.arange(0, Q)
    d = tl.arange(0, D)
    inside = (n < tokens)[:, None] & (d < DEPTH)[None, :]
    asked = query + batch * query_b + head * DEPTH
    q = tl.load(asked + n[:, None] * query_n + d[None, :], mask=inside, other=0.0)
    # the token that stands for nothing opens the softmax
    real = d < DEPTH
    key = tl.load(none_key + head * DEPTH + d, mask=real, other=0.0).to(tl.float32)
    value = tl.load(none_value + head * DEPTH + d, mask=real, other=0.0).to(tl.float32)
    best = tl.sum(q.to(tl.float32) * key[None, :], 1) * scale
    total = tl.full((Q,), 1.0, tl.float32)
    seen = tl.zeros((Q, D), tl.float32) + value[None, :]
    keys, values = own_key + batch * own_b + head * DEPTH, own_value + batch * own_b + head * DEPTH
    for first in range(0, tokens, K):
        score, tile = _tile(q, keys, values, first, tokens, own_n, scale, DEPTH, D, K)
        best, total, seen = _look(best, total, seen, score, tile)
    keys = past_key + batch * past_b + head * DEPTH
    values = past_value + batch * past_b + head * DEPTH
    for first in range(0, past, K):
        score, tile = _tile(q, keys, values, first, past, past_n, scale, DEPTH, D, K)
        index = first + tl.arange(0, K)
        slot = index // (past // slots)
        old = tl.load(age + batch * slots + slot, mask=index < past, other=0.0)
        score += tl.where(old > 0, 0.0, HIDDEN)[None, :]
        best, total, seen = _look(best, total, seen, score, tile)
    answer = out + (batch * tokens + n[:, None]) * HEADS * DEPTH + head * DEPTH + d[None, :]
    tl.store(answer, (seen / total[:, None]).to(q.dtype), mask=inside)


def memory_readout(query: torch.Tensor, seen: Remembered, heads: int) -> torch.Tensor:
    """As :func:`phosphene.kernels.reference.memory_readout`; the last axis of all must be dense."""
    b, tokens, width = query.shape
    out = torch.empty((b, tokens, width), dtype=query.dtype, device=query.device)
    (own, own_value), (past, past_value) = seen.own, seen.past
    depth = width // heads
    readout_kernel[(triton.cdiv(tokens, QUERIES), b * heads)](
        query,
        *seen.nothing,
        own,
        own_value,
        past,
        past_value,
        seen.age,
        out,
        tokens,
        past.shape[1],
        seen.age.shape[1],
        *query.stride()[:2],
        *own.stride()[:2],
        *past.stride()[:2],
        depth**-0.5,
        HEADS=heads,
        DEPTH=depth,
        D=max(16, triton.next_power_of_2(depth)),
        Q=QUERIES,
        K=KEYS,
    )
    return out
