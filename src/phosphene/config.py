"""Typed, validated settings: presets in code, TOML on disk, a schema for the page and the plugin.

Every field says its unit and meaning in its description, because controls are built from the schema.
Unknown keys are refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from phosphene.errors import ConfigError

DeviceName = Literal["auto", "cuda", "mps", "mlx", "cpu"]
GuidanceMode = Literal["none", "full", "self", "initialize"]
FamilyName = Literal["base", "turbo", "lightning", "lcm", "hyper", "hyper_unet"]

CHROMA_PROMPTS: tuple[str, ...] = (
    "crimson and gold fire",
    "orange lava",
    "amber and brown marble",
    "golden yellow flowers",
    "lime green leaves",
    "emerald forest",
    "teal ocean waves",
    "cyan ice crystals",
    "azure blue sky",
    "indigo night",
    "violet nebula",
    "magenta and pink neon",
)
"""one prompt per pitch class C..B: a turn round the colour wheel"""


class ConfigModel(BaseModel):
    """Settings that refuse unknown keys and check every assignment."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        for key in data:
            if key not in cls.model_fields:
                near = difflib.get_close_matches(str(key), cls.model_fields, n=1, cutoff=0.5)
                hint = (
                    f"did you mean '{near[0]}'?"
                    if near
                    else f"known: {', '.join(cls.model_fields)}."
                )
                raise ValueError(f"unknown key '{key}' in {cls.__name__}: {hint}")
        return data

    def suggest(self, **values: Any) -> None:
        """Set fields that nobody has set; what was set, even to its default, stays."""
        for name, value in values.items():
            if name not in self.model_fields_set:
                setattr(self, name, value)


class AudioConfig(ConfigModel):
    """How the sound is heard."""

    backend: Literal["numpy", "librosa"] = Field(
        "numpy",
        description="Analysis library. numpy needs nothing else; librosa is the extra [librosa].",
    )
    fps: float = Field(
        24.0, ge=1, le=240, description="Video frames per second of the features (Hz)."
    )
    sample_rate: int = Field(
        22050, ge=8000, le=96000, description="Rate the sound is analysed at (Hz)."
    )
    tempo_multiplier: float = Field(
        1.0,
        description="Half (0.5), keep (1) or double (2) the tempo that was found.",
        json_schema_extra={"enum": [0.5, 1.0, 2.0]},
    )
    tempo_min: float = Field(60.0, ge=20, le=300, description="Slowest tempo looked for (BPM).")
    tempo_max: float = Field(200.0, ge=40, le=400, description="Fastest tempo looked for (BPM).")
    beat_offset_ms: float = Field(
        0.0, ge=-500, le=500, description="Shift every beat later (+) or earlier (-), milliseconds."
    )
    attack_ms: float = Field(
        20.0, ge=0, le=2000, description="How fast the bands rise with the sound, milliseconds."
    )
    release_ms: float = Field(
        250.0, ge=0, le=5000, description="How slowly the bands fall back, milliseconds."
    )
    average_seconds: float = Field(
        4.0,
        ge=0.5,
        le=60,
        description="Span of the long average that loudness is relative to, seconds.",
    )
    section_sensitivity: float = Field(
        0.5, ge=0, le=1, description="0 never finds a new section, 1 finds many."
    )

    @field_validator("tempo_multiplier")
    @classmethod
    def _octave(cls, value: float) -> float:
        if value not in (0.5, 1.0, 2.0):
            raise ValueError(f"tempo_multiplier must be 0.5, 1 or 2; got {value:g}")
        return value

    @model_validator(mode="after")
    def _tempo_range(self) -> Self:
        if self.tempo_max < 2 * self.tempo_min:
            raise ValueError(
                f"tempo_max ({self.tempo_max:g}) must be at least twice tempo_min ({self.tempo_min:g}),"
                " so that every tempo has an octave inside the range"
            )
        return self


class LoraConfig(ConfigModel):
    """One LoRA on top of a Stable Diffusion model."""

    id: str = Field(description="A hub id, owner/name/file.safetensors, or a local file.")
    scale: float = Field(1.0, ge=-4, le=4, description="How strongly it is added (0: not at all).")
    live: bool = Field(
        False,
        description="Keep it apart from the weights, so that its scale may change while it plays; slower.",
    )


class DiffusionConfig(ConfigModel):
    """Which model draws, and on what."""

    model: str = Field(
        "lsd",
        description="Pipeline: lsd (built in), sd15, sdxl, one a plugin registered; or the path or hub id of"
        " any Stable Diffusion model.",
    )
    model_id: str | None = Field(
        None,
        description="Weights for the pipeline: a hub id or a local path. Empty: its own default.",
    )
    family: Literal["auto"] | FamilyName = Field(
        "auto",
        description="How the weights were distilled, which sets steps, timesteps and guidance. auto: from the"
        " checkpoint's own configs.",
    )
    lora_id: str | None = Field(None, description="LoRA to fuse: a hub id or a local path.")
    loras: list[LoraConfig] = Field([], description="More LoRAs, each with a scale.")
    allow_pickle: bool = Field(
        False,
        description="Also load .ckpt and .bin weights. They can run any program: only from who you trust.",
    )
    prompt_windows: int = Field(
        1, ge=1, le=4, description="Longest prompt of Stable Diffusion, in windows of 75 tokens."
    )
    lcm_guidance: float = Field(
        8.5, ge=1, le=20, description="Guidance that LCM checkpoints have built in (costs nothing)."
    )
    use_tiny_vae: bool = Field(
        True, description="Decode with the tiny autoencoder (3-5 x faster, slightly softer)."
    )
    upscaler_id: str | None = Field(
        None,
        description="Network that enlarges finished pictures: a local file in Real-ESRGAN's compact layout.",
    )
    device: DeviceName = Field(
        "auto",
        description="Where the model runs. auto: cuda, mps or cpu, what torch finds; mlx without torch.",
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto",
        description="Number format of the weights. auto: float16 on a GPU, float32 on a CPU.",
    )
    compile_unet: bool = Field(False, description="Compile the U-Net with torch.compile.")
    enable_channels_last: bool = Field(False, description="Keep torch tensors channels-last.")
    controlnet_id: str | None = Field(
        None,
        description="ControlNet that holds the shapes: a hub id, a folder or a .safetensors file.",
    )
    control: Literal["canny", "depth", "picture", "sound"] = Field(
        "canny",
        description="What the ControlNet is shown: edges or depth of the input picture, that picture itself"
        " (a depth camera, a drawing), or a figure drawn from the sound.",
    )
    control_scale: float = Field(
        0.8, ge=0, le=2, description="How hard the ControlNet holds (0: not at all)."
    )
    depth_id: str | None = Field(
        None,
        description="Depth estimator for control depth: hub id or folder. Empty: Depth Anything V2.",
    )
    attention: Literal["sdpa", "xformers"] = Field(
        "sdpa", description="Attention kernels of the U-Net: torch's own, or the package xformers."
    )
    cuda_graph: bool = Field(
        False, description="Replay encoder, U-Net and decoder as CUDA graphs; NVIDIA GPUs."
    )
    fuse_attention: bool = Field(
        False, description="Fuse the projections of attention, and keep a prompt's keys and values."
    )
    kernels: bool = Field(
        False,
        description="Use phosphene's own Triton kernels; NVIDIA GPUs, with the package triton.",
    )
    quantize: Literal["none", "4", "8", "int8", "fp8"] = Field(
        "none",
        description="Number format of the matrices. 4 and 8 bits: device mlx; int8 and fp8: the U-Net's, with"
        " the package torchao.",
    )
    token_merge: float = Field(
        0.0, ge=0, le=0.7, description="Share of the finest tokens merged for self attention."
    )
    deepcache: int = Field(
        1,
        ge=1,
        le=8,
        description="Draw the U-Net's deep layers in every n-th call only (1: always).",
    )
    cross_frame: int = Field(
        0, ge=0, le=4, description="Past frames that self attention also looks at (0: none)."
    )
    cross_frame_interval: int = Field(
        4, ge=1, le=64, description="Calls between two frames that are kept for cross_frame."
    )
    runtime: Literal["torch", "onnx", "tensorrt"] = Field(
        "torch",
        description="What runs the networks. onnx: ONNX Runtime, exported once; tensorrt: its TensorRT"
        " provider.",
    )
    threads: int | None = Field(
        None, ge=1, le=256, description="CPU threads for each network. Empty: all cores."
    )

    @field_validator("quantize", mode="before")
    @classmethod
    def _bits(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


class StreamConfig(ConfigModel):
    """How frames hang together."""

    enable_temporal_coherence: bool = Field(
        True, description="Start each frame from the previous picture instead of from nothing."
    )
    temporal_blend_ratio: float = Field(
        0.3, ge=0, le=0.99, description="Share of the previous picture in the next one (0..0.99)."
    )
    adaptive_blending: bool = Field(
        True, description="Loud passages keep less of the previous picture, quiet ones more."
    )
    anchor: float = Field(
        0.25,
        ge=0,
        le=1,
        description="How far each frame is drawn back to the remembered shape of its prompt (0: not at all);"
        " for models with such a memory. Attacks draw twice as far.",
    )
    denoising_steps: int = Field(1, ge=1, le=8, description="Denoising steps per frame.")
    stream_batch: bool = Field(
        True,
        description="Share each model call between the steps of consecutive frames: several steps for the"
        " time of one on a GPU, shown n - 1 frames later. Off: every frame takes all its steps at once.",
    )
    t_index_list: list[int] | None = Field(
        None, description="For experts: the schedule indices of the steps, noisiest first."
    )
    frame_buffer_size: int = Field(1, ge=1, le=32, description="Frames handed to one model call.")
    strength: float = Field(
        1.0, ge=0, le=1, description="With an input picture: 0 keeps it, 1 ignores it."
    )
    detail: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much of an input picture's own fine lines goes back over what was drawn (live).",
    )
    stepper: Literal["lcm", "tcd"] = Field(
        "lcm", description="Rule that takes one step to the next."
    )
    tcd_gamma: float = Field(0.3, ge=0, le=1, description="Randomness of TCD steps (0..1).")
    guidance_mode: GuidanceMode = Field(
        "none", description="Residual guidance: none, full (2x cost), self, initialize."
    )
    guidance_scale: float = Field(
        1.0, ge=0, le=20, description="How hard the prompt pulls (1 = off)."
    )
    delta: float = Field(
        1.0, ge=0, le=2, description="Weight of the virtual residual in self guidance."
    )
    add_noise: bool = Field(True, description="Add fresh noise between steps.")
    noise_scale: float = Field(
        1.0, ge=0, le=2, description="How much the music scales the noise (0: not at all)."
    )
    enable_similarity_filter: bool = Field(
        False, description="Skip the model for input frames that look like the last one."
    )
    similarity_threshold: float = Field(
        0.98, ge=0, lt=1, description="Cosine similarity from which frames may be skipped (0..1)."
    )
    similarity_max_skip: int = Field(10, ge=1, le=600, description="Most frames skipped in a row.")


class LatentConfig(ConfigModel):
    """Where a picture starts: a walk over the sphere of noise."""

    walk: Literal["circle", "spiral"] = Field("circle", description="Path of the walk.")
    note: Literal["half", "beat", "two_beats", "bar"] = Field(
        "beat", description="Musical length of one eased step along the walk."
    )
    distance: float = Field(
        0.25,
        ge=0,
        le=4,
        description="Turn per step at usual loudness, radians; louder beats turn more.",
    )
    drift: float = Field(
        0.15, ge=0, le=4, description="Turn per second that goes on without any beat, radians."
    )
    fresh: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the noise that is new in every frame (0: only the walk moves it). Models that"
        " see their own last picture stay cleaner with much, others flicker with it.",
    )
    spiral_rate: float = Field(
        0.02, ge=0, le=1, description="Spiral only: how fast it leaves its circle, radians a beat."
    )
    scene_per_section: bool = Field(
        True, description="Go to a new place where the song changes section."
    )


class TimedPrompt(ConfigModel):
    """A prompt that takes over at a time."""

    at: float = Field(ge=0, description="Time in the song, seconds.")
    prompt: str = Field(description="What to draw from then on.")


class PromptConfig(ConfigModel):
    """What the picture shows."""

    base_prompt: str = Field(
        "crimson and gold mandala", description="What to draw. (word:1.3) weighs a word."
    )
    negative_prompt: str = Field(
        "", description="What to stay away from, with guidance full or initialize."
    )
    chroma_prompts: list[str] = Field(
        list(CHROMA_PROMPTS), description="12 prompts, one per pitch class C, C#, ... B."
    )
    chroma_strength: float = Field(
        0.5, ge=0, le=1, description="How far the harmony pulls away from the base prompt (0..1)."
    )
    interpolation: Literal["slerp", "lerp"] = Field("slerp", description="How prompts are blended.")
    blend: Literal["cumulative", "focused"] = Field(
        "cumulative", description="Blend all pitch classes by weight, or lean to the strongest one."
    )
    smooth_seconds: float = Field(
        0.6, ge=0, le=30, description="Time over which the prompt follows the harmony, seconds."
    )
    timeline: list[TimedPrompt] = Field(
        [], description="Prompts that replace the base prompt at given times."
    )
    transition_seconds: float = Field(
        2.0,
        ge=0,
        le=60,
        description="Length of the change from one timed prompt to the next, seconds.",
    )

    @field_validator("chroma_prompts")
    @classmethod
    def _twelve(cls, value: list[str]) -> list[str]:
        if len(value) != 12:
            raise ValueError(
                f"chroma_prompts needs 12 prompts, one per pitch class; got {len(value)}"
            )
        return value


class CameraConfig(ConfigModel):
    """How the previous picture moves before the next step."""

    zoom: float = Field(
        0.4, ge=-4, le=4, description="Zoom at usual loudness, doublings a second x 0.1."
    )
    rotate: float = Field(2.0, ge=-180, le=180, description="Turn, degrees a second.")
    pan_x: float = Field(
        0.0, ge=-2, le=2, description="Drift to the right, picture widths a second."
    )
    pan_y: float = Field(0.0, ge=-2, le=2, description="Drift downwards, picture widths a second.")
    warp: float = Field(
        0.3, ge=0, le=4, description="Ripple that breathes with the mid band (0: none)."
    )
    beat_punch: float = Field(
        0.5, ge=0, le=4, description="Extra zoom on every attack of the bass."
    )


class ReactConfig(ConfigModel):
    """How strongly the picture answers the sound."""

    reactivity: float = Field(
        1.0, ge=0, le=4, description="One knob over all of them (1 = as designed)."
    )
    bass_gain: float = Field(1.0, ge=0, le=4, description="Gain of the bass, 20-320 Hz.")
    mid_gain: float = Field(1.0, ge=0, le=4, description="Gain of the mids, 320-2800 Hz.")
    treble_gain: float = Field(1.0, ge=0, le=4, description="Gain of the treble, 2800-11025 Hz.")


class InferenceConfig(ConfigModel):
    """Size, seed, batches."""

    height: int = Field(
        256, ge=64, le=2048, multiple_of=8, description="Model's picture height, pixels."
    )
    width: int = Field(
        256, ge=64, le=2048, multiple_of=8, description="Model's picture width, pixels."
    )
    batch_size: int = Field(
        8, ge=1, le=128, description="Pictures per model call in generate_batch."
    )
    num_inference_steps: int = Field(
        4,
        ge=1,
        le=100,
        description="Steps for a picture from pure noise (first frame, generate_batch).",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of all noise.")


class VideoConfig(ConfigModel):
    """The file that is written."""

    crf: int = Field(
        17, ge=0, le=51, description="H.264 quality: 0 lossless, 17 visually clean, 51 worst."
    )
    encoder_preset: Literal["ultrafast", "superfast", "veryfast", "faster", "medium", "slow"] = (
        Field("veryfast", description="H.264 speed against file size.")
    )
    audio_bitrate: int = Field(192_000, ge=32_000, le=512_000, description="AAC bits per second.")
    segment_seconds: float = Field(
        4.0, ge=0.5, le=120, description="A killed render loses at most this much, seconds."
    )
    limit_flashes: bool = Field(
        True,
        description="Hold flashes under 3 a second (WCAG 2.3.1). Off: strobing can trigger seizures.",
    )


class LiveConfig(ConfigModel):
    """How a live show keeps time."""

    fps: float = Field(30.0, ge=1, le=120, description="Frames per second aimed at.")
    jpeg_quality: int = Field(
        85, ge=30, le=100, description="Quality of the pictures sent to the page (30..100)."
    )
    adapt: bool = Field(
        True, description="Step down size and steps when pictures come late, up again with room."
    )
    share_window_ms: float = Field(
        0.0,
        ge=0,
        le=50,
        description="Sessions that ask the model within so many milliseconds share a call (0: in turns).",
    )
    age_limit_ms: float = Field(
        150.0, ge=10, le=2000, description="Frame age from which it steps down, milliseconds."
    )
    latency_offset_ms: float = Field(
        0.0,
        ge=-500,
        le=500,
        description="Show the picture later (+) or earlier (-) than the sound, milliseconds.",
    )


class TransformConfig(ConfigModel):
    """How a video is drawn over."""

    strength: float = Field(
        0.5, ge=0, le=1, description="0 keeps the video's own picture, 1 ignores it."
    )
    steps: int = Field(1, ge=1, le=8, description="Denoising steps per frame.")
    stabilize: float = Field(
        0.5,
        ge=0,
        le=1,
        description="0 draws every frame for itself, 1 holds on to what was drawn wherever the video does"
        " not change.",
    )
    detail: float = Field(
        0.0,
        ge=0,
        le=1,
        description="How much of the video's own fine lines goes back over what was drawn.",
    )
    batch: int = Field(
        8, ge=1, le=128, description="Frames per model call. Changes the speed, not the picture."
    )


class PipelineConfig(ConfigModel):
    """Everything, nested."""

    audio: AudioConfig = Field(default_factory=AudioConfig, description="How the sound is heard.")
    diffusion: DiffusionConfig = Field(
        default_factory=DiffusionConfig, description="Which model draws."
    )
    stream: StreamConfig = Field(
        default_factory=StreamConfig, description="How frames hang together."
    )
    latent: LatentConfig = Field(
        default_factory=LatentConfig, description="Where a picture starts."
    )
    prompt: PromptConfig = Field(
        default_factory=PromptConfig, description="What the picture shows."
    )
    camera: CameraConfig = Field(default_factory=CameraConfig, description="How the picture moves.")
    react: ReactConfig = Field(default_factory=ReactConfig, description="How it answers the sound.")
    inference: InferenceConfig = Field(
        default_factory=InferenceConfig, description="Size and seed."
    )
    video: VideoConfig = Field(default_factory=VideoConfig, description="The file that is written.")
    live: LiveConfig = Field(default_factory=LiveConfig, description="How a live show keeps time.")
    transform: TransformConfig = Field(
        default_factory=TransformConfig, description="How a video is drawn over."
    )

    @classmethod
    def fast_preset(cls) -> Self:
        """Fastest picture: small, one step."""
        return cls(
            stream=StreamConfig(denoising_steps=1),
            inference=InferenceConfig(height=192, width=192),
            video=VideoConfig(encoder_preset="ultrafast"),
        )

    @classmethod
    def balanced_preset(cls) -> Self:
        """The default: one step, the model's own size; faster than the song on two cores."""
        return cls()

    @classmethod
    def quality_preset(cls) -> Self:
        """Largest native picture and two steps; slower than the song on a small machine."""
        return cls(
            audio=AudioConfig(fps=30),
            stream=StreamConfig(denoising_steps=2),
            inference=InferenceConfig(height=512, width=512, num_inference_steps=8),
            video=VideoConfig(crf=15, encoder_preset="medium"),
        )

    @classmethod
    def preset(cls, name: str) -> Self:
        """Preset by name: fast, balanced or quality."""
        makers = {
            "fast": cls.fast_preset,
            "balanced": cls.balanced_preset,
            "quality": cls.quality_preset,
        }
        if name not in makers:
            raise ConfigError(f"unknown preset '{name}': choose one of {', '.join(makers)}.")
        return makers[name]()

    @classmethod
    def from_toml(cls, path: str | Path, base: PipelineConfig | None = None) -> Self:
        """Read a TOML file over ``base`` (default: the balanced preset)."""
        try:
            given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read config {path}: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}.") from error
        return cls.from_dict(given, base)

    @classmethod
    def from_dict(cls, given: dict[str, Any], base: PipelineConfig | None = None) -> Self:
        """Validate nested ``given`` laid over ``base``; raises :class:`ConfigError` in one sentence."""
        base = base or cls()
        # what nobody set stays unset, so that a model may still suggest its own
        start = {
            name: getattr(base, name).model_dump(exclude_unset=True) for name in cls.model_fields
        }
        try:
            return cls.model_validate(_merge(start, given))
        except ValidationError as error:
            raise ConfigError(explain(error)) from error

    def to_toml(self, path: str | Path) -> None:
        """Write all settings; unset optional ones are left out."""
        Path(path).write_text(self.dumps_toml(), encoding="utf-8")

    def dumps_toml(self) -> str:
        """All settings as TOML text."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


def explain(error: ValidationError) -> str:
    """The first complaint of a validation, as one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    text = text[0].lower() + text[1:]
    given = f" (got {first['input']!r})" if where and not isinstance(first["input"], dict) else ""
    return f"{where}: {text}{given}" if where else text


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merge(out[key], value) if nested else value
    return out
