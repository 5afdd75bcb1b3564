"""Windows into clips as a live stream sees them: past, memory, prompt, sound, source, camera, target."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from phosphene.diffusion.lsd.feeds import PLAN_SIZE
from phosphene.diffusion.lsd.modules.lsd import HISTORY, Inputs
from phosphene.training.clips import MEMORIES, planes, source_field
from phosphene.training.corrupt import Past
from phosphene.training.pool import Clips
from phosphene.training.warp import warp

STREAM_T = (0.1, 1.0)
"""timesteps at which streams live"""
GUIDED, GUIDE = 0.5, 0.6
"""share of streams with a guide, and the most that their past is moved towards it"""


@dataclass(frozen=True)
class Streams:
    """A batch of clips, unpacked.

    frames: (b, t, c, h, w). past: the frames before, which may be another clip's. memory: (b, m, c, h, w),
    age: (b, m) at frame 0. audio: (b, t, 5). text: (b, 1, dim). moves: (b, 4). source: (b, t, c, h, w),
    has_source: (b,). owner: (b,) rows of `Clips`.
    """

    frames: Tensor
    past: Tensor
    memory: Tensor
    age: Tensor
    audio: Tensor
    text: Tensor
    moves: Tensor
    source: Tensor
    has_source: Tensor
    owner: Tensor


def draw_streams(clips: Clips, count: int, stranger: float = 0.0) -> Streams:
    """Random clips, half of them mirrored; a share of them has just come from another clip."""
    own = clips.pick(count)
    device = own.device
    changed = torch.rand(count, device=device) < stranger
    before = torch.where(changed, own[torch.randperm(count, device=device)], own)
    mirror = torch.rand(count, device=device) < 0.5
    fields = _mirrored(planes(clips.fields[own]), mirror)
    past = _mirrored(planes(clips.fields[before]), mirror)
    row = clips.source_of[own]
    has_source = (row >= 0).float()
    source = torch.zeros_like(fields[:, MEMORIES:])
    led = row >= 0
    if bool(led.any()):
        luma = clips.source[row[led]]
        seen = source_field(luma.flatten(0, 1)).view(*luma.shape[:2], *source.shape[2:])
        source[led] = _mirrored(seen, mirror[led])
    moves = clips.moves[own]
    # a mirrored picture turns and drifts the other way
    sign = torch.where(mirror, -1.0, 1.0)
    moves = torch.stack((moves[:, 0], moves[:, 1] * sign, moves[:, 2] * sign, moves[:, 3]), dim=1)
    return Streams(
        frames=fields[:, MEMORIES:],
        past=past[:, MEMORIES:],
        memory=past[:, :MEMORIES],
        age=clips.age[before],
        audio=clips.audio[own],
        text=clips.words(own),
        moves=moves,
        source=source,
        has_source=has_source,
        owner=own,
    )


def _mirrored(fields: Tensor, mirror: Tensor) -> Tensor:
    return torch.where(mirror[:, None, None, None, None], fields.flip(-1), fields)


def at(sequence: Tensor, index: Tensor) -> Tensor:
    """sequence (b, t, ...) at each row's own index (b,)."""
    return sequence[torch.arange(len(index), device=index.device), index]


def follow(pictures: Tensor, moves: Tensor, frames: int = 1) -> Tensor:
    """Pictures (b, c, h, w) as the stream's camera shows them `frames` later; still rows are kept."""
    moving = (moves - moves.new_tensor([1.0, 0, 0, 0])).abs().amax(1) > 0
    if not bool(moving.any()):
        return pictures
    several = torch.cat((moves[:, :1] ** frames, moves[:, 1:] * frames), dim=1)
    out = pictures.clone()
    out[moving] = warp(pictures[moving], several[moving])
    return out


def past_of(streams: Streams, k: Tensor) -> Past:
    """What stream rows know when frame k (b,), 2 or later, is drawn."""
    newest = follow(at(streams.past, k - 1), streams.moves)
    before = follow(at(streams.past, k - 2), streams.moves, HISTORY)
    b, device = len(k), k.device
    return Past(
        history=torch.stack((newest, before), dim=1),
        has=torch.ones(b, HISTORY, device=device),
        level=torch.zeros(b, device=device),
        memory=streams.memory,
        age=torch.where(streams.age > 0, streams.age + k[:, None], streams.age),
    )


def guided(past: Past, target: Tensor) -> Past:
    """Some pasts moved towards what comes next, as a show moves them towards its guide.

    Half of the guides are soft: a guide says where things are, the network how fine they are.
    """
    b, device = len(target), target.device
    on = torch.rand(b, device=device) < GUIDED
    weight = (GUIDE * torch.rand(b, device=device) * on)[:, None, None, None]
    soft = F.avg_pool2d(target, 3, 1, 1, count_include_pad=False)
    is_soft = (torch.rand(b, device=device) < 0.5)[:, None, None, None]
    guide = torch.where(is_soft, soft, target)
    newest, before = past.history.unbind(1)
    return replace(past, history=torch.stack((newest + weight * (guide - newest), before), dim=1))


def noisy_start(start: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """(1 - t) start + t noise, t (b,)."""
    amount = t[:, None, None, None]
    return (1 - amount) * start + amount * noise


def inputs_of(
    streams: Streams, past: Past, k: Tensor, latent: Tensor, t: Tensor, text: Tensor | None = None
) -> Inputs:
    """The network's arguments for frame k (b,) of each stream."""
    return Inputs(
        latent=latent,
        timestep=t,
        text=streams.text if text is None else text,
        history=past.history,
        has_history=past.has,
        history_level=past.level,
        memory=past.memory,
        memory_age=past.age,
        source=at(streams.source, k),
        has_source=streams.has_source,
        audio=at(streams.audio, k),
        plan=latent.new_zeros(len(k), PLAN_SIZE),
        has_plan=latent.new_zeros(len(k)),
    )


def step_past(past: Past, picture: Tensor, moves: Tensor) -> Past:
    """The past one frame later: `picture` has joined it and the camera has moved."""
    newest, before = follow(picture, moves), follow(past.history[:, 0], moves)
    one = torch.ones_like(past.has[:, 0])
    return replace(
        past,
        history=torch.stack((newest, before), dim=1),
        has=torch.stack((one, past.has[:, 0]), dim=1),
        age=torch.where(past.age > 0, past.age + 1, past.age),
    )


def join(parts: list[Inputs]) -> Inputs:
    """Batches one after the other."""
    return Inputs(
        *(torch.cat(column) for column in zip(*(p.tensors() for p in parts), strict=True))
    )
