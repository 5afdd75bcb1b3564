"""What quantising did to a checkpoint, kept beside its weights; the file is what marks such a folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from phosphene.diffusion.checkpoints.source import QUANTIZED
from phosphene.errors import ModelError, OutputError

VERSION = 1


@dataclass(frozen=True)
class Loss:
    """What one matrix lost."""

    part: str
    name: str
    shape: tuple[int, ...]
    """(out, in)"""
    group: int
    error: float
    """norm of what changed, as a share of the matrix's own norm"""


@dataclass(frozen=True)
class PictureLoss:
    """What quantising did to what is drawn, of the same noise and prompt."""

    predictions: dict[str, float]
    """by timestep: norm of the change of one call's prediction, as a share of its norm"""
    grey_levels: float
    """mean difference of a whole picture, 0..255"""
    psnr: float
    """of that picture, dB"""

    def describe(self) -> str:
        """One line for people."""
        calls = ", ".join(f"{100 * loss:.1f} % at t {t}" for t, loss in self.predictions.items())
        return f"one call changes by {calls}; a picture by {self.grey_levels:.2f} of 255, {self.psnr:.1f} dB"


@dataclass(frozen=True)
class Report:
    """What quantising did to a checkpoint; kept beside the weights."""

    source: str
    bits: int
    megabytes: float
    """of the written weights (10^6 bytes), without the autoencoder's"""
    half_megabytes: float
    """of the same weights in half precision"""
    losses: tuple[Loss, ...]
    picture: PictureLoss | None = None
    version: int = VERSION


def read_report(folder: Path) -> Report:
    """What quantising did to the checkpoint in ``folder``. Raises ModelError."""
    try:
        told = json.loads((folder / QUANTIZED).read_text(encoding="utf-8"))
        told["losses"] = tuple(
            Loss(**(loss | {"shape": tuple(loss["shape"])})) for loss in told["losses"]
        )
        if told["picture"] is not None:
            told["picture"] = PictureLoss(**told["picture"])
        report = Report(**told)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / QUANTIZED} is broken: quantise the model again.") from error
    if report.version != VERSION:
        raise ModelError(f"{folder} was quantised by another version: quantise the model again.")
    return report


def write_report(report: Report, folder: Path) -> None:
    """Put it beside the weights; this is what marks the folder. Raises OutputError."""
    try:
        text = json.dumps(asdict(report), indent=1) + "\n"
        (folder / QUANTIZED).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {folder / QUANTIZED}: {error.strerror}.") from error
