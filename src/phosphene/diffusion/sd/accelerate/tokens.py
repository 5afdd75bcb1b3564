"""Merging tokens that are alike (Bolya & Hoffman, "Token Merging for Fast Stable Diffusion", 2023).

One token of every 2 x 2 is a destination; the others may join the destination they are most like. The
paper draws the destinations at random; here they are always the same, since what jumps from frame to
frame flickers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CELL = 2


@dataclass(frozen=True)
class Merge:
    """Which tokens of (b, n, width) join which."""

    sources: torch.Tensor
    """(s,) indices of tokens that are no destination"""
    destinations: torch.Tensor
    """(d,)"""
    joining: torch.Tensor
    """(b, r) positions in ``sources`` that join"""
    staying: torch.Tensor
    """(b, s - r) positions in ``sources`` that do not"""
    host: torch.Tensor
    """(b, r) position in ``destinations`` that each joins"""

    def merge(self, x: torch.Tensor) -> torch.Tensor:
        """(b, n, width) -> (b, n - r, width); a destination becomes the mean of those in it."""
        import torch

        width = x.shape[-1]
        source, hosts = x[:, self.sources], x[:, self.destinations]
        staying = source.gather(1, self.staying[..., None].expand(-1, -1, width))
        joining = source.gather(1, self.joining[..., None].expand(-1, -1, width))
        index = self.host[..., None].expand(-1, -1, width)
        # sums and counts, for mps cannot scatter means
        counts = torch.ones_like(hosts[..., :1])
        counts = counts.scatter_add(1, self.host[..., None], torch.ones_like(joining[..., :1]))
        hosts = hosts.scatter_add(1, index, joining) / counts
        return torch.cat([staying, hosts], dim=1)

    def unmerge(self, x: torch.Tensor) -> torch.Tensor:
        """(b, n - r, width) -> (b, n, width); who joined gets what its destination got."""
        width, stay = x.shape[-1], self.staying.shape[1]
        staying, hosts = x[:, :stay], x[:, stay:]
        joined = hosts.gather(1, self.host[..., None].expand(-1, -1, width))
        count = len(self.sources) + len(self.destinations)
        out = x.new_empty((len(x), count, width))
        out[:, self.destinations] = hosts
        for where, what in ((self.staying, staying), (self.joining, joined)):
            out.scatter_(1, self.sources[where][..., None].expand(-1, -1, width), what)
        return out


def merge_plan(x: torch.Tensor, height: int, width: int, share: float) -> Merge:
    """Let ``share`` (0..0.75) of the tokens of a picture (b, height * width, c) join the likest ones."""
    import torch

    sources, destinations = _cells(height, width, x.device)
    unit = torch.nn.functional.normalize(x, dim=-1)
    likeness, host = (unit[:, sources] @ unit[:, destinations].transpose(1, 2)).max(dim=-1)
    order = likeness.argsort(dim=-1, descending=True)
    count = min(len(sources), int(share * height * width))
    joining, staying = order[:, :count], order[:, count:]
    return Merge(sources, destinations, joining, staying, host.gather(1, joining))


@lru_cache(maxsize=32)
def _cells(height: int, width: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of the other tokens, and of the first of every cell."""
    import torch

    # on the host, for picking by a mask waits for the device
    grid = torch.arange(height * width, device="cpu").view(height, width)
    first = torch.zeros((height, width), dtype=torch.bool, device="cpu")
    first[::CELL, ::CELL] = True
    return grid[~first].to(device), grid[first].to(device)
