"""`python -m phosphene.server.hearing SONG OUT.npz SECONDS CONFIG`: progress as JSON lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from phosphene.audio import AudioAnalyzer
from phosphene.config import AudioConfig
from phosphene.errors import PhospheneError
from phosphene.server.hearing.archive import DAMAGED, save_features
from phosphene.server.hearing.priority import be_humble


def main(song: str, out: str, seconds: str, config: str) -> None:
    """Hear ``song`` and write its features; what fails is said, not raised."""
    be_humble()

    def progress(share: float) -> None:
        print(json.dumps({"progress": round(share, 3)}), flush=True)

    try:
        analyzer = AudioAnalyzer(AudioConfig.model_validate_json(config))
        save_features(analyzer.analyze(song, progress=progress, most=float(seconds)), Path(out))
    except PhospheneError as error:
        # where the file lies is nobody's business
        print(json.dumps({"failed": str(error).replace(song, "the file")}), flush=True)
    except Exception as error:
        # a stranger's file may break a decoder in ways of its own: one line, and what it was for the log
        print(json.dumps({"failed": DAMAGED, "because": f"{type(error).__name__}: {error}"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
