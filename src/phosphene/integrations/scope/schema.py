"""Parameters as the settings class that Scope builds its panel, OSC, DMX and MIDI maps from."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, create_model

from phosphene.integrations.scope.knobs import Knob

DOCS = "https://pypi.org/project/phosphene/"
PORT = "audio"

if TYPE_CHECKING:
    from phosphene.integrations.scope.offers import Offer


def config_class(offer: Offer) -> type:
    """The subclass of Scope's ``BasePipelineConfig`` that describes ``offer``."""
    from scope.core.pipelines.artifacts import HuggingfaceRepoArtifact
    from scope.core.pipelines.base_schema import BasePipelineConfig, ModeDefaults

    fetched = [
        HuggingfaceRepoArtifact(repo_id=repo, files=list(files))
        for repo, files in offer.models.items()
    ]

    class Described(BasePipelineConfig):  # type: ignore[misc]
        """What Scope knows of the pipeline besides its parameters."""

        pipeline_id: ClassVar[str] = offer.id
        pipeline_name: ClassVar[str] = offer.name
        pipeline_description: ClassVar[str] = offer.description
        pipeline_version: ClassVar[str] = version("phosphene")
        docs_url: ClassVar[str | None] = DOCS
        artifacts: ClassVar[list[Any]] = fetched
        supports_lora: ClassVar[bool] = offer.loras
        estimated_vram_gb: ClassVar[float | None] = offer.vram_gb
        supports_prompts: ClassVar[bool] = True
        min_dimension: ClassVar[int] = 64
        inputs: ClassVar[list[Any]] = ["video", *_audio_port()]
        outputs: ClassVar[list[str]] = ["video"]
        modes: ClassVar[dict[str, Any]] = {
            "video": ModeDefaults(default=True),
            "text": ModeDefaults(),
        }

    fields: dict[str, Any] = {
        knob.name: (_type(knob), _field(knob, order)) for order, knob in enumerate(offer.knobs)
    }
    made: type = create_model(
        f"{offer.name.title().replace(' ', '')}Config", __base__=Described, **fields
    )
    return made


def _audio_port() -> list[Any]:
    try:
        from scope.core.nodes.base import NodePort
    except ImportError:
        # before 0.2.3 there were ports for pictures alone
        return []
    return [
        NodePort(
            name=PORT, port_type="audio", required=False, description="Pictures move to this sound."
        )
    ]


def _type(knob: Knob) -> Any:
    # a Literal, since Scope's OSC loses the choices of an enum
    return Literal[knob.choices] if knob.choices else type(knob.default)


def _field(knob: Knob, order: int) -> Any:
    from scope.core.pipelines.base_schema import ui_field_config

    number = knob.low is not None
    ui = ui_field_config(
        order=order,
        label=knob.label,
        is_load_param=knob.load,
        component=knob.component,
        modulatable=number and not knob.load and knob.component is None,
    )
    return Field(
        knob.default, ge=knob.low, le=knob.high, description=knob.help, json_schema_extra=ui
    )
