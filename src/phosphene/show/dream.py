"""Endless video without a song: the model goes on from its own last picture, prompts come and go."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phosphene.audio import AudioFeatures
from phosphene.config import PipelineConfig, TimedPrompt
from phosphene.diffusion import BasePipeline, load_pipeline
from phosphene.errors import InputError
from phosphene.show.render import (
    RenderOptions,
    RenderReport,
    render,
    render_source,
    source_frames,
    suited,
)
from phosphene.show.sources.song import SongSource
from phosphene.video.target import check_target
from phosphene.video.writer import Frame

MAX_SECONDS = 24 * 3600.0
BEAT_SECONDS = 2.0
"""a dream's pulse: nothing is struck, but shapes change as if every so many beats"""
SECTION_SECONDS = 40.0

_AT = re.compile(r"\s*@\s*(\d+(?:\.\d+)?)\s*s?[\s:]\s*(.+)", re.DOTALL)
"""``@12.5 crimson kaleidoscope``: no title is written like this"""
_SHORT = re.compile(r"\s*(\d+(?:\.\d+)?):(?![\s\d])(.+)", re.DOTALL)
"""``12.5:crimson kaleidoscope``, among other prompts; ``2001: a space odyssey`` and ``7:30`` are none"""


def dream(
    out: str | Path,
    seconds: float,
    config: PipelineConfig | None = None,
    options: RenderOptions | None = None,
    *,
    song: str | Path | None = None,
    base: BasePipeline | None = None,
) -> RenderReport:
    """Draw ``seconds`` of video, to a song's sound if there is one, else to a slow breath of its own.

    Raises :class:`~phosphene.errors.PhospheneError` in one sentence.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise InputError(f"a dream lasts more than 0 and up to {MAX_SECONDS:g} s, not {seconds:g}.")
    config = suited(config, base)
    options = options or RenderOptions()
    if song is not None:
        stretch = RenderOptions(
            options.start, seconds, options.size, options.resume, options.overwrite
        )
        return render(song, out, config, stretch, base=base)
    out = Path(out)
    size = options.size or (config.inference.width, config.inference.height)
    check_target(out, size, config.audio.fps, seconds=seconds, overwrite=options.overwrite)
    features = breath(seconds, config.audio.fps, config.inference.seed)
    return render_source(SongSource(features), None, out, config, options, base=base)


def dream_frames(
    seconds: float,
    config: PipelineConfig | None = None,
    options: RenderOptions | None = None,
    *,
    base: BasePipeline | None = None,
) -> Generator[Frame, None, None]:
    """The pictures that :func:`dream` draws without a song, one by one: uint8 RGB (height, width, 3)."""
    config = suited(config, base)
    base = base or load_pipeline(config.diffusion, config.inference)
    source = SongSource(breath(seconds, config.audio.fps, config.inference.seed))
    yield from source_frames(source, config, options or RenderOptions(), base)


def set_prompts(config: PipelineConfig, texts: Sequence[str], seconds: float = MAX_SECONDS) -> None:
    """Take over prompts such as ``nebula`` or ``@12.5 crimson kaleidoscope``, the second from 12.5 s on.

    A prompt without a time is the first one. ``12.5:crimson kaleidoscope`` is a time only beside other
    prompts that all have one, but for the first: alone it is a prompt. Raises
    :class:`~phosphene.errors.InputError` for two prompts without a time, and a time after the end, which is
    at ``seconds``.
    """
    matches = [_AT.fullmatch(text) for text in texts]
    if len(texts) > 1 and not any(matches):
        matches = [_SHORT.fullmatch(text) for text in texts]
    plain = [text for text, match in zip(texts, matches, strict=True) if match is None]
    cues = sorted((float(match[1]), match[2]) for match in matches if match is not None)
    if len(plain) > 1:
        raise InputError(
            f"'{plain[1]}' has no time: write '@SECONDS PROMPT' for every prompt but the first."
        )
    if cues and cues[-1][0] >= seconds:
        raise InputError(
            f"'{cues[-1][1]}' is to come at {cues[-1][0]:g} s, after the end at {seconds:g} s."
        )
    if not plain and cues and cues[0][0] == 0:
        plain = [cues.pop(0)[1]]
    if plain:
        config.prompt.base_prompt = plain[0]
    if cues:
        config.prompt.timeline = [TimedPrompt(at=at, prompt=prompt) for at, prompt in cues]


def breath(seconds: float, fps: float, seed: int) -> AudioFeatures:
    """What a dream hears: bands that swell and fade about their usual level, no beat, no attack."""
    n = max(1, round(seconds * fps))
    time = np.arange(n) / fps
    rng = np.random.default_rng(seed)

    def swell(depth: float) -> npt.NDArray[np.float32]:
        # three incommensurable waves of 5 to 30 s never repeat
        periods = rng.uniform(5, 30, 3)
        phases = rng.uniform(0, 2 * np.pi, 3)
        waves = np.sin(2 * np.pi * time[:, None] / periods + phases).mean(axis=1)
        return np.asarray((1 + depth * 1.6 * waves).clip(0), np.float32)

    sections = np.arange(0, n, max(1, round(SECTION_SECONDS * fps)))
    position = (time / BEAT_SECONDS).astype(np.float32)
    return AudioFeatures(
        fps=fps,
        start=0.0,
        duration=n / fps,
        sample_rate=22050,
        tempo=0.0,
        tempo_confidence=0.0,
        beat_times=np.empty(0),
        beat_frames=np.empty(0, np.int64),
        beat_position=position,
        onset_strength=np.zeros(n, np.float32),
        energy=(0.5 * swell(0.4)).clip(0, 1),
        bass=swell(0.6),
        mid=swell(0.6),
        treble=swell(0.4),
        centroid=np.full(n, 1500, np.float32),
        chroma_cq=np.zeros((12, n), np.float32),
        section_frames=sections.astype(np.int64),
    )
