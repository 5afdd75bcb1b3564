"""Training settings: typed, checked, read from and written to TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal, Self

import tomli_w
from pydantic import Field, ValidationError

from phosphene.config import ConfigModel, explain
from phosphene.diffusion.lsd.modules.condition import ConditionConfig
from phosphene.diffusion.lsd.modules.diffusion import DiffusionConfig
from phosphene.diffusion.lsd.modules.lsd import LSDConfig
from phosphene.errors import ConfigError
from phosphene.training.corrupt import CorruptionSettings


class DataSettings(ConfigModel):
    """What is shown to the networks. Clips are rendered anew by every piece, with other seeds."""

    families: list[str] = Field([], description="Visual families to render; empty: all of them.")
    size: int = Field(64, ge=16, le=256, multiple_of=8, description="Shorter side of a field.")
    frames: int = Field(4, ge=4, le=32, description="Consecutive frames of a clip.")
    clips: int = Field(16_000, ge=1, description="Clips to hold, if the time allows.")
    wide_clips: int = Field(2000, ge=0, description="Clips in 16 : 9 to hold besides.")
    render_minutes: float = Field(
        2.0, gt=0, description="Longest time a piece spends on drawing its clips."
    )
    batch: int = Field(12, ge=1, description="Clips drawn at once.")
    mixed: float = Field(
        0.25, ge=0, lt=1, description="Share of clips with one family in the folds of another."
    )
    restyled: float = Field(
        0.1, ge=0, le=1, description="Share of clips with a source video whose shapes they follow."
    )
    still: float = Field(0.5, ge=0, le=1, description="Share of clips whose camera stands still.")
    folder: str = Field(
        "",
        description="Your own clips: videos, each with a .txt of the same name that says what it shows.",
    )
    folder_share: float = Field(0.5, ge=0, le=1, description="Share of clips from the folder.")


class NetSettings(ConfigModel):
    """Sizes of LSD."""

    widths: list[int] = Field([24, 96, 192], min_length=2)
    blocks: list[int] = Field([1, 2, 4], min_length=2)
    groups: int = Field(8, ge=1)
    condition: int = Field(256, ge=16)
    consistency: int = Field(24, ge=4)

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
    """Stage 1: the next field from true, damaged history, and fields from nothing (flow matching)."""

    minutes: float = Field(9.0, ge=0, description="Training time, over all pieces.")
    batch: int = Field(256, ge=1)
    rate: float = Field(1.2e-3, gt=0, description="Highest learning rate of AdamW.")
    matrix_rate: float = Field(0.012, gt=0, description="Highest learning rate of Muon.")
    average: float = Field(0.997, ge=0, lt=1, description="Decay of the averaged weights.")
    no_text: float = Field(0.1, ge=0, le=1, description="Share without a prompt.")
    from_previous: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Share of frames with a past that start from it, as in a stream.",
    )
    stranger: float = Field(0.12, ge=0, le=1, description="Share whose past is another clip's.")
    wide: float = Field(0.12, ge=0, le=1, description="Share of steps on clips in 16 : 9.")
    guidance: float = Field(
        0.0, ge=0, le=4, description="How much more than the prompt's own share is aimed at."
    )
    guided_from: float = Field(0.6, ge=0, le=1, description="Progress from which that is so.")
    plan: float = Field(
        1e-3, ge=0, description="What a nat of a picture's plan costs, in squared error."
    )


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


class SharpenSettings(ConfigModel):
    """Stage 3: the sharpener, fields to fields of four times their size."""

    minutes: float = Field(3.0, ge=0, description="Training time, over all pieces.")
    clips: int = Field(4000, ge=1, description="Pairs to hold, if the time allows.")
    batch: int = Field(24, ge=1)
    crop: int = Field(32, ge=8, description="Side of the crops, field pixels.")
    rate: float = Field(2e-3, gt=0, description="Highest learning rate.")
    average: float = Field(0.998, ge=0, lt=1, description="Decay of the averaged weights.")
    width: int = Field(24, ge=4, description="Channels.")
    blocks: int = Field(2, ge=0, description="Residual blocks.")
    crisp: float = Field(
        2.5, ge=0, description="Weight of steepness, window by window, against exactness."
    )
    sharp_from: float = Field(0.4, ge=0, le=1, description="Progress from which a critic joins in.")
    sharp: float = Field(0.3, ge=0, description="Strength of the critic against fidelity.")
    critic_width: int = Field(24, ge=4)
    critic_noise: float = Field(0.1, gt=0)


class JudgeSettings(ConfigModel):
    """The independent classifier that says what a field shows; other seeds than the model's."""

    minutes: float = Field(2.0, ge=0, description="Training time, over all pieces.")
    batch: int = Field(64, ge=1)
    rate: float = Field(2e-3, gt=0)
    width: int = Field(48, ge=4)


class StemSettings(ConfigModel):
    """Stems that halve the cost of a tiny autoencoder, learned from its own answers."""

    minutes: float = Field(30.0, ge=0, description="Training time, over all pieces.")
    pictures: int = Field(592, ge=16, description="Pictures that the renderer draws for it.")
    folder: str = Field("", description="Your own pictures, besides.")
    batch: int = Field(8, ge=1)
    crop: int = Field(96, ge=16, le=256, multiple_of=8, description="Side of the crops, pixels.")
    rate: float = Field(2e-3, gt=0, description="Highest learning rate.")
    average: float = Field(0.99, ge=0, lt=1, description="Decay of the averaged weights.")


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
    share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Of a frame of a stream, how much is the network's; the rest is what it follows.",
    )
    data: DataSettings = Field(default_factory=DataSettings)
    net: NetSettings = Field(default_factory=NetSettings)
    corruption: CorruptionSettings = Field(default_factory=CorruptionSettings)
    flow: FlowSettings = Field(default_factory=FlowSettings)
    unroll: UnrollSettings = Field(default_factory=UnrollSettings)
    sharpen: SharpenSettings = Field(default_factory=SharpenSettings)
    judge: JudgeSettings = Field(default_factory=JudgeSettings)
    stems: StemSettings = Field(default_factory=StemSettings)

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
        "data": {"clips": 40_000, "wide_clips": 4000, "render_minutes": 0.8},
        "flow": {"minutes": 13.0, "guidance": 0.6},
        "unroll": {"minutes": 6.0},
        "sharpen": {"minutes": 3.5, "batch": 64},
    },
    # a day's work for a few cores
    "cpu": {
        "flow": {"minutes": 480.0, "batch": 32, "guidance": 0.6},
        "unroll": {"minutes": 120.0, "batch": 12, "pairs": 600, "keep": 256, "average": 0.998},
        "sharpen": {"minutes": 60.0},
        "judge": {"minutes": 8.0},
        "stems": {"minutes": 240.0},
    },
    # seconds, to see that everything turns
    "tiny": {
        "data": {
            "families": ["spiral", "hexagons", "fire"],
            "size": 16,
            "clips": 12,
            "wide_clips": 4,
            "render_minutes": 0.2,
            "batch": 2,
        },
        "net": {
            "widths": [8, 16, 24],
            "blocks": [1, 1, 2],
            "groups": 4,
            "condition": 32,
            "consistency": 8,
        },
        "flow": {"minutes": 0.05, "batch": 4, "guidance": 0.5},
        "unroll": {
            "minutes": 0.05,
            "batch": 4,
            "frames": 2,
            "keep": 4,
            "pairs": 8,
            "teacher_steps": 2,
            "critic_width": 8,
        },
        "sharpen": {
            "minutes": 0.05,
            "batch": 4,
            "crop": 12,
            "width": 8,
            "blocks": 1,
            "critic_width": 8,
        },
        "judge": {"minutes": 0.05, "batch": 6, "width": 8},
        "stems": {"minutes": 0.05, "pictures": 16, "batch": 4, "crop": 32},
    },
}
