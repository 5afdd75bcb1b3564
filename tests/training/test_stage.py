"""Training in pieces: averages, clocks, checkpoints, and going on exactly where one stopped."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from phosphene.training import piece, runtime, stage, stream_sheet  # noqa: E402
from phosphene.training.config import TrainConfig  # noqa: E402
from phosphene.training.pool import Clips  # noqa: E402
from phosphene.training.train_flow import PLANNED, FlowStage, flow_batch  # noqa: E402
from phosphene.training.train_sharpen import SharpenStage  # noqa: E402
from phosphene.training.train_unroll import UnrollStage  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def short_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets after four frames instead of 96, written in a second."""
    monkeypatch.setattr(stream_sheet, "SHOWN", (1, 4))
    monkeypatch.setattr(stage, "REPORT_SECONDS", 1.0)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_clock_goes_on_and_learning_rate_falls() -> None:
    clock = runtime.Clock(10.0, spent_s=5.0)
    assert 0.5 <= clock.progress < 0.6
    assert runtime.Clock(0.0).progress == 1
    assert runtime.learning_rate(1.0, 0, 0.0) < 0.01
    assert runtime.learning_rate(1.0, 1000, 0.0) == 1.0
    assert runtime.learning_rate(1.0, 1000, 1.0) == pytest.approx(0.0)


def test_average_follows_slowly_and_copies_buffers() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    average = runtime.Average(module, 0.9)
    before = average.module[0].weight.clone()
    module[0].weight.data.add_(1.0)
    module(torch.randn(8, 2))
    average.update(module)
    gap = (average.module[0].weight - before).mean()
    assert 0 < gap < 1
    assert torch.equal(average.module[1].running_mean, module[1].running_mean)
    for _ in range(200):
        average.update(module)
    assert torch.allclose(average.module[0].weight, module[0].weight, atol=1e-3)
    assert not any(p.requires_grad for p in average.module.parameters())


def stages(name: str, cfg: TrainConfig, clips: Clips) -> stage.TrainingStage:
    """A stage as a new process makes it."""
    if name == "sharpen":
        torch.manual_seed(7)
        sides = ((6, 2, 16, 16), (6, 2, 64, 64))
        coarse, fine = (torch.randint(0, 256, side, dtype=torch.uint8) for side in sides)
        return SharpenStage(cfg.sharpen, (coarse, fine), CPU)
    flow = FlowStage(cfg, clips, None, CPU)
    return flow if name == "flow" else UnrollStage(cfg, clips, flow.net, CPU)


def test_most_pictures_from_nothing_are_told_the_plan_of_their_target(
    tiny: TrainConfig, clips: Clips
) -> None:
    tiny.corruption.alone = 0.5
    flow = FlowStage(tiny, clips, None, CPU)
    torch.manual_seed(0)
    told, target, _ = flow_batch(clips, tiny, 400)
    planned, code, nats = flow._planned(told, target)
    free = (told.has_history[:, 0] == 0) & (told.has_source == 0)
    has = planned.has_plan > 0
    assert not has[~free].any()
    assert abs(float(has[free].float().mean()) - PLANNED) < 0.1
    assert (nats[has] > 0).all() and not nats[~has].any()
    # the numbers told are those from which the prompt's prior would have drawn that very plan
    assert torch.allclose(flow.net.block.plan.code(told.text, planned.plan), code, atol=1e-4)
    # and it is the target's plan: the reader learns from what is drawn with it
    nats.sum().backward()
    assert all(p.grad is not None for p in flow._reader.parameters())
    _, other, _ = flow._planned(told, target.flip(0))
    assert (other - code).abs().mean() > 1e-3


@pytest.mark.parametrize("name", ["flow", "unroll", "sharpen"])
def test_a_restored_stage_takes_the_very_same_steps(
    name: str, tiny: TrainConfig, clips: Clips, tmp_path: Path
) -> None:
    tiny.unroll.long = 0.0  # long streams live in one piece
    first = stages(name, tiny, clips)
    for step in range(2):
        first.step(step, 0.6)
    runtime.save(tmp_path / "a.pt", {"stage": first.state()})
    torch.manual_seed(3)
    for step in range(2, 4):
        first.step(step, 0.6)

    second = stages(name, tiny, clips)
    second.restore(runtime.load(tmp_path / "a.pt", CPU)["stage"])
    torch.manual_seed(3)
    if name == "unroll":
        # the teacher's pairs belong to a piece; here both must see the same
        second._pairs = first._pairs
    for step in range(2, 4):
        second.step(step, 0.6)
    for part in ("model", "average"):
        assert same(first.state()[part], second.state()[part]), part


def test_a_killed_piece_goes_on_from_its_checkpoint(
    tiny: TrainConfig, clips: Clips, tmp_path: Path
) -> None:
    """What was logged after the last checkpoint is forgotten, like the steps themselves."""
    tiny.flow.minutes = 0.02
    first = FlowStage(tiny, clips, None, CPU)
    assert stage.run_stage(first, tmp_path, time.monotonic() + 60, "cpu")
    kept = runtime.load(tmp_path / "flow.pt", CPU)
    with (tmp_path / "flow.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": kept["step"] + 50.0, "minutes": 9.0, "loss": 1.0}) + "\n")
    assert not (tmp_path / "flow.part").exists()
    assert len(stage._read_log(tmp_path / "flow.jsonl", kept["step"])) == 1
    told = json.loads((tmp_path / "flow.json").read_text())
    assert told["step"] == kept["step"]
    assert stage.finished(tmp_path, "flow", tiny.flow.minutes)
    # with no time left, a second piece trains nothing and changes nothing
    second = FlowStage(tiny, clips, None, CPU)
    assert stage.run_stage(second, tmp_path, time.monotonic() + 60, "cpu")
    assert same(kept["stage"]["model"], second.state()["model"])
    assert runtime.load(tmp_path / "flow.pt", CPU)["step"] == kept["step"]


def test_pieces_add_up_to_a_training(tiny: TrainConfig, tmp_path: Path) -> None:
    """Short pieces, as on a GPU that is lent for minutes: each stops in time, the last is the end."""
    tiny.flow.minutes = tiny.unroll.minutes = tiny.sharpen.minutes = 0.015
    done = [piece.train(tmp_path, tiny, minutes=0.01)]
    assert done == [False]
    assert not (tmp_path / "sharpen.pt").exists()
    while not done[-1]:
        assert len(done) < 60
        done.append(piece.train(tmp_path, tiny, minutes=0.08))
    for name in ("flow", "unroll", "sharpen"):
        assert stage.finished(tmp_path, name, 0.015)
        assert list((tmp_path / "sheets").glob(f"{name}-[0-9]*.png"))
    assert piece.train(tmp_path, tiny, minutes=0.08)


def test_packed_runs_go_on(tiny: TrainConfig, clips: Clips, tmp_path: Path) -> None:
    from phosphene.training.pack import pack, unpack

    run, packed, again = (tmp_path / name for name in ("run", "packed", "again"))
    run.mkdir()
    (run / "train.toml").write_text(tiny.dumps_toml())
    tiny.flow.minutes = 0.02
    whole = FlowStage(tiny, clips, None, CPU)
    stage.run_stage(whole, run, time.monotonic() + 60, "cpu")
    made = pack(run, packed)
    assert {p.name for p in made} == {"flow.pt", "notes.zip"}
    assert (packed / "flow.pt").stat().st_size < 0.3 * (run / "flow.pt").stat().st_size
    unpack(packed, again)
    assert TrainConfig.from_toml(again / "train.toml").data == tiny.data
    back = FlowStage(tiny, clips, None, CPU)
    back.restore(runtime.load(again / "flow.pt", CPU)["stage"])
    for name, value in whole.state()["average"].items():
        assert torch.allclose(back.state()["average"][name], value, atol=2e-3)
    back.step(0, 0.5)
