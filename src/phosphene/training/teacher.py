"""Pictures that the stage-1 network draws in many steps: what the few-step student must match.

Noise and picture of such a pair belong together, so a student that maps one to the other in one step does
not average over all the pictures a prompt allows, which is what blurs (reflow; Liu et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from phosphene.training import runtime
from phosphene.training.config import UnrollSettings
from phosphene.training.corrupt import quantise
from phosphene.training.pool import Clips
from phosphene.training.sample import Velocity, from_noise

CHUNK = 256


@dataclass(frozen=True)
class Pairs:
    """noise, picture: (n, c, h, w) float16. text: (n, 1, dim). audio: (n, 5). owner: (n,) rows of `Clips`.

    The text is one of the owner's.
    """

    noise: Tensor
    picture: Tensor
    text: Tensor
    audio: Tensor
    owner: Tensor

    def __len__(self) -> int:
        return len(self.owner)


@torch.no_grad()
def draw_pairs(net: Velocity, clips: Clips, cfg: UnrollSettings, device: torch.device) -> Pairs:
    """Pairs for random prompts of the clips."""
    noises, pictures, texts, sounds, owners = [], [], [], [], []
    for start in range(0, cfg.pairs, CHUNK):
        n = min(CHUNK, cfg.pairs - start)
        owner = clips.pick(n)
        text = clips.words(owner)
        audio = clips.audio[owner, int(torch.randint(clips.frames, ()))]
        noise = torch.randn(n, *clips.fields.shape[2:], device=device)
        with runtime.fast_math(device):
            picture = from_noise(net, noise, text, audio, cfg.teacher_steps, cfg.guidance)
        noises.append(noise.half())
        pictures.append(quantise(picture).half())
        texts.append(text)
        sounds.append(audio)
        owners.append(owner)
    return Pairs(*map(torch.cat, (noises, pictures, texts, sounds, owners)))
