"""The circular memory of training streams: the rule of `phosphene.stream.memory`, for a batch in torch."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from phosphene.training.corrupt import Past


def remember(past: Past, picture: Tensor, frame: int, stride: int) -> Past:
    """The past after `picture` (b, c, h, w) may have been written down.

    Slot 0 is the anchor: written once, when it is empty. The others are a ring, written every `stride`
    frames, oldest first.
    """
    memory, age = past.memory.clone(), past.age.clone()
    empty = age[:, 0] == 0
    memory[:, 0] = torch.where(empty[:, None, None, None], picture, memory[:, 0])
    age[:, 0] = torch.where(empty, torch.ones_like(age[:, 0]), age[:, 0])
    if frame % stride == 0:
        memory[:, 1:] = torch.cat((memory[:, 2:], picture[:, None]), dim=1)
        age[:, 1:] = torch.cat((age[:, 2:], torch.ones_like(age[:, :1])), dim=1)
    return replace(past, memory=memory, age=age)
