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
    failed, many = 0, len(pairs) > 1
    for number, (song, out) in enumerate(pairs, start=1):
        if many:
            print(f"[{number}/{len(pairs)}] {song}")
        if options.resume and is_finished(out):
            print(FINISHED.format(out))
            continue
        try:
            if many:
                make_folder(out.parent)
            print(render(song, out, config, options).describe())
        except (PhospheneError, OSError) as error:
            if not many:
                raise
            failed += 1
            print(f"phosphene: {in_words(error)}", file=sys.stderr)
    if many:
        print(f"{len(pairs) - failed} of {len(pairs)} songs rendered.")
    return 2 if failed else 0
