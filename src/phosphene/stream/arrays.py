"""Where the engine's arrays live: one namespace, one device, float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.namespaces import Array, array_namespace, device, to_device
from phosphene.transfer import upload

__all__ = ["Array", "Home", "HostArray", "to_numpy"]

HostArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Home:
    """A namespace and a device. The engine computes in float32 there, whatever the model's dtype."""

    namespace: Any
    device: Any

    @classmethod
    def of(cls, array: Array) -> Home:
        """The home of ``array``."""
        return cls(array_namespace(array), device(array))

    def float32(self, array: Array) -> Array:
        """Bring an array from anywhere home as float32; one that is home already is returned as is."""
        if Home.of(array) == self:
            return self.namespace.astype(array, self.namespace.float32, copy=False)
        host = to_numpy(array)
        if getattr(self.device, "type", "cpu") != "cpu":
            # a plain copy would wait for all that the device has been given to do
            return upload(host, self.device)
        return self.namespace.asarray(host, device=self.device)

    def full(self, shape: tuple[int, ...], value: float) -> Array:
        """A float32 array of one value, made here rather than sent here."""
        return self.namespace.full(shape, value, dtype=self.namespace.float32, device=self.device)


def to_numpy(array: Array) -> HostArray:
    """Copy to the host as float32; waits for the device."""
    if isinstance(array, np.ndarray):
        return array.astype(np.float32, copy=False)
    namespace = array_namespace(array)
    host = to_device(namespace.astype(array, namespace.float32, copy=False), "cpu")
    return np.asarray(host)
