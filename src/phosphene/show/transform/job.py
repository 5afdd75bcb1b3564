"""A transform, checked and ready to run: nothing is written yet."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import phosphene
from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion import BasePipeline, load_pipeline
from phosphene.diffusion.registry import worker_needs
from phosphene.errors import InputError
from phosphene.show.mapping import find_mapping
from phosphene.show.routes import check_routes
from phosphene.show.score import song_hash
from phosphene.show.transform.options import TransformOptions
from phosphene.show.transform.read import Tempo
from phosphene.video.clip import Clip, opened, probe
from phosphene.video.sizes import plan_size
from phosphene.video.spec import Size

MOST_SECONDS = 2 * 86400
"""of a video that is drawn over as a whole: a damaged clock says more, a day's recording does not"""
SPEED_ONLY = {"diffusion": {"threads"}, "transform": {"batch"}}
"""settings that do not change the picture"""


@dataclass(frozen=True)
class Job:
    """Everything a transform follows from."""

    clip: Clip
    options: TransformOptions
    config: PipelineConfig
    """with what the model suggests"""
    base: BasePipeline
    """set to the size it draws at"""
    tempo: Tempo
    heard: AudioFeatures | None
    """what it moves to; None: nothing"""
    wanted: Size
    """(width, height) of the new video's stored pixels, before they are made even"""

    @property
    def model_size(self) -> Size:
        """(width, height) the model draws at."""
        size = self.base.inference_config
        return size.width, size.height

    @property
    def seconds(self) -> float | None:
        """Length of the new video, as far as it is known beforehand."""
        if self.clip.duration is None:
            return self.options.duration
        left = float(self.clip.duration) - self.options.start
        return left if self.options.duration is None else min(left, self.options.duration)

    def fingerprint(self) -> str:
        """Digest of everything that decides the picture. Raises :class:`InputError`."""
        options = asdict(self.options)
        del options["resume"], options["overwrite"]
        if self.options.sound is not None:
            options["sound"] = song_hash(self.options.sound)
        settings = self.config.model_dump(mode="json", exclude=SPEED_ONLY)
        told = [phosphene.__version__, self.clip.mark, settings, options, self.model_size]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def prepare(
    source: Path,
    config: PipelineConfig,
    options: TransformOptions,
    base: BasePipeline | None,
) -> Job:
    """Look at the source, load the model, choose the sizes; ``config`` is not changed.

    Raises :class:`~phosphene.errors.PhospheneError` for what cannot be.
    """
    check_routes(config)
    find_mapping(config.react.mapping)
    clip = probe(source)
    if clip.duration is not None and options.start >= clip.duration:
        raise InputError(
            f"{source} is {float(clip.duration):.1f} s long: --start {options.start:g} lies behind its end."
        )
    asked = clip.duration if options.duration is None else options.duration
    if clip.duration is not None and min(asked or 0, clip.duration) > MOST_SECONDS:
        raise InputError(
            f"{source} lasts {float(clip.duration) / 86400:.1f} days, or says so: give --duration, or cut it."
        )
    config = config.model_copy(deep=True)
    heard = _hear(clip, config, options)
    base = base or load_model(config)
    if config.prompt.negative_prompt:
        # who names something to stay away from wants it to count
        config.stream.suggest(guidance_mode="full", guidance_scale=2.0)
    base.suggest(config)
    facts, inference = base.facts, config.inference
    plan = plan_size(
        scaled(clip.display_size, options.scale),
        facts.max_size,
        facts.size_multiple,
        (inference.width, inference.height),
        facts.scalable,
    )
    inference.width, inference.height = plan.model
    return Job(
        clip=clip,
        options=options,
        config=config,
        base=base.view(inference),
        tempo=Tempo.of(clip, options),
        heard=heard,
        wanted=scaled(clip.size, options.scale),
    )


def _hear(clip: Clip, config: PipelineConfig, options: TransformOptions) -> AudioFeatures | None:
    """The sound that the new video moves to; None where it is deaf, or the clip mute."""
    if options.deaf:
        return None
    if options.sound is not None:
        return AudioAnalyzer(config.audio).analyze(options.sound, 0.0, options.duration)
    with opened(clip.path) as container:
        if not container.streams.audio:
            return None
    try:
        return AudioAnalyzer(config.audio).analyze(clip.path, options.start, options.duration)
    except InputError:
        # a stretch without sound, or sound that nobody can decode: the picture goes on
        return None


def load_model(config: PipelineConfig) -> BasePipeline:
    """The configured model, its networks on few enough threads to run side by side."""
    diffusion = config.diffusion.model_copy()
    side_by_side = worker_needs(diffusion.model).networks
    if side_by_side > 1:
        diffusion.suggest(threads=max(1, _usable_cores() // side_by_side))
    return load_pipeline(diffusion, config.inference)


def scaled(size: Size, scale: float) -> Size:
    """``size`` times ``scale``, at least one pixel."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
