"""From drawn clips to the batches that the networks see."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from phosphene.diffusion.lsd.judge import mixtures  # noqa: E402
from phosphene.diffusion.lsd.motifs import Reader  # noqa: E402
from phosphene.diffusion.lsd.render import Motif  # noqa: E402
from phosphene.diffusion.lsd.text import TextEncoder  # noqa: E402
from phosphene.training.bank import Running, StreamBank  # noqa: E402
from phosphene.training.clips import (  # noqa: E402
    LEAD,
    MEMORIES,
    STRIDE,
    draw_clips,
    drawings,
    family_names,
    planes,
)
from phosphene.training.config import TrainConfig, plan  # noqa: E402
from phosphene.training.pool import Clips, gather_clips, until  # noqa: E402
from phosphene.training.streams import at, draw_streams, follow, guided, past_of  # noqa: E402
from phosphene.training.train_flow import flow_batch  # noqa: E402
from phosphene.training.warp import warp  # noqa: E402

CPU = torch.device("cpu")


def test_a_clip_is_old_frames_and_consecutive_ones(tiny: TrainConfig) -> None:
    clip = draw_clips(tiny.data, Motif("spiral"), 5)
    assert clip.fields.shape == (2, MEMORIES + 4, 2, 16, 16)
    assert clip.fields.dtype == torch.uint8
    assert clip.audio.shape == (2, 4, 5)
    oldest, newest = clip.age[0].tolist()
    assert LEAD >= oldest > newest + STRIDE
    assert 1 <= newest <= 2 * STRIDE
    again = draw_clips(tiny.data, Motif("spiral"), 5)
    assert torch.equal(clip.fields, again.fields)
    assert clip.captions == again.captions
    assert not torch.equal(clip.fields, draw_clips(tiny.data, Motif("spiral"), 6).fields)


def test_the_fine_frame_is_the_last_coarse_one_and_wide_clips_show_more(tiny: TrainConfig) -> None:
    data = tiny.data.model_copy(update={"size": 64, "restyled": 0.0, "still": 1.0})
    clip = draw_clips(data, Motif("plasma"), 5, fine=True)
    assert clip.fine is not None
    middles = clip.fine.float().unfold(2, 4, 4).unfold(3, 4, 4)[..., 1:3, 1:3].mean((-1, -2))
    assert (middles - clip.fields[:, -1]).abs().mean() < 3
    wide = draw_clips(data, Motif("plasma"), 5, wide=True)
    assert wide.fields.shape[-2:] == (64, 112)
    # a wide field is the square one with more beside it
    assert torch.equal(wide.fields[:, 2:, ..., 24:88], clip.fields[:, 2:])


def test_frames_follow_the_camera_that_is_told(tiny: TrainConfig) -> None:
    """A frame moved as the stream's camera moves it is nearer to the next than left as it is."""
    data = tiny.data.model_copy(update={"size": 64, "restyled": 0.0, "still": 0.0, "batch": 12})
    clip = draw_clips(data, Motif("cells"), 3)
    before, after = clip.fields[:, -2].float(), clip.fields[:, -1].float()
    assert (follow(before, clip.moves) - after).abs().mean() < (before - after).abs().mean()


def test_splits_share_no_clip_and_families_take_turns(tiny: TrainConfig) -> None:
    tiny.data.mixed = 0.0
    train, test = (list(islice(drawings(tiny.data, s, 0), 3)) for s in ("train", "test"))
    assert len({clip.motif for clip in train}) == 3
    for a, b in zip(train, test, strict=True):
        assert a.motif == b.motif
        assert not torch.equal(a.fields, b.fields)


def test_a_share_is_mixed_and_some_pairs_never_are() -> None:
    data = plan("cpu").data.model_copy(update={"batch": 1, "size": 16})
    names = family_names(data)
    trained, unseen = mixtures(names)
    assert len(unseen) == 40
    assert not set(trained) & set(unseen)
    drawn = list(islice(drawings(data, "train", 0), 150))
    mixed = [clip.motif in trained for clip in drawn]
    assert abs(np.mean(mixed) - data.mixed) < 0.1
    # and the network is shown as large a share of them
    pool = gather_clips(iter(drawn), Reader(TextEncoder()), CPU)
    rows = pool.pick(4000).bincount(minlength=len(pool)).float()
    assert abs(rows[torch.tensor(mixed)].sum() / 4000 - np.mean(mixed)) < 0.03


def test_drawing_stops_at_the_count_or_at_the_time(tiny: TrainConfig) -> None:
    batches = drawings(tiny.data, "train", 0)
    assert sum(len(b) for b in until(batches, 5, 1e6)) == 6
    assert sum(len(b) for b in until(batches, 1000, 0.0)) == 2


def test_clips_lie_side_by_side_with_their_sources(clips: Clips) -> None:
    assert len(clips) == 6
    assert clips.frames == 4
    assert clips.fields.shape == (6, MEMORIES + 4, 2, 16, 16)
    assert clips.text.shape == (6, 128)
    assert clips.source_of.tolist() == [-1] * 4 + [0, 1]
    assert clips.source.shape == (2, 4, 16, 16)
    torch.manual_seed(0)
    picked = torch.bincount(clips.pick(600), minlength=6)
    assert picked.min() > 60


def test_streams_are_clips_some_of_them_mirrored(clips: Clips) -> None:
    torch.manual_seed(0)
    streams = draw_streams(clips, 64)
    assert torch.equal(streams.frames, streams.past)
    whole = planes(clips.fields[streams.owner])[:, MEMORIES:]
    mirrored = (streams.frames != whole).flatten(1).any(1)
    assert 0.25 < mirrored.float().mean() < 0.75
    assert torch.equal(streams.frames[mirrored], whole.flip(-1)[mirrored])
    assert (streams.has_source == (clips.source_of[streams.owner] >= 0)).all()
    assert streams.frames.abs().max() <= 1


def test_guides_pull_some_pasts_towards_what_comes(clips: Clips) -> None:
    torch.manual_seed(0)
    streams = draw_streams(clips, 200, stranger=1.0)
    target = streams.frames[:, 3]
    past = past_of(streams, torch.full((200,), 3))
    before, after = past.history[:, 0], guided(past, target).history[:, 0]
    nearer = (after - target).abs().mean((1, 2, 3)) < (before - target).abs().mean((1, 2, 3))
    kept = (after == before).flatten(1).all(1)
    assert abs(kept.float().mean() - 0.5) < 0.1
    assert nearer[~kept].float().mean() > 0.9
    assert torch.equal(guided(past, target).history[:, 1], past.history[:, 1])


def test_the_past_is_what_came_before(clips: Clips) -> None:
    torch.manual_seed(0)
    streams = draw_streams(clips, 16)
    still = (streams.moves == torch.tensor([1.0, 0, 0, 0])).all(1)
    past = past_of(streams, torch.full((16,), 3))
    assert torch.equal(past.history[still, 0], streams.frames[still, 2])
    assert torch.equal(past.history[still, 1], streams.frames[still, 1])
    assert torch.equal(past.age, streams.age + 3)


def test_camera_moves_pictures_as_the_show_does() -> None:
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
    assert told.latent.shape == target.shape == (400, 2, 16, 16)
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
