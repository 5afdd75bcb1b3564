"""What the host knows of a pipeline's parameters."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


def ui_field_config(
    *,
    order=None,
    component=None,
    modes=None,
    is_load_param=False,
    label=None,
    category=None,
    modulatable=False,
    modulatable_min=None,
    modulatable_max=None,
):
    told = {
        "order": order,
        "component": component,
        "modes": modes,
        "label": label,
        "modulatable": modulatable or None,
        "modulatable_min": modulatable_min,
        "modulatable_max": modulatable_max,
    }
    ui = {name: value for name, value in told.items() if value is not None}
    ui |= {"category": category or "configuration", "is_load_param": is_load_param}
    return {"ui": ui}


class ModeDefaults(BaseModel):
    model_config = ConfigDict(extra="forbid")
    default: bool = False
    height: int | None = None
    width: int | None = None


class BasePipelineConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pipeline_id: ClassVar[str] = "base"
    pipeline_name: ClassVar[str] = ""
    pipeline_description: ClassVar[str] = ""
    pipeline_version: ClassVar[str] = "1.0.0"
    docs_url: ClassVar[str | None] = None
    artifacts: ClassVar[list] = []
    supports_lora: ClassVar[bool] = False
    estimated_vram_gb: ClassVar[float | None] = None
    supports_prompts: ClassVar[bool] = True
    min_dimension: ClassVar[int] = 1
    inputs: ClassVar[list] = ["video"]
    outputs: ClassVar[list[str]] = ["video"]
    modes: ClassVar[dict[str, ModeDefaults]] = {"text": ModeDefaults(default=True)}

    height: int = Field(512, ge=1)
    width: int = Field(512, ge=1)
    manage_cache: bool = True
    base_seed: int = Field(42, ge=0)
    denoising_steps: list[int] | None = None
    noise_scale: float | None = None
    noise_controller: bool | None = None
    input_size: int | None = 1
    ref_images: list[str] | None = None
    vace_context_scale: float = 1.0

    @classmethod
    def get_schema_with_metadata(cls):
        return {"id": cls.pipeline_id, "config_schema": cls.model_json_schema()}
