"""`python -m phosphene.server.hearing SONG OUT.npz SECONDS CONFIG [SOUND]`: progress as JSON lines.

Into SOUND go its samples, for those who take the show's sound.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil

from phosphene.audio import AudioAnalyzer
from phosphene.config import AudioConfig
from phosphene.errors import PhospheneError
from phosphene.server.hearing.archive import DAMAGED, save_features
from phosphene.show.sinks.sound import write_tape

NICE = 5
"""a quarter of what the show gets where both want the same core: more, and a song takes minutes to hear"""
MEMORY = 2 * 2**30
"""bytes: what no song within the limits needs"""


def be_humble() -> None:
    """Yield the processor to the show, and fail rather than fill the memory."""
    process = psutil.Process()
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        return
    process.nice(NICE)
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def main(song: str, out: str, seconds: str, config: str, sound: str | None = None) -> None:
    """Hear ``song`` and write its features; what fails is said, not raised."""
    be_humble()

    def progress(share: float) -> None:
        print(json.dumps({"progress": round(share, 3)}), flush=True)

    try:
        analyzer = AudioAnalyzer(AudioConfig.model_validate_json(config))
        save_features(analyzer.analyze(song, progress=progress, most=float(seconds)), Path(out))
        if sound is not None:
            write_tape(Path(song), Path(sound))
    except PhospheneError as error:
        # where the file lies is nobody's business
        print(json.dumps({"failed": str(error).replace(song, "the file")}), flush=True)
    except Exception as error:
        # a stranger's file may break a decoder in ways of its own: one line, and what it was for the log
        print(json.dumps({"failed": DAMAGED, "because": f"{type(error).__name__}: {error}"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
