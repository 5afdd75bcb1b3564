"""A first picture within a minute: compose a piece, render it, say what to try next."""

from __future__ import annotations

import tempfile
from pathlib import Path

from phosphene.audio.compose import write_wav
from phosphene.config import PipelineConfig
from phosphene.errors import InputError
from phosphene.show.render import Job, RenderReport, render
from phosphene.show.settings import Size

NEXT = """
play {path}, then try:
  phosphene demo -o lava.mp4 --prompt "molten gold lava lamp" --seed 7
  phosphene render YOUR_SONG.mp3
  phosphene analyze YOUR_SONG.mp3 --plot song.png
"""


def demo(
    path: Path, seconds: float, config: PipelineConfig, size: Size | None, overwrite: bool
) -> RenderReport:
    """Render ``seconds`` of a piece composed here, with a tour of prompts unless one was given."""
    if not 1 <= seconds <= 600:
        raise InputError(f"--seconds must be 1 to 600, not {seconds:g}.")
    with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
        song = Path(folder) / "phosphene.wav"
        write_wav(song, seconds=seconds, seed=config.inference.seed)
        report = render(Job(song, path, size=size, overwrite=overwrite), config)
    print(report.describe())
    print(NEXT.format(path=path))
    return report
