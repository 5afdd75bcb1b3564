"""A figure drawn from the sound, as white lines on black: what the ControlNet is to hold when there is no
picture. A ring that swells with the bass, bends with the mids, grows spikes with the treble and thickens with
every attack, and turns a lobe further with the beat."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

LOBES = 6
SPIKES = 24
RINGS = (0.55, 1.0, 1.6)
"""radii of the three rings, of the middle one's"""


def draw(controls: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Controls (b 5), bass, mid, treble, onset, beat phase in 0..1 -> (b 3 height width) in 0..1."""
    import torch

    told = controls.float().clamp(0.0, 1.0)[:, :, None, None]
    bass, mid, treble, onset, beat = (told[:, i] for i in range(5))
    side = min(height, width)
    y = (torch.arange(height, device=told.device) - (height - 1) / 2) / side
    x = (torch.arange(width, device=told.device) - (width - 1) / 2) / side
    radius = torch.hypot(y[:, None], x[None])[None]
    angle = torch.atan2(y[:, None], x[None].expand(height, -1))[None]
    turn = 2.0 * math.pi * beat / LOBES
    bend = 1.0 + 0.25 * mid * torch.sin(LOBES * (angle + turn))
    spike = 1.0 + 0.15 * treble * torch.cos(SPIKES * (angle - turn)).clamp(min=0.0)
    size = (0.16 + 0.12 * bass) * bend * spike
    thickness = 0.006 + 0.02 * onset
    picture = torch.zeros_like(radius.expand(len(told), -1, -1))
    for ring in RINGS:
        line = torch.exp(-0.5 * ((radius - ring * size) / thickness) ** 2)
        picture = torch.maximum(picture, line)
    return picture[:, None].expand(-1, 3, -1, -1)
