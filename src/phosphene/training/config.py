"""Training settings: typed, checked, read from and written to TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, Self

import tomli_w
from pydantic import Field, ValidationError

from phosphene.config import ConfigModel, explain
from phosphene.errors import ConfigError
from phosphene.training.corrupt import CorruptionSettings
from phosphene.training.nets.codec import AutoencoderConfig
from phosphene.training.nets.condition import ConditionConfig
from phosphene.training.nets.diffusion import DiffusionConfig
from phosphene.training.nets.lsd import LSDConfig


class DataSettings(ConfigModel):
    """What is shown to the networks. Clips are rendered anew by every piece, with other seeds."""

    families: list[str] = Field([], description="Visual families to render; empty: all of them.")
    size: int = Field(256, ge=64, le=512, multiple_of=32, description="Picture side, pixels.")
    frames: int = Field(8, ge=4, le=32, description="Consecutive frames of a clip.")
    clips: int = Field(40_000, ge=1, description="Clips to hold, if the time allows.")
    render_minutes: float = Field(
        1.0, gt=0, description="Longest time a piece spends on drawing its clips."
    )
    stills: int = Field(
        4000, ge=1, description="Large single pictures for the decoders, if the time allows."
    )
    batch: int = Field(16, ge=1, description="Clips drawn at once.")
    recoloured: float = Field(
        0.2, ge=0, le=1, description="Share of clips drawn in a second palette too."
    )
    restyled: float = Field(
        0.15, ge=0, le=1, description="Share of clips with a source video whose shapes they follow."
    )
    still: float = Field(0.5, ge=0, le=1, description="Share of clips whose camera stands still.")
    folder: str = Field(
        "",
        description="Your own clips: videos, each with a .txt of the same name that says what it shows.",
    )
    folder_share: float = Field(0.5, ge=0, le=1, description="Share of clips from the folder.")


class CodecSettings(ConfigModel):
    """The autoencoder: pictures to latents and back."""

    minutes: float = Field(7.0, ge=0, description="Training time, over all pieces.")
    batch: int = Field(64, ge=1, description="Pictures a step.")
    crop: int = Field(256, ge=32, multiple_of=16, description="Side of the crops, pixels.")
    rate: float = Field(1e-3, gt=0, description="Highest learning rate.")
    noise: float = Field(0.2, ge=0, description="Largest noise on the latents.")
    sharp_from: float = Field(
        0.35, ge=0, le=1, description="Progress from which the critic joins in."
    )
    sharp: float = Field(0.5, ge=0, description="Strength of the critic against fidelity.")
    critic_width: int = Field(48, ge=8, description="Channels of the critic.")
    leaves: float = Field(
        0.15, ge=0, le=1, description="Share of source pictures among the clips' frames."
    )
    frozen_encoder: bool = Field(
        False, description="Train the decoder only, so that latents keep their meaning."
    )
    encoder_fine: int = Field(48, ge=4)
    encoder_coarse: int = Field(96, ge=4)
    decoder_coarse: int = Field(128, ge=4)
    decoder_fine: int = Field(64, ge=4)
    coarse_blocks: int = Field(3, ge=0)
    fine_blocks: int = Field(3, ge=0)

    def net(self) -> AutoencoderConfig:
        """Sizes of the networks."""
        return AutoencoderConfig(
            encoder_fine=self.encoder_fine,
            encoder_coarse=self.encoder_coarse,
            decoder_coarse=self.decoder_coarse,
            decoder_fine=self.decoder_fine,
            coarse_blocks=self.coarse_blocks,
            fine_blocks=self.fine_blocks,
        )


class NetSettings(ConfigModel):
    """Sizes of LSD."""

    widths: list[int] = Field([64, 128, 224], min_length=1)
    blocks: list[int] = Field([1, 2, 4], min_length=1)
    groups: int = Field(8, ge=1)
    condition: int = Field(256, ge=16)
    consistency: int = Field(32, ge=4)

    def net(self, text: int) -> LSDConfig:
        """Sizes of the network; `text` is the length of a prompt's vector."""
        return LSDConfig(
            diffusion=DiffusionConfig(
                widths=tuple(self.widths), blocks=tuple(self.blocks), groups=self.groups
            ),
            condition=ConditionConfig(width=self.condition, text=text),
            consistency=self.consistency,
        )


class FlowSettings(ConfigModel):
    """Stage 1 of LSD: the next frame from true, damaged history (flow matching)."""

    minutes: float = Field(9.0, ge=0, description="Training time, over all pieces.")
    batch: int = Field(256, ge=1)
    rate: float = Field(1.2e-3, gt=0, description="Highest learning rate.")
    average: float = Field(0.999, ge=0, lt=1, description="Decay of the averaged weights.")
    no_text: float = Field(0.1, ge=0, le=1, description="Share without a prompt.")
    from_previous: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Share whose noisy latent is made from the last frame, as in a stream.",
    )
    recoloured: float = Field(0.12, ge=0, le=1, description="Share whose past has other colours.")
    stranger: float = Field(0.08, ge=0, le=1, description="Share whose past is another clip's.")


class UnrollSettings(ConfigModel):
    """Stage 2 of LSD: one-step frames on its own history, against a critic."""

    minutes: float = Field(9.0, ge=0, description="Training time, over all pieces.")
    batch: int = Field(128, ge=1, description="Streams a step.")
    rate: float = Field(3e-4, gt=0, description="Highest learning rate.")
    critic_rate: float = Field(4e-4, gt=0, description="Highest learning rate of the critic.")
    average: float = Field(0.999, ge=0, lt=1, description="Decay of the averaged weights.")
    frames: int = Field(5, ge=0, le=24, description="Most self-fed frames before the trained one.")
    long: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Share of streams that go on from earlier ones, far from any clip.",
    )
    keep: int = Field(4096, ge=1, description="Long streams held ready.")
    fresh: float = Field(
        0.35, ge=0, le=1, description="Share of pictures from nothing, in one step or any."
    )
    pairs: int = Field(
        24_000, ge=1, description="Pictures the teacher draws in many steps for the share above."
    )
    teacher_steps: int = Field(10, ge=1, description="Steps of the teacher.")
    guidance: float = Field(2.0, ge=1, description="How hard the teacher follows the prompt.")
    sharp: float = Field(0.6, ge=0, description="Strength of the critic against fidelity.")
    critic_width: int = Field(64, ge=8)
    critic_noise: float = Field(0.1, gt=0)
    critic_slope: float = Field(10.0, ge=0, description="Weight of the critic's slope penalties.")


class DecoderSettings(ConfigModel):
    """A decoder of the package: draws what streams make of latents, after LSD is trained."""

    minutes: float = Field(2.0, ge=0, description="Training time, over all pieces.")
    batch: int = Field(32, ge=1)
    crop: int = Field(16, ge=2, description="Side of the crops, latent pixels.")
    coarse_blocks: int = Field(
        5, ge=0, description="At the latents' size; at least as many as the codec's."
    )
    rate: float = Field(6e-4, gt=0, description="Highest learning rate.")
    worn: float = Field(
        0.8, ge=0, le=1, description="Share of latents as streams leave them; the rest are clean."
    )
    noise: float = Field(0.15, ge=0, description="Largest noise on clean latents.")
    sharp_from: float = Field(
        0.5, ge=0, le=1, description="Progress from which the critic joins in."
    )
    sharp: float = Field(0.5, ge=0, description="Strength of the critic against fidelity.")
    critic_width: int = Field(24, ge=8, description="Channels of the critic.")


class JudgeSettings(ConfigModel):
    """The independent classifier that says what a picture shows; other seeds than the model's."""

    minutes: float = Field(1.0, ge=0, description="Training time, over all pieces.")
    batch: int = Field(128, ge=1)
    rate: float = Field(2e-3, gt=0)
    width: int = Field(32, ge=8)


class TrainConfig(ConfigModel):
    """A whole training."""

    seed: int = Field(0, ge=0)
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto")
    compile: bool = Field(
        False, description="torch.compile on CUDA: a minute to start, faster then."
    )
    unroll_on: bool = Field(
        True, description="Off skips stage 2's self-fed frames (for ablations)."
    )
    memory_on: bool = Field(True, description="Off leaves the memory empty (for ablations).")
    data: DataSettings = Field(default_factory=DataSettings)
    codec: CodecSettings = Field(default_factory=CodecSettings)
    net: NetSettings = Field(default_factory=NetSettings)
    corruption: CorruptionSettings = Field(default_factory=CorruptionSettings)
    flow: FlowSettings = Field(default_factory=FlowSettings)
    unroll: UnrollSettings = Field(default_factory=UnrollSettings)
    large: DecoderSettings = Field(default_factory=DecoderSettings)
    small: DecoderSettings = Field(default_factory=DecoderSettings)
    judge: JudgeSettings = Field(default_factory=JudgeSettings)

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read settings; raises :class:`~phosphene.errors.ConfigError` in one sentence."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigError(f"cannot read config {path}: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}.") from error
        except ValidationError as error:
            raise ConfigError(explain(error)) from error

    def dumps_toml(self) -> str:
        """All settings as TOML text."""
        return tomli_w.dumps(self.model_dump(exclude_none=True))


def plan(name: str) -> TrainConfig:
    """A ready-made training by name: gpu30, cpu or tiny. Raises ConfigError."""
    if name not in PLANS:
        raise ConfigError(f"unknown plan '{name}': choose one of {', '.join(PLANS)}.")
    return TrainConfig.model_validate(PLANS[name])


PLANS: dict[str, dict[str, object]] = {
    # three pieces of nine minutes on one data-centre GPU
    "gpu30": {
        "compile": True,
        "codec": {"minutes": 6.0},
        "flow": {"minutes": 8.5},
        "unroll": {"minutes": 7.5},
        "large": {"minutes": 1.2, "batch": 64},
        "small": {"minutes": 0.8, "batch": 64},
    },
    # a day's work for a few cores
    "cpu": {
        "data": {"clips": 1600, "stills": 3000, "render_minutes": 12.0, "batch": 4},
        "codec": {"minutes": 60.0, "batch": 12, "crop": 128},
        "flow": {"minutes": 240.0, "batch": 24, "rate": 1e-3, "average": 0.998},
        "unroll": {"minutes": 240.0, "batch": 12, "pairs": 600, "keep": 256, "average": 0.998},
        "large": {"minutes": 90.0, "batch": 4},
        "small": {"minutes": 45.0, "batch": 8},
        "judge": {"minutes": 20.0, "batch": 64},
    },
    # seconds, to see that everything turns
    "tiny": {
        "data": {
            "families": ["spiral", "hexagons", "nebula"],
            "size": 64,
            "clips": 12,
            "stills": 6,
            "render_minutes": 0.2,
            "batch": 2,
        },
        "codec": {
            "minutes": 0.05,
            "batch": 4,
            "crop": 64,
            "critic_width": 8,
            "encoder_fine": 8,
            "encoder_coarse": 16,
            "decoder_coarse": 16,
            "decoder_fine": 8,
            "coarse_blocks": 1,
            "fine_blocks": 1,
        },
        "net": {"widths": [16, 24], "blocks": [1, 1], "groups": 4, "condition": 32},
        "flow": {"minutes": 0.05, "batch": 4},
        "unroll": {
            "minutes": 0.05,
            "batch": 4,
            "frames": 2,
            "keep": 4,
            "pairs": 8,
            "teacher_steps": 2,
            "critic_width": 8,
        },
        "large": {"minutes": 0.05, "batch": 4, "crop": 4, "coarse_blocks": 2, "critic_width": 8},
        "small": {"minutes": 0.05, "batch": 4, "crop": 4, "coarse_blocks": 2, "critic_width": 8},
        "judge": {"minutes": 0.05, "batch": 6, "width": 8},
    },
}
