"""Song in, music video out: analysed once, drawn, encoded and muxed side by side."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tqdm import tqdm

import phosphene
from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.config.motion import Route
from phosphene.diffusion import BasePipeline, load_pipeline
from phosphene.diffusion.registry import pipeline_class
from phosphene.show.analysis import apart
from phosphene.show.drawing import Part, draw, draw_frames
from phosphene.show.mapping import Mapping, find_mapping
from phosphene.show.routes import check_routes
from phosphene.show.sinks.segments import SegmentSink
from phosphene.show.sources.moments import Source
from phosphene.show.sources.song import SongSource
from phosphene.show.sources.video import OverVideo
from phosphene.video.clip import Clip, probe
from phosphene.video.files import checksum
from phosphene.video.mux import Clock, Sound, Tags, assemble
from phosphene.video.project import Project
from phosphene.video.sizes import SizePlan, even_size, plan_size
from phosphene.video.spec import Size, VideoSpec
from phosphene.video.target import Target, check_target
from phosphene.video.writer import Frame

SUNG = 0.5
"""of ``prompt.chroma_strength`` that a voice adds, where the song was taken apart"""
SEE_STRENGTH = 0.6
"""of an input picture, where neither the user nor the model says another ``stream.strength``"""


@dataclass(frozen=True)
class RenderOptions:
    """What to render of a song, and what may happen to files that are there."""

    start: float = 0.0
    """seconds in the song"""
    duration: float | None = None
    """seconds; ``None``: to the end"""
    size: Size | None = None
    """(width, height) of the video, pixels; ``None``: the model's own"""
    resume: bool = False
    """go on from the last finished segment"""
    overwrite: bool = False
    """replace an existing video"""
    over: Path | None = None
    """a video whose pictures are drawn over, again from its beginning where it is shorter"""
    stems: str | None = None
    """folder of the song's drums, bass and vocals; empty: taken apart here; None: the mix is heard"""


@dataclass(frozen=True)
class RenderReport:
    """What was made, and how fast."""

    path: Path
    frames: int
    new_frames: int
    """frames drawn now, not in an earlier run"""
    fps: float
    size: Size
    seconds: float
    """wall time"""
    notes: tuple[str, ...]

    def describe(self) -> str:
        """One line for people, after the notes."""
        length = self.frames / self.fps
        speed = self.new_frames / self.fps / self.seconds
        line = (
            f"{self.path}: {length:.1f} s, {self.size[0]}x{self.size[1]} at {self.fps:g} fps;"
            f" {self.new_frames} frames in {self.seconds:.1f} s, {speed:.2f} x as fast as it plays"
        )
        return "\n".join([*self.notes, line])


def render(
    song: str | Path,
    out: str | Path,
    config: PipelineConfig | None = None,
    options: RenderOptions | None = None,
    *,
    mapping: Mapping | None = None,
    base: BasePipeline | None = None,
) -> RenderReport:
    """Render a music video with the song's sound.

    Args:
        song: any sound or video file.
        out: .mp4, .mkv or .mov.
        config: settings; ``None`` takes the balanced preset.
        options: stretch, size, resume, overwrite.
        mapping: what the music does to the picture, in place of the configured mapping.
        base: a loaded model, to share between songs.

    Raises:
        PhospheneError: anything wrong with input, settings or output, in one sentence.
    """
    began = time.perf_counter()
    song, out = Path(song), Path(out)
    config = suited(config, base)
    options = options or RenderOptions()
    size = options.size or (config.inference.width, config.inference.height)
    # every refusal comes before the model is loaded and the song is heard
    check_routes(config)
    find_mapping(config.react.mapping)
    asked = check_target(out, size, config.audio.fps, seconds=0, overwrite=options.overwrite)
    clip = None if options.over is None else probe(options.over)
    sound = Sound.of(song, options.start, config.video.audio_bitrate)
    features = _hear(Path(song), config, options)
    source: Source = SongSource(features)
    content = ""
    if clip is not None:
        base = base or load_pipeline(config.diffusion, config.inference)
        options = replace(options, size=options.size or even_size(clip.display_size))
        source, content = _over(source, clip, config, options, base), clip.mark
    report = render_source(
        source, sound, out, config, options, mapping=mapping, base=base, content=content
    )
    told = filter(None, [features.note])
    notes = tuple(dict.fromkeys([*asked.notes, *told, *report.notes]))
    return replace(report, seconds=time.perf_counter() - began, notes=notes)


def render_frames(
    song: str | Path,
    config: PipelineConfig | None = None,
    options: RenderOptions | None = None,
    *,
    mapping: Mapping | None = None,
    base: BasePipeline | None = None,
) -> Generator[Frame, None, None]:
    """The pictures that :func:`render` draws, one by one, in memory only: uint8 RGB (height, width, 3).

    They are of the size that the model draws.
    """
    config = suited(config, base)
    options = options or RenderOptions()
    clip = None if options.over is None else probe(options.over)
    features = _hear(Path(song), config, options)
    base = base or load_pipeline(config.diffusion, config.inference)
    source: Source = SongSource(features)
    if clip is not None:
        options = replace(options, size=options.size or even_size(clip.display_size))
        source = _over(source, clip, config, options, base)
    yield from source_frames(source, config, options, base, mapping)


def suited(config: PipelineConfig | None, base: BasePipeline | None) -> PipelineConfig:
    """A copy with what the model suggests, the rate it draws at among it, before anything is heard."""
    config = (config or PipelineConfig.balanced_preset()).model_copy(deep=True)
    (base or pipeline_class(config.diffusion.model)).suggest(config)
    return config


def source_frames(
    source: Source,
    config: PipelineConfig,
    options: RenderOptions,
    base: BasePipeline,
    mapping: Mapping | None = None,
) -> Generator[Frame, None, None]:
    """The pictures of whatever a source gives, one by one; ``config`` is changed."""
    base.suggest(config)
    apply_size(base, config, options.size)
    yield from draw_frames(source, config, base, mapping)


def _hear(song: Path, config: PipelineConfig, options: RenderOptions) -> AudioFeatures:
    """What the song gives; its voices move the prompts where it was taken apart."""
    features = AudioAnalyzer(config.audio).analyze(song, options.start, options.duration)
    if options.stems is None:
        return features
    if all(route.source != "vocals" for route in config.react.routes):
        sung = Route(source="vocals", target="prompt.chroma_strength", gain=SUNG, release=0.5)
        config.react.routes = [*config.react.routes, sung]
    return apart(features, song, options.stems, config.audio)


def _over(
    source: Source,
    clip: Clip,
    config: PipelineConfig,
    options: RenderOptions,
    base: BasePipeline,
) -> Source:
    """``source`` with the pictures of a video, which are to be seen."""
    base.suggest(config)
    config.stream.suggest(strength=SEE_STRENGTH)
    return OverVideo(source, clip, apply_size(base, config, options.size).model)


def render_source(
    source: Source,
    sound: Sound | None,
    out: Path,
    config: PipelineConfig,
    options: RenderOptions,
    *,
    mapping: Mapping | None = None,
    base: BasePipeline | None = None,
    content: str = "",
) -> RenderReport:
    """Render a video of whatever a source gives; without a ``sound`` it is mute.

    ``config`` is changed: sizes are set, and what the model suggests. ``content`` tells apart sources that
    differ in more than sound and settings. Raises as :func:`render`.
    """
    began = time.perf_counter()
    base = base or load_pipeline(config.diffusion, config.inference)
    base.suggest(config)
    plan = apply_size(base, config, options.size)
    target = check_target(
        out,
        plan.output,
        source.fps,
        seconds=source.num_frames / source.fps,
        overwrite=options.overwrite,
    )
    fingerprint = _fingerprint(sound, config, options, plan, content)
    with Project(out, fingerprint, resume=options.resume, overwrite=options.overwrite) as project:
        done = project.next_frame
        chosen = _draw(project, target, source, config, base, mapping)
        assemble(
            project.paths,
            out,
            clock=Clock.even(target.rate, source.num_frames),
            sound=sound,
            tags=Tags(
                title=out.stem if sound is None else sound.song.stem,
                comment=f"phosphene: {config.prompt.base_prompt[:200]}",
            ),
            work=project.folder,
            overwrite=options.overwrite,
        )
        project.remove()
    return RenderReport(
        path=out,
        frames=source.num_frames,
        new_frames=source.num_frames - done,
        fps=float(target.rate),
        size=target.size,
        seconds=time.perf_counter() - began,
        notes=(*target.notes, *chosen),
    )


def _draw(
    project: Project,
    target: Target,
    source: Source,
    config: PipelineConfig,
    base: BasePipeline,
    mapping: Mapping | None,
) -> list[str]:
    """Draw the frames that are missing, segment by segment; what was chosen on the way, in sentences."""
    said: list[str] = []
    first, total = project.next_frame, source.num_frames
    sink = SegmentSink(project, VideoSpec.of(config.video, target.size, target.rate))
    with tqdm(total=total, initial=first, unit="frame", disable=None, smoothing=0.1) as bar:
        part = Part(first, state=project.state)
        for _ in draw(part, sink, target.rate, source, config, base, mapping, said.append):
            bar.update()
    return said


def apply_size(base: BasePipeline, config: PipelineConfig, requested: Size | None) -> SizePlan:
    """Choose the size the model draws at for a ``requested`` video size, and tell it."""
    native = (config.inference.width, config.inference.height)
    facts = base.facts
    plan = plan_size(requested, facts.max_size, facts.size_multiple, native, facts.scalable)
    for inference in (config.inference, base.inference_config):
        inference.width, inference.height = plan.model
    return plan


def _fingerprint(
    sound: Sound | None,
    config: PipelineConfig,
    options: RenderOptions,
    plan: SizePlan,
    content: str,
) -> str:
    """Digest of everything that decides the picture."""
    if sound is not None:
        content += checksum(sound.song)
    settings = config.model_dump(mode="json")
    told = [phosphene.__version__, content, settings, options.start, options.duration, asdict(plan)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
