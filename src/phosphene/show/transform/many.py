"""Many videos, one after the other, with one loaded model; a bad one does not stop the rest."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from phosphene.config import PipelineConfig
from phosphene.errors import PhospheneError, in_words
from phosphene.show.analysis import check_target
from phosphene.show.transform.job import load_model
from phosphene.show.transform.options import TransformOptions
from phosphene.show.transform.report import Failure, TransformReport, write_report
from phosphene.show.transform.transform import transform
from phosphene.video.files import make_folder
from phosphene.video.project import FINISHED, is_finished


def transform_many(
    pairs: Sequence[tuple[Path, Path]],
    config: PipelineConfig,
    options: TransformOptions,
    report: Path | None,
) -> int:
    """Transform (source, video) pairs and print what came of each; 0 when all came out, else 2.

    With ``report``, all figures are written there as JSON, also when some failed.
    """
    if report is not None:
        check_target(report, options.overwrite or options.resume)
    # one model for all of them; a single bad file is told before it is loaded
    base = load_model(config) if len(pairs) > 1 else None
    made: list[TransformReport | Failure] = []
    for number, (source, out) in enumerate(pairs, start=1):
        if len(pairs) > 1:
            print(f"[{number}/{len(pairs)}] {source}")
        if options.resume and is_finished(out):
            print(FINISHED.format(out))
            continue
        try:
            make_folder(out.parent)
            done = transform(source, out, config, options, base=base)
        except (PhospheneError, OSError) as error:
            print(f"phosphene: {in_words(error)}", file=sys.stderr)
            made.append(Failure(str(source), in_words(error)))
        else:
            print(done.describe())
            made.append(done)
    if report is not None:
        write_report(report, made)
    failed = sum(isinstance(one, Failure) for one in made)
    if len(pairs) > 1:
        print(f"{len(pairs) - failed} of {len(pairs)} videos made.")
    return 2 if failed else 0
