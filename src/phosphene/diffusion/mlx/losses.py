"""What quantised weights do to the picture, next to the weights they were made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import mlx.core as mx
import numpy as np

from phosphene.config import DiffusionConfig, PipelineConfig
from phosphene.diffusion.base import Frames
from phosphene.diffusion.checkpoints import families, source
from phosphene.diffusion.mlx import quantize, tree
from phosphene.diffusion.mlx.pipeline import PIPELINES, MlxStableDiffusion
from phosphene.diffusion.mlx.report import Loss, PictureLoss, Report, write_report
from phosphene.errors import ModelError
from phosphene.stream.conditioning import Context
from phosphene.stream.noise import gaussian

PROMPT = PipelineConfig().prompt.base_prompt
TIMES = (999.0, 500.0, 100.0)
"""of the calls that are compared: noise, half way, nearly a picture"""
WORST = 5
"""matrices of each part that are named"""


@dataclass(frozen=True)
class _Drawn:
    predictions: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]
    picture: Frames


def quantize_model(model: str, folder: Path, bits: int, dtype: str = "auto") -> Report:
    """Quantise a checkpoint into a new folder and measure what it costs the picture.

    Raises ModelError for what is no float checkpoint, OutputError where the folder cannot be written.
    """
    found = source.inspect(model)
    if found.path is not None and source.is_quantized(found.path):
        raise ModelError(f"{model} is quantised already: give the model it was made from.")
    base = families.base_of(found.configs, model)
    report = quantize.write(tree.find(found, base), folder, bits)
    kind = PIPELINES[families.pipeline_of(base)]
    # one after the other, so that both need not fit into memory
    exact, packed = (_draw(kind, place, dtype) for place in (model, str(folder)))
    report = replace(report, picture=_compare(exact, packed))
    write_report(report, folder)
    return report


def describe(report: Report, every: bool = False) -> str:
    """The report for people: a summary of each part and its worst matrices, or ``every`` one."""
    lines = [
        f"{report.bits} bits: {report.megabytes:.0f} MB, {report.half_megabytes:.0f} MB in half precision"
    ]
    for part in dict.fromkeys(loss.part for loss in report.losses):
        losses = [loss for loss in report.losses if loss.part == part]
        mean = sum(loss.error for loss in losses) / len(losses)
        lines.append(f"{part}: {len(losses)} matrices, error {100 * mean:.2f} % on average")
        named = losses if every else sorted(losses, key=_error, reverse=True)[:WORST]
        lines += [_row(loss) for loss in named]
    if report.picture is not None:
        lines.append(report.picture.describe())
    return "\n".join(lines)


def _row(loss: Loss) -> str:
    rows, columns = loss.shape
    return f"  {100 * loss.error:6.2f} %  {rows:>5} x {columns:<5} by {loss.group}  {loss.name}"


def _error(loss: Loss) -> float:
    return loss.error


def _draw(kind: type[MlxStableDiffusion], model: str, dtype: str) -> _Drawn:
    """Single predictions and one whole picture, always of the same noise and prompt."""
    config = PipelineConfig.from_dict({"diffusion": {"model_id": model, "dtype": dtype}})
    kind.suggest(config)
    base = kind(
        DiffusionConfig(model_id=model, dtype=config.diffusion.dtype, device="mlx"),
        config.inference,
    )
    embeds, shape = base.encode_prompt(PROMPT), base.get_latent_shape()
    noise = base.asarray(gaussian(config.inference.seed, 0, 0, shape))
    predictions = []
    for t in TIMES:
        predicted = base.denoise(noise, mx.array([t]), embeds, Context())
        predictions.append(np.array(predicted.astype(mx.float32)))
    return _Drawn(predictions, base.generate_batch(noise, embeds))


def _compare(exact: _Drawn, packed: _Drawn) -> PictureLoss:
    errors = [
        float(np.linalg.norm(a - b) / np.linalg.norm(a))
        for a, b in zip(exact.predictions, packed.predictions, strict=True)
    ]
    difference = exact.picture.astype(np.float64) - packed.picture
    return PictureLoss(
        predictions=dict(zip(map(str, TIMES), errors, strict=True)),
        grey_levels=float(np.abs(difference).mean()),
        psnr=float(10 * np.log10(255**2 / max(float(np.mean(difference**2)), 1e-9))),
    )
