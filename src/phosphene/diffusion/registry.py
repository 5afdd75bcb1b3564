"""Finding a pipeline by name; third parties add theirs by entry point."""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points

from phosphene.config import DiffusionConfig, InferenceConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.diffusion.sd.source import is_place, pipeline_for
from phosphene.errors import ConfigError, ModelError

GROUP = "phosphene.pipelines"


def pipeline_names() -> list[str]:
    """Names that ``DiffusionConfig.model`` may take."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def pipeline_class(name: str) -> type[BaseDiffusionPipeline]:
    """Class registered as ``name``, or the one that draws the checkpoint at the place ``name``.

    Raises ConfigError for an unknown name, ModelError for a place without a usable checkpoint.
    """
    if is_place(name):
        name = pipeline_for(name)
    for point in entry_points(group=GROUP):
        if point.name == name:
            found = point.load()
            if not issubclass(found, BaseDiffusionPipeline):
                raise ModelError(
                    f"pipeline '{name}' ({point.value}) is not a BaseDiffusionPipeline."
                )
            return found  # type: ignore[no-any-return]
    near = difflib.get_close_matches(name, pipeline_names(), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(pipeline_names())}."
    raise ConfigError(f"unknown model '{name}': {hint}")


def load_pipeline(diffusion: DiffusionConfig, inference: InferenceConfig) -> BaseDiffusionPipeline:
    """Make and load the configured pipeline, on the configured device."""
    return pipeline_class(diffusion.model).fitting(diffusion)(diffusion, inference)
