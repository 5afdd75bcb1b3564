"""A recorded show, or a set, drawn: same prompts, same moments, as large and smooth as one likes."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.diffusion import BasePipeline, load_pipeline
from phosphene.errors import InputError
from phosphene.show import sets
from phosphene.show.live.audio_input import LISTENING
from phosphene.show.live.session import completed
from phosphene.show.render import RenderOptions, RenderReport, apply_size, render_source
from phosphene.show.score import Score, config_from, match_songs, read, song_hash
from phosphene.show.soundtrack import write_soundtrack
from phosphene.show.sources.score import ScoreSource
from phosphene.video.files import checksum, make_folder, refuse_change, source_mark
from phosphene.video.mux import Sound
from phosphene.video.project import is_finished
from phosphene.video.target import check_target


def render_score(
    score: str | Path,
    out: str | Path,
    songs: Sequence[str | Path] = (),
    options: RenderOptions | None = None,
    *,
    fps: float | None = None,
    base: BasePipeline | None = None,
) -> RenderReport:
    """Draw the show of a score, with the sound of its songs or of its microphone.

    Args:
        score: what `phosphene live --record` or the page wrote.
        out: .mp4, .mkv or .mov.
        songs: files of the songs it plays, checked by hash; those beside the score are found.
        options: size, resume, overwrite.
        fps: frames a second; None: as it was played.
        base: a loaded model.

    Raises:
        PhospheneError: anything wrong with input, settings or output, in one sentence.
    """
    began = time.perf_counter()
    path, out, options = Path(score), Path(out), options or RenderOptions()
    told = read(path)
    if told.seconds <= 0:
        raise InputError(f"{path} is a show of no length: nothing to draw.")
    config, rate = told.config, told.head.fps if fps is None else fps
    size = options.size or (config.inference.width, config.inference.height)
    check_target(out, size, rate, seconds=0, overwrite=options.overwrite)
    files = match_songs(told, [Path(song) for song in songs], path.parent)
    marks = {file: source_mark(file) for file in files.values()}
    microphone, camera = _microphone(told, path), _camera(told, path)
    heard = {digest: AudioAnalyzer(config.audio).analyze(file) for digest, file in files.items()}
    base = base or load_pipeline(config.diffusion, config.inference)
    show = Show(told, files, heard, microphone, path.stem, camera, marks)
    report = _draw(show, out, options, rate, base)
    notes = (*told.notes, *_missing(told, microphone, camera), *report.notes)
    return replace(report, seconds=time.perf_counter() - began, notes=notes)


def render_set(
    path: str | Path,
    folder: str | Path,
    songs: Sequence[str | Path] = (),
    options: RenderOptions | None = None,
    *,
    fps: float | None = None,
    base: BasePipeline | None = None,
) -> Iterator[RenderReport]:
    """Draw the songs of a set in turn, each with its cues, into ``folder``: "01 song.mp4", "02 ...".

    Args:
        path: what the page saved, packed or not.
        folder: is made where it is not there.
        songs: files of its songs that do not lie beside the set.
        options: size, resume, overwrite; with ``resume`` what is finished is passed over.
        fps: frames a second; None: those of a live show.
        base: a loaded model.

    Raises:
        PhospheneError: anything wrong with the set, its songs or the output, in one sentence, before
            the first frame is drawn.
    """
    path, folder, options = Path(path), Path(folder), options or RenderOptions()
    told = sets.read(path)
    if not told.songs:
        raise InputError(f"{path} has no songs: nothing to draw.")
    config = config_from(told.settings)
    rate = config.live.fps if fps is None else fps
    size = options.size or (config.inference.width, config.inference.height)
    outs = [
        folder / f"{number:02d} {Path(song.name).stem}.mp4"
        for number, song in enumerate(told.songs, start=1)
    ]
    left = [not (options.resume and is_finished(out)) for out in outs]
    with tempfile.TemporaryDirectory(prefix="phosphene-") as scratch:
        files = sets.files_of(told, path, [Path(song) for song in songs], Path(scratch))
        make_folder(folder)
        for out, wanted in zip(outs, left, strict=True):
            if wanted:
                check_target(out, size, rate, seconds=0, overwrite=options.overwrite)
        shows = []
        for index, (file, out) in enumerate(zip(files, outs, strict=True)):
            heard = AudioAnalyzer(config.audio).analyze(file)
            digest = song_hash(file)
            score, config = sets.score_of(told, index, heard, digest, config)
            shows.append(Show(score, {digest: file}, {digest: heard}, None, out.stem))
        first = shows[0].score.config
        base = base or load_pipeline(first.diffusion, first.inference)
        for show, out, wanted in zip(shows, outs, left, strict=True):
            if wanted:
                yield _draw(show, out, options, rate, base)


@dataclass(frozen=True)
class Show:
    """A score with all that sounds in it."""

    score: Score
    files: Mapping[str, Path]
    """songs by hash"""
    heard: Mapping[str, AudioFeatures]
    microphone: Path | None
    title: str
    camera: Path | None = None
    """what it saw"""
    marks: Mapping[Path, str] = field(default_factory=dict)
    """of files as they were before they were heard"""


def _draw(
    show: Show, out: Path, options: RenderOptions, rate: float, base: BasePipeline
) -> RenderReport:
    told = show.score
    config = completed(base, told.config)
    # settings that change carry their own size, but one video has one
    drawn = config.model_copy(deep=True)
    size = apply_size(base, drawn, options.size).model
    source = ScoreSource(told, config, show.heard, rate, show.microphone, show.camera, size)
    with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
        track = Path(folder) / f"{show.title}.wav"
        there = write_soundtrack(told, show.files, show.microphone, track)
        for file, mark in show.marks.items():
            refuse_change(file, mark)
        sound = Sound(track, 0.0, config.video.audio_bitrate) if there else None
        content = hashlib.sha256("\n".join(told.lines()).encode()).hexdigest() + f" {rate:g} "
        content += "" if show.camera is None else checksum(show.camera)
        return render_source(source, sound, out, drawn, options, base=base, content=content)


def _listens(score: Score) -> bool:
    sources = (change.source for change in score.changes if change.source is not None)
    return any(source.hear in LISTENING for source in sources)


def _microphone(score: Score, path: Path) -> Path | None:
    """The file of what was heard, where it is there."""
    if score.head.sound is None or not _listens(score):
        return None
    found = path.with_name(score.head.sound)
    return found if found.is_file() else None


def _camera(score: Score, path: Path) -> Path | None:
    """The file of what was seen, where it is there."""
    if score.head.pictures is None:
        return None
    found = path.with_name(score.head.pictures)
    return found if found.is_file() else None


def _missing(score: Score, microphone: Path | None, camera: Path | None) -> tuple[str, ...]:
    """What the show had and this one has not, one sentence each."""
    notes = []
    if _listens(score) and microphone is None:
        notes.append(
            "the score has no file of what its microphone heard: it breathes by itself there."
        )
    sees = any(change.source is not None and change.source.see for change in score.changes)
    if sees and camera is None and score.head.pictures is not None:
        notes.append(
            f"{score.head.pictures} is not beside the score: it is drawn without a camera."
        )
    elif sees and camera is None:
        notes.append(
            "the camera's pictures were not kept (live --record-video keeps them): it is drawn without."
        )
    return tuple(notes)
