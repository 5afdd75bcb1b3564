"""From drawn clips to the batches that the networks see."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

torch = pytest.importorskip("torch")

from phosphene.training.bank import Running, StreamBank  # noqa: E402
from phosphene.training.clips import LEAD, MEMORIES, STRIDE, draw, drawings  # noqa: E402
from phosphene.training.config import TrainConfig  # noqa: E402
from phosphene.training.pool import Clips, gather_frames, until  # noqa: E402
from phosphene.training.streams import at, draw_streams, follow, past_of  # noqa: E402
from phosphene.training.train_flow import flow_batch  # noqa: E402
from phosphene.training.warp import warp  # noqa: E402

CPU = torch.device("cpu")


def test_a_clip_is_old_frames_and_consecutive_ones(tiny: TrainConfig) -> None:
    clip = draw(tiny.data, "spiral", 5, CPU)
    assert clip.frames.shape == (2, MEMORIES + 4, 64, 64, 3)
    assert clip.audio.shape == (2, 4, 5)
    ages = clip.age[0].tolist()
    assert ages == sorted(ages, reverse=True)
    assert 1 <= ages[-1] <= STRIDE
    assert [a - b for a, b in pairwise(ages[1:])] == [STRIDE, STRIDE]
    assert ages[0] <= LEAD
    again = draw(tiny.data, "spiral", 5, CPU)
    assert torch.equal(clip.frames, again.frames)
    assert clip.captions == again.captions
    assert not torch.equal(clip.frames, draw(tiny.data, "spiral", 6, CPU).frames)


def test_splits_share_no_clip_and_families_take_turns(tiny: TrainConfig) -> None:
    train, test = (list(islice(drawings(tiny.data, s, 0, CPU), 3)) for s in ("train", "test"))
    assert len({clip.family for clip in train}) == 3
    for a, b in zip(train, test, strict=True):
        assert a.family == b.family
        assert not torch.equal(a.frames, b.frames)


def test_drawing_stops_at_the_count_or_at_the_time(tiny: TrainConfig) -> None:
    batches = drawings(tiny.data, "train", 0, CPU)
    assert sum(len(b) for b in until(batches, 5, 1e6)) == 6
    assert sum(len(b) for b in until(batches, 1000, 0.0)) == 2


def test_codec_frames_include_sources(tiny: TrainConfig) -> None:
    plain, mixed = (
        gather_frames(until(drawings(tiny.data, "train", 0, CPU), 4, 1e6), share, 0, CPU)
        for share in (0.0, 1.0)
    )
    assert plain.shape[1:] == mixed.shape[1:] == (64, 64, 3)
    assert plain.dtype == torch.uint8
    assert len(mixed) == len(plain) + 2 * 2 * 2


def test_clips_are_encoded_with_twins_and_sources(clips: Clips) -> None:
    assert len(clips) == 8
    assert clips.frames == 4
    assert clips.latents.shape == (8, MEMORIES + 4, 8, 8, 8)
    assert clips.text.shape == (8, 1, 128)
    twins = [(i, int(j)) for i, j in enumerate(clips.twin) if i != int(j)]
    assert twins == [(2, 4), (3, 5), (4, 2), (5, 3)]
    for i, j in twins:
        assert clips.family[i] == clips.family[j]
        assert torch.equal(clips.audio[i], clips.audio[j])
        assert not torch.equal(clips.latents[i], clips.latents[j])
    assert clips.source_of.tolist() == [-1] * 6 + [0, 1]
    assert clips.source.shape == (2, 4, 8, 8, 8)


def test_streams_are_clips_some_of_them_mirrored(clips: Clips) -> None:
    torch.manual_seed(0)
    streams = draw_streams(clips, 64)
    assert torch.equal(streams.frames, streams.past)
    whole = clips.latents[streams.owner][:, MEMORIES:].float()
    mirrored = (streams.frames != whole).flatten(1).any(1)
    assert 0.25 < mirrored.float().mean() < 0.75
    assert torch.equal(streams.frames[mirrored], whole.flip(-1)[mirrored])
    assert (streams.has_source == (clips.source_of[streams.owner] >= 0)).all()


def test_a_recoloured_past_has_the_twins_colours(clips: Clips) -> None:
    torch.manual_seed(0)
    streams = draw_streams(clips, 64, recoloured=1.0)
    twin = clips.twin[streams.owner] != streams.owner
    changed = (streams.frames != streams.past).flatten(1).any(1)
    assert twin.any()
    assert torch.equal(twin, changed)


def test_the_past_is_what_came_before(clips: Clips) -> None:
    torch.manual_seed(0)
    streams = draw_streams(clips, 16)
    still = (streams.moves == torch.tensor([1.0, 0, 0, 0])).all(1)
    past = past_of(streams, torch.full((16,), 3))
    assert torch.equal(past.history[still, 0], streams.frames[still, 2])
    assert torch.equal(past.history[still, 1], streams.frames[still, 1])
    assert torch.equal(past.age, streams.age + 3)


def test_camera_moves_pictures_as_the_show_does() -> None:
    import numpy as np

    from phosphene.stream.camera import CameraMove
    from phosphene.stream.camera import warp as live_warp

    torch.manual_seed(0)
    latent = torch.randn(1, 8, 12, 12)
    move = torch.tensor([[1.03, 0.05, 0.01, -0.02]])
    theirs = live_warp(latent.numpy(), CameraMove(1.03, 0.05, 0.01, -0.02))
    assert np.allclose(warp(latent, move).numpy(), theirs, atol=1e-3)
    still = torch.tensor([[1.0, 0, 0, 0]])
    assert follow(latent, still) is latent
    assert torch.allclose(follow(latent, still), warp(latent, still), atol=1e-4)


def test_flow_batches_hold_every_kind_of_row(clips: Clips, tiny: TrainConfig) -> None:
    torch.manual_seed(0)
    told, target, weight = flow_batch(clips, tiny, 400)
    assert told.latent.shape == target.shape == (400, 8, 8, 8)
    assert told.timestep.max() == 1
    assert told.timestep.min() > 0
    assert abs((told.text == 0).all(-1).float().mean() - tiny.flow.no_text) < 0.06
    assert (told.has_history.sum(1) == 0).any()
    assert (told.has_history.sum(1) == 2).any()
    assert (told.memory_age.sum(1) == 0).any()
    assert told.has_source.any()
    assert weight.min() >= 1
    tiny.memory_on = False
    assert not flow_batch(clips, tiny, 50)[0].memory_age.any()


def test_the_bank_keeps_the_newest_streams(clips: Clips) -> None:
    torch.manual_seed(0)
    bank = StreamBank(6)

    def running(value: float) -> Running:
        streams = draw_streams(clips, 4)
        past = past_of(streams, torch.full((4,), 2))
        past.history.fill_(value)
        return Running(past, streams.owner, streams.moves)

    bank.put(running(1.0))
    assert len(bank) == 4
    bank.put(running(2.0))
    assert len(bank) == 6
    values = set(bank.take(200, clips).past.history[:, 0, 0, 0, 0].tolist())
    assert values == {1.0, 2.0}
    assert at(torch.arange(6.0).view(2, 3), torch.tensor([0, 2])).tolist() == [0.0, 5.0]
