"""A recorded show drawn again: same prompts, same moments, as large and smooth as one likes."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from phosphene.audio import AudioAnalyzer
from phosphene.diffusion import BaseDiffusionPipeline, load_pipeline
from phosphene.errors import InputError
from phosphene.show.live.ears import LISTENING
from phosphene.show.live.session import completed
from phosphene.show.render import RenderOptions, RenderReport, render_source
from phosphene.show.score import Score, match_songs, read
from phosphene.show.soundtrack import write_soundtrack
from phosphene.show.sources.score import ScoreSource
from phosphene.video.mux import Sound
from phosphene.video.target import check_target


def render_score(
    score: str | Path,
    out: str | Path,
    songs: Sequence[str | Path] = (),
    options: RenderOptions | None = None,
    *,
    fps: float | None = None,
    base: BaseDiffusionPipeline | None = None,
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
    microphone = _microphone(told, path)
    heard = {digest: AudioAnalyzer(config.audio).analyze(file) for digest, file in files.items()}
    base = base or load_pipeline(config.diffusion, config.inference)
    config = completed(base, config)
    source = ScoreSource(told, config, heard, rate, microphone)
    # settings that change carry their own size, but one video has one
    config = config.model_copy(deep=True)
    with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
        track = Path(folder) / f"{path.stem}.wav"
        there = write_soundtrack(told, files, microphone, track)
        sound = Sound(track, 0.0, config.video.audio_bitrate) if there else None
        content = hashlib.sha256(path.read_bytes()).hexdigest() + f" {rate:g} "
        report = render_source(source, sound, out, config, options, base=base, content=content)
    notes = (*told.notes, *_missing(told, microphone), *report.notes)
    return replace(report, seconds=time.perf_counter() - began, notes=notes)


def _listens(score: Score) -> bool:
    sources = (change.source for change in score.changes if change.source is not None)
    return any(source.hear in LISTENING for source in sources)


def _microphone(score: Score, path: Path) -> Path | None:
    """The file of what was heard, where it is there."""
    if score.head.sound is None or not _listens(score):
        return None
    found = path.with_name(score.head.sound)
    return found if found.is_file() else None


def _missing(score: Score, microphone: Path | None) -> tuple[str, ...]:
    """What the show had and this one has not, one sentence each."""
    notes = []
    if _listens(score) and microphone is None:
        notes.append(
            "the score has no file of what its microphone heard: it breathes by itself there."
        )
    if any(change.source is not None and change.source.see for change in score.changes):
        notes.append(
            "pictures of a camera are not part of a score: the show is drawn without them."
        )
    return tuple(notes)
