"""Many songs, one after the other, with one loaded model; a bad one does not stop the rest."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from phosphene.config import PipelineConfig
from phosphene.errors import PhospheneError, in_words
from phosphene.show.render import RenderOptions, render
from phosphene.video.files import make_folder
from phosphene.video.project import FINISHED, is_finished


def render_many(
    pairs: Sequence[tuple[Path, Path]], config: PipelineConfig, options: RenderOptions
) -> int:
    """Render (song, video) pairs and print a line for each; 0 when all came out, else 2.

    Of a single one, what is wrong is raised.
    """
    if len(pairs) == 1:
        _render_one(*pairs[0], config, options)
        return 0
    failed = 0
    for number, (song, out) in enumerate(pairs, start=1):
        print(f"[{number}/{len(pairs)}] {song}")
        try:
            make_folder(out.parent)
            _render_one(song, out, config, options)
        except (PhospheneError, OSError) as error:
            failed += 1
            print(f"phosphene: {in_words(error)}", file=sys.stderr)
    print(f"{len(pairs) - failed} of {len(pairs)} songs rendered.")
    return 2 if failed else 0


def _render_one(song: Path, out: Path, config: PipelineConfig, options: RenderOptions) -> None:
    if options.resume and is_finished(out):
        print(FINISHED.format(out))
    else:
        print(render(song, out, config, options).describe())
