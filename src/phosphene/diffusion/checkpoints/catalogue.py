"""What checkpoints there are on this machine, what one is, and getting one from the hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phosphene.diffusion.checkpoints import families, ip_adapter, source
from phosphene.diffusion.checkpoints.errors import HUB_FILE, explained
from phosphene.diffusion.checkpoints.families import TINY_VAE_IDS, Family
from phosphene.diffusion.checkpoints.lora import LORA_FILE
from phosphene.diffusion.checkpoints.transformers import FAMILIES, Row
from phosphene.errors import ModelError, PhospheneError

WELL_KNOWN: tuple[tuple[str, str], ...] = (
    ("stabilityai/sd-turbo", "512 px, 1 step; the fastest"),
    ("IDKiro/sdxs-512-0.9", "512 px, 1 step; the smallest, from text alone"),
    ("stabilityai/sdxl-turbo", "512 px, 1 step"),
    ("SimianLuo/LCM_Dreamshaper_v7", "512-768 px, 2-4 steps"),
    ("stable-diffusion-v1-5/stable-diffusion-v1-5", "512 px; add one of the LoRAs"),
    ("latent-consistency/lcm-lora-sdv1-5", "LoRA for SD 1.5, 2-4 steps"),
    ("ByteDance/Hyper-SD/Hyper-SD15-1step-lora.safetensors", "LoRA for SD 1.5, 1 step"),
    ("h94/IP-Adapter/models/ip-adapter_sd15.safetensors", "reference pictures for SD 1.5"),
    ("stabilityai/stable-diffusion-xl-base-1.0", "1024 px; add one of the LoRAs"),
    ("black-forest-labs/FLUX.2-klein-4B", "512-1024 px, 2-4 steps; edits with reference pictures"),
    ("Efficient-Large-Model/Sana_Sprint_0.6B_1024px_diffusers", "1024 px, 1-4 steps"),
    ("ByteDance/SDXL-Lightning/sdxl_lightning_4step_lora.safetensors", "LoRA for SDXL, 4 steps"),
    ("latent-consistency/lcm-lora-sdxl", "LoRA for SDXL, 2-4 steps"),
)
"""(id, what it is) of public checkpoints worth starting with"""


@dataclass(frozen=True)
class ModelInfo:
    """What a checkpoint says of itself."""

    name: str
    base: str
    """which networks, or the pipeline of a family of transformers"""
    family: Family
    prediction: str
    side: int
    """pixels it was trained at; 0 when a single file does not say"""
    parameters: int
    """numbers in the weights on this machine; 0 when there are none"""
    megabytes: float
    """of those files on disk (10^6 bytes)"""

    def describe(self) -> str:
        """A few lines for people."""
        family = self.family
        size = f"{self.side} px" if self.side else "unknown (one file without configs)"
        there = f"{self.parameters / 1e6:.0f} M numbers, {self.megabytes:.0f} MB on this machine"
        first = "noisiest" if family.first is None else str(family.first)
        lines = [
            ("model", self.name),
            ("pipeline", f"{families.pipeline_of(self.base)} ({self.base})"),
            ("family", f"{family.name}: {family.text}"),
            ("predicts", self.prediction),
            ("drawn at", size),
            ("steps", f"{family.steps} a frame, {family.first_steps} from nothing"),
            ("timesteps", f"{family.spacing}, from the {first}"),
            ("guidance", f"{family.guidance:g}" if family.guidance != 1.0 else "none"),
            ("weights", there if self.parameters else "not on this machine"),
        ]
        return "\n".join(f"{name:<10} {text}" for name, text in lines)


def describe(name: str) -> ModelInfo:
    """What the checkpoint at a path or hub id is; asks the hub for small files only."""
    row = FAMILIES.get(source.pipeline_class_at(name) or "")
    if row is not None:
        return _of_row(name, row)
    found = source.inspect(name)
    files = _weights(found)
    shapes = [source.read_header(file) for file in files if file.suffix == ".safetensors"]
    side = found.configs["unet"].get("sample_size", 0)
    return ModelInfo(
        name=name,
        base=families.base_of(found.configs, name),
        family=families.family_of(found.configs),
        prediction=str(found.configs["scheduler"].get("prediction_type", "epsilon")),
        side=8 * side,
        parameters=sum(source.parameters(each) for each in shapes),
        megabytes=sum(file.stat().st_size for file in files) / 1e6,
    )


def _of_row(name: str, row: Row) -> ModelInfo:
    """What a checkpoint of a family of transformers is."""
    files = _weights(source.Checkpoint(name, _folder(name), {}), anything=True)
    shapes = [source.read_header(file) for file in files]
    return ModelInfo(
        name=name,
        base=row.pipeline,
        family=row.family,
        prediction="flow",
        side=row.side,
        parameters=sum(source.parameters(each) for each in shapes),
        megabytes=sum(file.stat().st_size for file in files) / 1e6,
    )


def _folder(name: str) -> Path | None:
    path = Path(name).expanduser()
    return path if path.exists() else None


def on_this_machine() -> list[ModelInfo]:
    """Whole checkpoints in the hub's cache, by name; those we cannot draw with are left out."""
    import huggingface_hub
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = huggingface_hub.scan_cache_dir().repos
    except CacheNotFound:
        return []
    found = []
    for name in sorted(repo.repo_id for repo in repos if repo.repo_type == "model"):
        try:
            known = source.pipeline_class_at(name, fetch=False) in FAMILIES
            if known or source.inspect(name, fetch=False).configs:
                found.append(describe(name))
        except PhospheneError:
            # another family of models, or half a download
            continue
    return found


def pull(name: str) -> list[Path]:
    """Download a checkpoint and the tiny autoencoder for it, a LoRA's file, or an IP-Adapter's and its image
    encoder; where they are."""
    with explained(name, "model"):
        import huggingface_hub

        if HUB_FILE.fullmatch(name):
            if "ip-adapter" in name.lower():
                adapter = ip_adapter.find(name, "sd1")
                return [adapter.path, adapter.encoder]
            owner, repo, file = name.split("/", 2)
            return [Path(huggingface_hub.hf_hub_download(f"{owner}/{repo}", file))]
        files = huggingface_hub.list_repo_files(name)
        if source.pipeline_class_at(name) in FAMILIES:
            kept = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
            # weights at the top are the same once more, in one file
            return [
                Path(
                    huggingface_hub.snapshot_download(
                        name, allow_patterns=[f"*/{each}" for each in kept] + ["model_index.json"]
                    )
                )
            ]
        wanted = files_to_pull(files, name)
        folder = Path(huggingface_hub.snapshot_download(name, allow_patterns=wanted))
        if source.INDEX not in files:
            return [folder]
        configs = source.inspect(name).configs
        if configs.get("vae", {}).get("_class_name") == families.TINY_AUTOENCODER:
            return [folder]
        tiny = TINY_VAE_IDS[families.base_of(configs, name)]
        vae = huggingface_hub.snapshot_download(
            tiny, allow_patterns=["config.json", "diffusion_pytorch_model.safetensors"]
        )
        return [folder, Path(vae)]


_PARTS = r"(unet|vae|text_encoder|text_encoder_2)/"
_SMALL = re.compile(r"model_index\.json|(\w+/)[\w.-]+\.(json|txt|model)")
_HALF = re.compile(_PARTS + r".+\.fp16\.safetensors")
_FULL = re.compile(_PARTS + r"(?!.*\.(fp16|non_ema)).+\.safetensors")


def files_to_pull(files: Sequence[str], name: str) -> list[str]:
    """The files of a repository that drawing needs: half-precision weights where there are any.

    Raises ModelError for a repository that holds neither a whole model nor one LoRA.
    """
    if source.INDEX not in files:
        loras = [file for file in files if file.endswith(".safetensors")]
        if LORA_FILE in loras:
            return [LORA_FILE]
        raise ModelError(
            f"{name} holds no whole model: name one of its files, such as"
            f" {name}/{loras[0] if loras else LORA_FILE}."
        )
    small = [file for file in files if _SMALL.fullmatch(file)]
    half = [file for file in files if _HALF.fullmatch(file)]
    halved = {file.split("/")[0] for file in half}
    full = [file for file in files if _FULL.fullmatch(file) and file.split("/")[0] not in halved]
    if not half + full:
        raise ModelError(f"{name} has no .safetensors weights: choose another copy of it.")
    return [*small, *half, *full]


def _weights(found: source.Checkpoint, anything: bool = False) -> list[Path]:
    """The weight files of a checkpoint that are on this machine; ``anything``: of all its parts."""
    if found.path is not None and found.path.is_file():
        return [found.path]
    folder: Any = found.path
    if folder is None:
        import huggingface_hub

        index = huggingface_hub.try_to_load_from_cache(found.name, source.INDEX)
        folder = Path(index).parent if isinstance(index, str) else None
    if folder is None:
        return []
    files = [file.relative_to(folder).as_posix() for file in folder.rglob("*.safetensors")]
    if anything:
        return [folder / file for file in sorted(files)]
    half = [file for file in files if _HALF.fullmatch(file)]
    full = [file for file in files if _FULL.fullmatch(file)]
    return [folder / file for file in sorted(full or half)]
