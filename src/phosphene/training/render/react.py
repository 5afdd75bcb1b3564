"""What every family does with sound, so that each band can be seen and measured by itself.

bass: the camera comes closer (`camera.view`) and the middle glows. mid: time runs faster
(`camera.clip_time`) and the picture ripples. treble: grain and sparkle. onset: a flash and a twist. beat
phase: the light breathes with the beat.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phosphene.training.render import noise
from phosphene.training.render.canvas import Canvas, Field, smooth


def ripple(
    gen: torch.Generator, clips: int, audio: Tensor, time: Tensor, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Coordinates (n, h, w) shaken by the mid band."""
    rnd = noise.uniform(gen, x.device, clips, 2).repeat_interleave(time.shape[0] // clips, 0)
    mid, t = audio[:, 1].reshape(-1, 1, 1), time[:, None, None]
    phase_x, phase_y = (6.283 * rnd[:, k].reshape(-1, 1, 1) + 1.5 * t for k in range(2))
    # squared: quiet mids leave straight lines straight
    reach = 0.09 * mid * mid
    return x + reach * (5.5 * y + phase_x).sin(), y + reach * (5.5 * x + phase_y).sin()


def react(c: Canvas, field: Field) -> Field:
    """The field after the sound has worked on it."""
    bass, treble, onset = c.hear("bass"), c.hear("treble"), c.hear("onset")
    loud = (c.audio.sum(1) > 0).float()[:, None, None]
    fine = noise.texture(c.gen, c.clips, 3 * c.time, base=28, octaves=2, gain=0.7)
    fine = noise.sample(fine, c.x, c.y)[:, 0]
    value = field.value + 0.045 * treble * fine * smooth(0.02, 0.3, field.value)
    sparkle = smooth(2.2 - 0.4 * treble, 2.9, fine) * treble
    middle = (-1.3 * c.r * c.r).exp()
    glow = 1 + loud * (0.55 * bass - 0.15) * middle
    pulse = 1 + 0.3 * onset + 0.1 * loud * (1 - c.hear("beat_phase")) ** 2
    light = field.light * glow * pulse
    return Field(value + 0.08 * onset, light + (0.25 + 0.75 * light) * sparkle)
