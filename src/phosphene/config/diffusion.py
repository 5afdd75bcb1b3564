"""Which model draws, and how it is run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from phosphene.config.model import ConfigModel

DeviceName = Literal["auto", "cuda", "mps", "mlx", "cpu"]
FamilyName = Literal["base", "turbo", "lightning", "lcm", "hyper", "hyper_unet", "sdxs"]


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
        description="Pipeline: lsd (built in), sd15, sdxl, flux2, sana, one a plugin registered; or the path"
        " or hub id of any such model.",
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
    tiny_vae_stems: bool = Field(
        True,
        description="Let the tiny autoencoder draw at half its cost, once its stems were trained here"
        " (phosphene train --stems).",
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
        description="Number format. auto: float16 on a GPU; on a CPU bfloat16 if it has that (AMX, AVX-512"
        " BF16), else float32.",
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
    ip_adapter_id: str | None = Field(
        None,
        description="IP-Adapter through which Stable Diffusion sees reference pictures: a hub id,"
        " owner/name/file.safetensors, a local folder or file.",
    )
    reference: Literal["off", "input"] = Field(
        "off",
        description="Whether the input picture is a reference (FLUX.2: to edit; an IP-Adapter: for its things"
        " and style), beside or in place of what is drawn over.",
    )
    reference_ids: list[str] = Field(
        [],
        description="Pictures whose things and style are referred to (FLUX.2, IP-Adapters): local files.",
    )
    reference_scale: float = Field(
        0.6,
        ge=0,
        le=2,
        description="How strongly an IP-Adapter's references count (0: not at all).",
    )
    reference_cache: bool = Field(
        False,
        description="Keep the keys and values of reference pictures from call to call (FLUX.2): faster, and"
        " what klein's kv checkpoints were trained for.",
    )
    cell_cache: int = Field(
        1,
        ge=1,
        le=64,
        description="For still cameras (FLUX.2): draw only cells of the picture that changed, all of them in"
        " every n-th call at least (1: always).",
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
        " the package torchao; int8 with runtime openvino: all networks', with nncf.",
    )
    token_merge: float = Field(
        0.0, ge=0, le=0.7, description="Share of the finest tokens merged for self attention."
    )
    token_mean: bool = Field(
        False,
        description="Let the finest self attention look at means of 2 x 2 tokens (ToDo); token_merge goes"
        " before it.",
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
    runtime: Literal["auto", "torch", "onnx", "tensorrt", "openvino"] = Field(
        "torch",
        description="What runs the networks. onnx: ONNX Runtime, exported once; tensorrt: its TensorRT"
        " provider; openvino: OpenVINO; auto: the fastest here, measured once. The built-in model has onnx,"
        " openvino and auto.",
    )
    openvino_device: Literal["cpu", "gpu", "npu"] = Field(
        "cpu", description="Where runtime openvino draws: the processor, Intel's graphics or NPU."
    )
    window: int = Field(
        9,
        ge=3,
        le=64,
        description="Chunk models: latent frames (of four pictures) that are looked back at, the drawn ones"
        " among them. Memory goes with it.",
    )
    sink: int = Field(
        3, ge=0, le=16, description="Chunk models: first latent frames that are never forgotten."
    )
    text_encoder_bits: Literal[8, 16] = Field(
        8, description="Chunk models: bits of the text encoder's matrices."
    )
    text_encoder_after: Literal["free", "offload", "keep"] = Field(
        "free",
        description="Chunk models: what becomes of the text encoder once a prompt is encoded (and on disk):"
        " freed, kept in the processor's memory, or kept where it is.",
    )
    threads: int | None = Field(
        None, ge=1, le=256, description="CPU threads for each network. Empty: all cores."
    )

    @field_validator("quantize", mode="before")
    @classmethod
    def _bits(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value
