"""Between NumPy and the namespace a caller works in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from phosphene.namespaces import Array, array_namespace, device

__all__ = ["Array", "OnDemand", "like", "place"]


def place(array: npt.NDArray[np.float32], device: str, dtype: Any) -> Array:
    """``array`` as the caller wants it: in the library whose type ``dtype`` is, NumPy where it is None."""
    library = type(dtype).__module__.partition(".")[0]
    if library == "mlx":
        import mlx.core as mx

        return mx.array(array, dtype)
    if library == "torch":
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(device=device, dtype=dtype)
    return array.astype(dtype or np.float32, copy=False)


def like(array: npt.NDArray[np.float32], other: Array) -> Array:
    """``array`` moved to the namespace, device and dtype of ``other``."""
    xp = array_namespace(other)
    return xp.asarray(array, dtype=other.dtype, device=device(other))


class OnDemand(Sequence[Array]):
    """Arrays of so many frames, each computed when it is looked at."""

    def __init__(self, count: int, at: Callable[[int], Array]) -> None:
        self._frames = range(count)
        self._at = at

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Array: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Array]: ...
    def __getitem__(self, index: int | slice) -> Array | Sequence[Array]:
        frames = self._frames[index]
        if isinstance(frames, range):
            return [self._at(frame) for frame in frames]
        return self._at(frames)
