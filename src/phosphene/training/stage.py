"""One stage of training in pieces: steps until its time or the piece's is over, and goes on from there."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from phosphene.training import runtime, sheets

LOG_SECONDS = 10.0
SAVE_SECONDS = 150.0
REPORT_SECONDS = 6.0
"""set aside at the end of a piece for the last sheet and checkpoint"""

Figures = Mapping[str, Tensor]
"""numbers of one step, on the device, so that nobody waits for them"""


class TrainingStage(ABC):
    """What a stage must be able to do. `name` names its files."""

    name: str
    minutes: float

    @abstractmethod
    def step(self, step: int, progress: float) -> Figures:
        """Train once."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything to go on from; tensors, numbers and containers of them only."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""

    @abstractmethod
    def report(self, sheet: Path) -> dict[str, float]:
        """Write a sample sheet; returns figures of the averaged network."""


class CriticStage(TrainingStage):
    """A network that learns against a critic; both are kept."""

    net: nn.Module
    average: runtime.Average
    _critic: nn.Module
    _optim: Optimizer
    _critic_optim: Optimizer

    def state(self) -> dict[str, Any]:
        return {
            **self.average.state(self.net),
            "critic": self._critic.state_dict(),
            "optim": self._optim.state_dict(),
            "critic_optim": self._critic_optim.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.average.restore(state, self.net)
        self._critic.load_state_dict(state["critic"])
        runtime.restore_optimisers(state, optim=self._optim, critic_optim=self._critic_optim)

    def teach(self, loss: Tensor) -> None:
        """One step of the critic."""
        self._critic_optim.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._critic_optim.step()


def finished(out: Path, name: str, minutes: float) -> bool:
    """Whether a stage has had its time."""
    path = out / f"{name}.json"
    if minutes <= 0:
        return True
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["progress"] >= 1


def run_stage(stage: TrainingStage, out: Path, deadline: float, device_name: str) -> bool:
    """Train until the stage's minutes are used up (True) or the monotonic `deadline` is near (False).

    One step is taken in any case: pieces add up to a training even on a machine that is busy.
    """
    path = out / f"{stage.name}.pt"
    step, spent = 0, 0.0
    if path.exists():
        state = runtime.load(path, runtime.pick_device(device_name))
        stage.restore(state["stage"])
        step, spent = state["step"], state["spent_s"]
    log = _read_log(out / f"{stage.name}.jsonl", step)
    clock = runtime.Clock(60 * stage.minutes, spent)
    logged = saved = time.monotonic()
    since = step
    end = deadline - REPORT_SECONDS
    while clock.progress < 1 and (step == since or time.monotonic() < end):
        figures = stage.step(step, clock.progress)
        step += 1
        now = time.monotonic()
        if now - logged > LOG_SECONDS or step == since + 1:
            row = {"step": float(step), "minutes": clock.spent_s / 60}
            row |= {name: float(value) for name, value in figures.items()}
            _append(out / f"{stage.name}.jsonl", row, log)
            logged = now
        if now - saved > SAVE_SECONDS:
            _save(stage, out, step, clock, log)
            saved = time.monotonic()
    return _save(stage, out, step, clock, log) >= 1


def _save(
    stage: TrainingStage, out: Path, step: int, clock: runtime.Clock, log: list[dict[str, float]]
) -> float:
    """Write sheet, checkpoint and figures; returns the progress they are of."""
    spent, progress = clock.spent_s, clock.progress
    figures = stage.report(out / "sheets" / f"{stage.name}-{step:06d}.png")
    state = {"stage": stage.state(), "step": step, "spent_s": spent}
    runtime.save(out / f"{stage.name}.pt", state)
    told = {"step": step, "minutes": round(spent / 60, 2), "progress": progress, **figures}
    (out / f"{stage.name}.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if log:
        sheets.save_curves(out / "sheets" / f"{stage.name}-curves.png", log, stage.name)
    text = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    print(f"{stage.name}: step {step}, {spent / 60:.1f} min, {text}", flush=True)
    return progress


def _append(path: Path, row: dict[str, float], log: list[dict[str, float]]) -> None:
    log.append(row)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({name: round(value, 6) for name, value in row.items()}) + "\n")
    numbers = " ".join(f"{k} {v:.4g}" for k, v in row.items() if k not in ("step", "minutes"))
    print(f"{path.stem} {row['step']:.0f} {row['minutes']:.2f}m {numbers}", flush=True)


def _read_log(path: Path, step: int) -> list[dict[str, float]]:
    """What was logged up to a step; a piece that was killed may have logged more."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["step"] <= step]
