"""Between NumPy and the namespace a caller works in."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
import numpy.typing as npt

Array = Any
"""an array of any namespace that follows the Python array API"""


def place(array: npt.NDArray[np.float32], device: str, dtype: Any) -> Array:
    """``array`` as the caller wants it: a torch tensor when ``dtype`` is torch's, else NumPy."""
    if type(dtype).__module__.startswith("torch"):
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(device=device, dtype=dtype)
    return array.astype(dtype or np.float32, copy=False)


def like(array: npt.NDArray[np.float32], other: Array) -> Array:
    """``array`` moved to the namespace, device and dtype of ``other``."""
    xp = array_api_compat.array_namespace(other)
    return xp.asarray(array, dtype=other.dtype, device=array_api_compat.device(other))
