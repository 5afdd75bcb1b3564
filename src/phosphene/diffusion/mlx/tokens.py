"""CLIP's tokenizer, as the torch pipelines have it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from phosphene.errors import ModelError


def tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder. Raises ModelError where there is none."""
    # without torch it would warn that there are no models, of which none are wanted
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    from transformers import CLIPTokenizer

    if not folder.is_dir():
        raise ModelError(f"{folder} is missing: give a whole diffusers folder.")
    return CLIPTokenizer.from_pretrained(folder)
