"""Fails on whatever would make the host wait for a GPU, on a machine without one."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITING = (
    "_local_scalar_dense",
    "nonzero",
    "unique",
    "masked_select",
    "equal.default",
    "is_nonzero",
)
"""operators whose result the host must know, or whose shape it must learn"""


class HostSync(AssertionError):
    """The host would wait here."""


class NoSync(TorchDispatchMode):
    """Within it, no operator may wait for the device that tensors lie on."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = str(func).removeprefix("aten.")
        if any(name.startswith(each) for each in WAITING):
            raise HostSync(f"{name} waits for the device")
        indices = args[1] if name.startswith(("index.Tensor", "index_put")) else ()
        if any(each is not None and each.dtype == torch.bool for each in indices):
            raise HostSync(f"{name} by a mask waits for the device")
        result = func(*args, **kwargs)
        self._between_devices(name, args, kwargs, result)
        return result

    def _between_devices(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        """A copy from host to device may only be one that is not waited for."""
        if not name.startswith(("_to_copy", "copy_")):
            return
        source = args[1] if name.startswith("copy_") else args[0]
        waits = not (
            kwargs.get("non_blocking") or (name.startswith("copy_") and len(args) > 2 and args[2])
        )
        if source.device != result.device and waits:
            raise HostSync(f"{name} from {source.device} to {result.device} waits for the device")
