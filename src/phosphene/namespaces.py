"""Which array library an array belongs to and where it lives: one door for NumPy, torch and MLX.

``array-api-compat`` knows NumPy and torch. MLX follows the array API nearly whole by itself; what is
left is in :mod:`phosphene.mlx_namespace`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import array_api_compat

Array = Any
"""an array of any namespace: NumPy, torch or MLX"""

MLX_DEVICE = "mlx"
"""MLX has one memory for all its devices, so its arrays are in one place"""


def is_mlx(array: object) -> bool:
    """Whether ``array`` is MLX's; imports nothing."""
    mlx = sys.modules.get("mlx.core")
    return mlx is not None and isinstance(array, mlx.array)


def array_namespace(*arrays: Array) -> Any:
    """The namespace with the array API's functions for ``arrays``, all of one library."""
    if any(map(is_mlx, arrays)):
        from phosphene import mlx_namespace

        return mlx_namespace
    return array_api_compat.array_namespace(*arrays)


def device(array: Array) -> Any:
    """Where ``array`` lives; can be compared, hashed and handed to the namespace's functions."""
    return MLX_DEVICE if is_mlx(array) else array_api_compat.device(array)


def to_device(array: Array, where: Any) -> Array:
    """``array`` on another device of its library."""
    return array if is_mlx(array) else array_api_compat.to_device(array, where)


def evaluate(arrays: Iterable[Array | None]) -> None:
    """Compute ``arrays`` now, all at once; only MLX puts work off.

    An MLX array that is not computed yet belongs to the thread that made it. So this is called once for
    each frame, before it is handed to another thread. It does not wait for a GPU.
    """
    put_off = [array for array in arrays if is_mlx(array)]
    if put_off:
        sys.modules["mlx.core"].async_eval(put_off)
