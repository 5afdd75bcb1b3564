"""A recording while the show plays."""

from __future__ import annotations

from phosphene.show.sinks.encoded import Target


def file_target(path: str, crf: int, preset: str, sound: bool = False) -> Target:
    """An MP4 in fragments: playable up to the last two seconds whatever happens to the machine."""
    return Target(
        url=f"file:{path}",
        name=f"recording {path}",
        container="mp4",
        container_options={
            "movflags": "frag_keyframe+empty_moov+default_base_moof",
            "flush_packets": "1",
        },
        # frames that wait for later ones would shift the start, which fragments cannot tell
        codec_options={"crf": str(crf), "preset": preset, "bf": "0"},
        sound=sound,
        retry=False,
    )
