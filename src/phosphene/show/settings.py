"""What the command line hands in as text, checked."""

from __future__ import annotations

import re
from pathlib import Path

from phosphene.errors import InputError
from phosphene.text import read_text
from phosphene.video.spec import Size

SIZES: dict[str, Size] = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "4k": (3840, 2160),
    "square": (1080, 1080),
    "vertical": (1080, 1920),
}
"""(width, height) by name"""


def parse_size(text: str) -> Size:
    """``1280x720`` or ``720p`` -> (1280, 720)."""
    named = SIZES.get(text.strip().lower())
    if named is not None:
        return named
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×]\s*(\d{1,5})\s*", text)
    if not match:
        names = ", ".join(SIZES)
        raise InputError(
            f"size '{text}' is not WIDTHxHEIGHT: write for example 1280x720, or one of {names}."
        )
    return int(match[1]), int(match[2])


def parse_place(text: str, host: str = "127.0.0.1", port: int | None = None) -> tuple[str, int]:
    """``9000``, ``HOST:9000`` or ``HOST`` -> (host, port); what is not said is as given here."""
    text = text.strip()
    bare = re.fullmatch(r"\[(.+)\](?::(\d+))?|([^:\s]+):(\d+)|(\d+)|([^:\s]+)", text)
    if bare is None:
        raise InputError(f"'{text}' is no place on a network: write HOST:PORT or PORT.")
    named = bare[1] or bare[3] or bare[6] or host
    number = bare[2] or bare[4] or bare[5]
    found = port if number is None else int(number)
    if found is None or not 0 <= found <= 65535:
        raise InputError(f"'{text}' needs a port from 1 to 65535: write HOST:PORT.")
    return named, found


def read_chroma_prompts(path: str) -> list[str]:
    """Twelve prompts, one per line; empty lines do not count."""
    lines = re.split(r"\r\n|\r|\n", read_text(path, "file of chroma prompts"))
    prompts = [line.strip() for line in lines if line.strip()]
    if len(prompts) != 12:
        raise InputError(
            f"{path} has {len(prompts)} prompts: give 12 lines, one per note C, C#, ... B."
        )
    return prompts


def outputs_for(songs: list[str], output: str | None) -> list[tuple[Path, Path]]:
    """Pair each song with its video: beside nothing in particular, a named file, or in a folder."""
    paths = [Path(song) for song in songs]
    if output is None:
        targets = [Path(path.stem + ".mp4") for path in paths]
    elif len(paths) > 1 or output.endswith(("/", "\\")) or Path(output).is_dir():
        folder = Path(output)
        if folder.suffix in {".mp4", ".mkv", ".mov"} and not folder.is_dir():
            raise InputError(
                f"{len(paths)} songs do not fit into one file {output}: give a folder."
            )
        targets = [folder / (path.stem + ".mp4") for path in paths]
    else:
        targets = [Path(output)]
    clash = {str(t) for t in targets if targets.count(t) > 1}
    if clash:
        raise InputError(f"two songs would both become {sorted(clash)[0]}: rename one.")
    return list(zip(paths, targets, strict=True))
