"""Reads files as commands and the server do, one path a line; says what came of each, one JSON line.

A process of its own, because a decoder may hang, take all memory or end the process.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

import psutil

from phosphene.audio.decode import decode
from phosphene.config import PipelineConfig
from phosphene.errors import PhospheneError
from phosphene.server.limits import Limits
from phosphene.server.performer import check_picture
from phosphene.show.live.pictures import decode_picture
from phosphene.video.clip import probe
from phosphene.video.reader import read_frames

FRAMES = 60
"""of a video, at most"""
SIDE = 64


def _hear(path: Path) -> None:
    decode(path, most=Limits.song_seconds)


def _see(path: Path) -> None:
    clip = probe(path)
    if clip.size[0] * clip.size[1] > Limits.picture_pixels:
        # large pictures are meant: they take what they take
        return
    for _, _ in zip(range(FRAMES), read_frames(path, (SIDE, SIDE)), strict=False):
        pass


def _look(path: Path) -> None:
    data = path.read_bytes()
    check_picture(data, Limits.picture_bytes, Limits.picture_pixels)
    decode_picture(data, (SIDE, SIDE))


def _configure(path: Path) -> None:
    PipelineConfig.from_toml(path)


WAYS = {"hear": _hear, "see": _see, "look": _look, "configure": _configure}


def main() -> None:
    """Serve until the input ends."""
    process = psutil.Process()
    for line in sys.stdin:
        way, _, name = line.rstrip("\n").partition(" ")
        told = {"said": ""}
        try:
            WAYS[way](Path(name))
        except PhospheneError as error:
            told["said"] = str(error)
        except Exception:
            told["traceback"] = traceback.format_exc()
        told["memory"] = process.memory_info().rss
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
