"""What a stream needs of memory, worked out from the sizes of its files before any of them is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from phosphene.errors import ModelError

GB = 1e9
BESIDE = 0.6 * GB
"""what a framework's own kernels and buffers take on a device"""
DECODER_BYTES = {"wan": 10_000, "tiny": 3_500}
"""a picture pixel at four bytes a number, while four pictures are decoded. Wan's has 96 channels at full
size: six convolutions keep two pictures each (4.6 KB), three results of four are held at once (4.6 KB), and
smaller sizes add a tenth. TAEHV's has 64 and keeps nothing at full size"""
LEAST_WINDOW = 3


@dataclass(frozen=True)
class Plan:
    """Sizes that memory follows from."""

    weights: int
    """numbers in transformer and autoencoder"""
    layers: int
    width: int
    """of the transformer"""
    height_px: int
    width_px: int
    sink: int
    window: int
    rows: int = 1
    """steps of a stream batch"""
    number_bytes: int = 2
    decoder: str = "wan"
    text: float = 0.0
    """bytes of a text encoder that stays"""

    @property
    def tokens(self) -> int:
        """Of a latent frame."""
        return (self.height_px // 16) * (self.width_px // 16)

    @property
    def cache(self) -> float:
        """Bytes of keys and values."""
        frames = self.rows * (self.sink + self.window)
        return 2.0 * self.layers * self.width * self.number_bytes * frames * self.tokens

    @property
    def needed(self) -> float:
        """Bytes in all. Keys that are read are turned into a copy of one layer's, counted in 32 bits."""
        per_pixel = DECODER_BYTES[self.decoder] * self.number_bytes / 4
        turned = 3.0 * 4 * self.width * (self.sink + self.window) * self.tokens * self.rows
        drawing = per_pixel * self.height_px * self.width_px
        return self.weights * self.number_bytes + self.cache + turned + drawing + self.text + BESIDE

    def describe(self, free: float | None = None) -> str:
        """One sentence."""
        size = f"{self.height_px}x{self.width_px}"
        text = f"needs {self.needed / GB:.1f} GB at {size} with a window of {self.window}"
        return text if free is None else f"{text}; {free / GB:.1f} free"

    def check(self, free: float) -> None:
        """Raises ModelError, with what would fit, where ``free`` bytes are too few."""
        if self.needed <= free:
            return
        raise ModelError(f"{self.describe(free)}: {self._advice(free)}.")

    def _advice(self, free: float) -> str:
        fits = next(
            (
                window
                for window in range(self.window - 1, LEAST_WINDOW - 1, -1)
                if replace(self, window=window).needed <= free
            ),
            None,
        )
        if fits is not None:
            return f"use --window {fits}"
        least = replace(self, window=LEAST_WINDOW)
        for share in (0.75, 0.5, 0.375):
            height, width = (
                round(side * share / 16) * 16 for side in (self.height_px, self.width_px)
            )
            small = replace(least, height_px=height, width_px=width)
            if min(height, width) >= 64 and small.needed <= free:
                return f"use --size {width}x{height} --window {LEAST_WINDOW}"
        return "free some, or use a larger device"


def count(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Numbers in tensors of these shapes."""
    return sum(math.prod(shape) for shape in shapes.values())


def free_bytes(device: str) -> float:
    """Memory that can still be had on a torch device."""
    import psutil
    import torch

    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info()[0])
    return float(psutil.virtual_memory().available)


Free = Callable[[str], float]
