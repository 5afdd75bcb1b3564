"""How long a song is, before anything is decoded."""

from __future__ import annotations

from pathlib import Path

from phosphene.errors import InputError


def check_length(path: Path, most: float) -> None:
    """Refuse songs of more than ``most`` seconds.

    Counts packets instead of believing the header: a small file can hold days of silence, which would
    fill the memory once decoded. What cannot be opened is left to the decoder's better words.
    """
    import av

    try:
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError, ValueError):
        return
    total = 0.0
    with container:
        if not container.streams.audio:
            return
        stream = container.streams.audio[0]
        try:
            for packet in container.demux(stream):
                if packet.duration and packet.time_base:
                    total += float(packet.duration * packet.time_base)
                if total > most:
                    raise InputError(
                        f"the song is longer than {most / 60:g} minutes: cut it, or render it instead."
                    )
        except av.FFmpegError:
            return
