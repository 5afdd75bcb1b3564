"""Are the weights in the package what was published?"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path

from phosphene.diffusion.lsd.nets import WEIGHTS
from phosphene.errors import ModelError

FORMAT = 4
"""of the manifest: 4 is fields with a plan, 3 fields without one; before, an autoencoder's latents"""


def verify(folder: Path = WEIGHTS) -> str:
    """Check every file against ``manifest.json``; returns a line for people.

    Raises :class:`~phosphene.errors.ModelError` for a file that is missing or damaged.
    """
    try:
        files = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
        for name, expected in files.items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected["sha256"]:
                raise ModelError(_mend(f"{name} is damaged"))
    except OSError as error:
        raise ModelError(_mend(f"{error.filename} cannot be read")) from error
    total = sum(entry["bytes"] for entry in files.values()) / 1e6
    return f"lsd, {len(files)} files, {total:.1f} MB, checksums right"


@dataclass(frozen=True)
class Inference:
    """How networks play best, as who trained them found."""

    history_noise: float = 0.0
    """0..1: how much to distrust the past where a guide holds it"""
    history_alone: float = 0.9
    """and where none does: trusted more, such a past gets soft"""
    share: float = 1.0
    """0..1: of a frame that a guide holds, how much is the network's; the rest is what it follows"""


def inference(folder: Path) -> Inference:
    """As the manifest of ``folder`` has it.

    Raises :class:`~phosphene.errors.ModelError` for a folder without a manifest, or with another version's.
    """
    try:
        told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} has no readable manifest.json beside its networks.") from error
    if told.get("format") != FORMAT:
        raise ModelError(
            f"'{folder}' holds networks of an older phosphene, without plans: train them anew,"
            " `phosphene train --out DIR`."
            if told.get("format", 0) < FORMAT
            else f"'{folder}' holds networks of a newer phosphene: pip install --upgrade phosphene."
        )
    known = told.get("inference", {})
    return Inference(
        **{each.name: float(known[each.name]) for each in fields(Inference) if each.name in known}
    )


def _mend(what: str) -> str:
    return f"the built-in model's {what}: pip install --force-reinstall phosphene."
