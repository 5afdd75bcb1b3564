"""What phosphene hears in a song, as text, JSON and a plot."""

from __future__ import annotations

import json
import os
from pathlib import Path

from phosphene.audio import AudioAnalyzer, AudioFeatures
from phosphene.config import AudioConfig
from phosphene.errors import OutputError

VOICE = 0.2
"""of a voice's own loud passages: from there on it is heard"""


def analyze(
    song: str,
    config: AudioConfig,
    json_path: str | None,
    plot_path: str | None,
    overwrite: bool,
    stems: str | None = None,
) -> str:
    """Analyse ``song``, write what was asked for, return a few lines to print."""
    for path in filter(None, (json_path, plot_path)):
        check_target(Path(path), overwrite)
    features = AudioAnalyzer(config).analyze(song)
    if stems is not None:
        features = apart(features, Path(song), stems, config)
    lines = [describe(features), *filter(None, [features.note])]
    if json_path:
        write_text(Path(json_path), json.dumps(features.to_dict()) + "\n")
        lines.append(f"features: {json_path}")
    if plot_path:
        from phosphene.audio.plot import plot

        try:
            plot(features, plot_path, title=Path(song).name)
        except OSError as error:
            raise OutputError(f"cannot write {plot_path}: {error.strerror or error}.") from error
        lines.append(f"plot: {plot_path}")
    return "\n".join(lines)


def apart(features: AudioFeatures, song: Path, stems: str, config: AudioConfig) -> AudioFeatures:
    """Features that know of the song's stems: in the folder ``stems``, or made here where that is empty."""
    import tempfile

    from phosphene.audio.stems import made_stems, separated, with_stems

    if stems:
        return with_stems(features, made_stems(Path(stems)), config)
    with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
        return with_stems(features, separated(song, Path(folder)), config)


def describe(features: AudioFeatures) -> str:
    """Length, tempo, beats and sections in one line each."""
    minutes, seconds = divmod(features.duration, 60)
    tempo = (
        f"{features.tempo:.2f} BPM (confidence {features.tempo_confidence:.2f}),"
        f" else {features.tempo_runner_up:.2f}; {len(features.beat_frames)} beats\n"
        f"bars: {len(features.downbeat_frames)} of {features.metre}, phrases of {features.phrase_bars} bars"
        if features.tempo > 0
        else "no steady beat"
    )
    return (
        f"length: {int(minutes)}:{seconds:05.2f}, {features.num_frames} frames at {features.fps:g} fps\n"
        f"tempo: {tempo}\n"
        f"sections: {len(features.section_frames)}\n"
        f"key: {features.key or 'none'}, loudness: {features.integrated_loudness:.1f} LUFS"
        + (
            f"\nvoices: {(features.vocals > VOICE).mean():.0%} of the time"
            if features.vocals.any()
            else ""
        )
    )


def check_target(path: Path, overwrite: bool) -> None:
    """Refuse a target that cannot or must not be written, before any work is done."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it.")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists: give another name or --overwrite.")
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent}: make it first.")


def write_text(path: Path, text: str) -> None:
    """Write a file, turning the system's complaint into one sentence."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}.") from error
