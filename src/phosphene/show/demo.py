"""A first picture within a minute: compose a piece, render it, say what to try next."""

from __future__ import annotations

import tempfile
from pathlib import Path

from phosphene.audio.compose import compose, write_wav
from phosphene.config import PipelineConfig, PromptConfig, TimedPrompt
from phosphene.errors import InputError
from phosphene.show.render import RenderOptions, render
from phosphene.video.spec import Size

# what the demo draws when no prompt is given, as (share of the piece, prompt)
TOUR = (
    (0.0, "teal ocean waves"),
    (0.27, "crimson and gold mandala"),
    (0.53, "electric blue lightning"),
    (0.8, "violet flower petals"),
)

NEXT = """
play {path}, then try:
  phosphene demo -o lava.mp4 --prompt "molten gold lava lamp" --seed 7
  phosphene render YOUR_SONG.mp3
  phosphene analyze YOUR_SONG.mp3 --plot song.png
"""


def demo(
    path: Path, seconds: float, config: PipelineConfig, size: Size | None, overwrite: bool
) -> str:
    """Compose and render ``seconds`` of music; returns what to print."""
    if not 1 <= seconds <= 600:
        raise InputError(f"--seconds must be 1 to 600, not {seconds:g}.")
    if config.prompt == PromptConfig():
        config = config.model_copy(update={"prompt": tour(seconds)})
    with tempfile.TemporaryDirectory(prefix="phosphene-") as folder:
        song = Path(folder) / "phosphene.wav"
        write_wav(song, *compose(seconds, seed=config.inference.seed))
        report = render(song, path, config, RenderOptions(size=size, overwrite=overwrite))
    return report.describe() + "\n" + NEXT.format(path=path)


def tour(seconds: float) -> PromptConfig:
    """Several prompts, one after the other."""
    (_, first), *rest = TOUR
    timeline = [TimedPrompt(at=share * seconds, prompt=prompt) for share, prompt in rest]
    return PromptConfig(base_prompt=first, chroma_strength=0.25, timeline=timeline)
