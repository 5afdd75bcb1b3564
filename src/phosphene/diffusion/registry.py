"""Finding a pipeline by name; third parties add theirs by entry point."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.base import BaseDiffusionPipeline, BasePipeline, WorkerNeeds
from phosphene.diffusion.checkpoints.source import is_place, pipeline_for
from phosphene.diffusion.chunk_stream import draws_pictures
from phosphene.diffusion.wan.layout import find
from phosphene.diffusion.wan.pipeline import WanPipeline
from phosphene.errors import ConfigError, ModelError, hint

GROUP = "phosphene.pipelines"
ELSEWHERE = {
    ("lsd", "mlx"): "phosphene.diffusion.mlx.lsd:MlxLSDPipeline",
    ("sd15", "mlx"): "phosphene.diffusion.mlx.pipeline:MlxSD15Pipeline",
    ("sdxl", "mlx"): "phosphene.diffusion.mlx.pipeline:MlxSDXLPipeline",
}
"""(name, device) -> the class that draws there in place of the registered one"""


def pipeline_names() -> list[str]:
    """Names that ``DiffusionConfig.model`` may take."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def pipeline_class(name: str) -> type[BasePipeline]:
    """Class registered as ``name``, or the one that draws the checkpoint at the place ``name``.

    Raises ConfigError for an unknown name, ModelError for a place without a usable checkpoint.
    """
    if is_place(name):
        if find(name) is not None:
            return WanPipeline
        name = pipeline_for(name)
    for point in entry_points(group=GROUP):
        if point.name == name:
            found = point.load()
            if not issubclass(found, BasePipeline):
                raise ModelError(
                    f"pipeline '{name}' ({point.value}) is not a BaseDiffusionPipeline or ChunkPipeline."
                )
            return found  # type: ignore[no-any-return]
    raise ConfigError(f"unknown model '{name}': {hint(name, pipeline_names())}")


def load_pipeline(diffusion: DiffusionConfig, inference: InferenceConfig) -> BasePipeline:
    """Make and load the configured pipeline, on the configured device."""
    kind = pipeline_class(diffusion.model)
    return on_device(kind, kind.device_for(diffusion))(diffusion, inference)


def load_picture_pipeline(
    diffusion: DiffusionConfig, inference: InferenceConfig
) -> BaseDiffusionPipeline:
    """The same where only a model that draws a picture a call will do. Raises ConfigError for others."""
    return draws_pictures(load_pipeline(diffusion, inference), "this")


def on_device(kind: type[BasePipeline], device: str | None) -> type[BasePipeline]:
    """The class that draws what ``kind`` draws on a device; itself, unless another one does."""
    place = ELSEWHERE.get((kind.name, device or ""))
    if place is None:
        return kind
    module, _, name = place.partition(":")
    found: type[BasePipeline] = getattr(import_module(module), name)
    return found


def worker_needs(model: str) -> WorkerNeeds:
    """What a machine must have to draw ``model``; of a place, where no weights are read for it, the usual."""
    return WorkerNeeds() if is_place(model) else pipeline_class(model).needs
