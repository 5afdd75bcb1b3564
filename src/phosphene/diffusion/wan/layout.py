"""Which files make a Wan stream, found from one path, and which student they hold; no weights are read.

Published are: a student alone (Self-Forcing, Causal-Forcing: one ``.pt``), a student and a LoRA (LongLive
1.0), beside the folder of Wan 2.1 with autoencoder and text encoder in Wan's own layout; or all of it in
diffusers'.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from phosphene.errors import ModelError

WEIGHTS = (".pt", ".pth", ".safetensors")
LARGEST = 20
"""files of a folder that are looked at; one with more is no model's"""
UNKNOWN = "unknown: look where you got it"


@dataclass(frozen=True)
class Recipe:
    """How a student was distilled."""

    name: str
    text: str
    licence: str
    free: bool = True
    """whether money may be made with it"""
    levels: tuple[int, ...] = (1000, 750, 500, 250)
    """places in the noise table, noisiest first; see :class:`~phosphene.diffusion.wan.rollout.ShiftedFlow`"""
    first: tuple[int, ...] = (1000, 750, 500, 250)
    """of a stream's first chunk"""
    frames: int = 1
    """latent frames a chunk"""
    shift: float = 5.0


_NC = "CC BY-NC-SA 4.0: non-commercial"
RECIPES: tuple[tuple[str, Recipe], ...] = (
    (r"krea", Recipe("krea", "Krea Realtime", _NC, False, frames=3)),
    (r"causvid", Recipe("causvid", "CausVid", _NC, False, frames=3, shift=8.0)),
    (
        r"rolling[-_ ]?forcing",
        Recipe("rolling-forcing", "Rolling Forcing", "academic use only: non-commercial", False),
    ),
    (r"longlive", Recipe("longlive", "LongLive 1.0", "Apache-2.0", frames=3)),
    (
        r"framewise[-_]?1[-_]?step",
        Recipe("causal-forcing++", "Causal-Forcing++, one step", "Apache-2.0", levels=(1000,)),
    ),
    (
        r"framewise[-_]?2[-_]?step|causal[-_ ]?forcing\+\+",
        Recipe("causal-forcing++", "Causal-Forcing++, two steps", "Apache-2.0", levels=(1000, 500)),
    ),
    (r"framewise", Recipe("causal-forcing", "Causal-Forcing, frame-wise", "Apache-2.0")),
    (
        r"causal[-_ ]?forcing|chunkwise",
        Recipe("causal-forcing", "Causal-Forcing, chunk-wise", "Apache-2.0", frames=3),
    ),
    (r"self[-_ ]?forcing", Recipe("self-forcing", "Self-Forcing", "Apache-2.0", frames=3)),
)
"""what a path's last names tell, first match first"""
PLAIN = Recipe("wan", "a causal student of Wan 2.1", UNKNOWN)


@dataclass(frozen=True)
class Layout:
    """The parts of a model on this machine. What is None is not there."""

    name: str
    """as the user gave it"""
    recipe: Recipe
    transformer: Path
    """one file, or a folder of diffusers'"""
    loras: tuple[Path, ...] = ()
    vae: Path | None = None
    """a file in Wan's layout, or a folder of diffusers'"""
    tiny: Path | None = None
    """TAEHV's weights for Wan 2.1"""
    text: Path | None = None
    tokenizer: Path | None = None
    config: Path | None = None
    """the transformer's own settings, where they lie beside it"""

    @property
    def licence(self) -> str:
        """What its folder says (a model card), else what is known of a student of this name."""
        card = _card(self.transformer)
        if card is None:
            return self.recipe.licence
        free = "nc" not in re.split(r"\W+", card.lower())
        return card if free else f"{card}: non-commercial"


def find(place: str) -> Layout | None:
    """The model at a path; None for what is no Wan stream. Raises ModelError for one that is not clear."""
    path = Path(place).expanduser()
    if path.is_file():
        if path.suffix not in WEIGHTS or not _is_student(path):
            return None
        return _around(place, path, _config_beside(path))
    if not path.is_dir():
        return None
    if _class_of(path / "transformer/config.json") == "WanTransformer3DModel":
        return _around(place, path / "transformer", path / "transformer/config.json")
    if (path / "model_index.json").is_file():
        return None
    students = [file for file in _weights(path, deep=True) if _is_student(file)]
    named = [file for file in students if _recipe_of(file) is not PLAIN] or students
    if not named:
        return None
    if len(named) > 1:
        some = ", ".join(str(file.relative_to(path)) for file in named[:4])
        raise ModelError(f"{place} holds several models ({some}): name one of the files.")
    return _around(place, named[0], _config_beside(named[0]))


def recipe_named(place: str) -> Recipe:
    """What a path's names tell of a student, without a look inside."""
    return _recipe_of(Path(place).expanduser())


def _around(name: str, transformer: Path, config: Path | None) -> Layout:
    """The parts that lie with a transformer, or with the folder it belongs to."""
    places = list(_places(transformer))

    def first(*names: str) -> Path | None:
        there = (place / one for place in places for one in names)
        return next((path for path in there if path.exists()), None)

    beside = [] if transformer.is_dir() else _weights(transformer.parent)
    return Layout(
        name=name,
        recipe=_recipe_of(transformer),
        transformer=transformer,
        loras=tuple(file for file in beside if re.search(r"(^|[-_.])lora([-_.]|$)", file.stem)),
        vae=first("vae", "Wan2.1_VAE.pth", "Wan2.1_VAE.safetensors"),
        tiny=first("taew2_1.safetensors", "taew2_1.pth"),
        text=first(
            "text_encoder",
            "models_t5_umt5-xxl-enc-bf16.pth",
            "models_t5_umt5-xxl-enc-bf16.safetensors",
        ),
        tokenizer=first("tokenizer", "google/umt5-xxl"),
        config=config,
    )


def _places(transformer: Path) -> Iterator[Path]:
    """Where the other parts of a model may lie, nearest first."""
    here = transformer.parent
    for folder in (here, here.parent, here.parent.parent):
        yield folder
        yield from sorted(folder.glob("Wan2.1-T2V*"))
        yield from sorted(folder.glob("wan_models/Wan2.1-T2V*"))
        yield from sorted(folder.glob("checkpoints"))


def _weights(folder: Path, deep: bool = False) -> list[Path]:
    patterns = ("*", "*/*", "*/*/*") if deep else ("*",)
    files = (p for pattern in patterns for p in sorted(folder.glob(pattern)))
    return list(islice((p for p in files if p.suffix in WEIGHTS), LARGEST))


def _is_student(path: Path) -> bool:
    """Whether a file holds a transformer of Wan's; a pickle that is told by its name is not opened."""
    if re.search(r"lora|vae|umt5|taew|taehv", path.stem, re.IGNORECASE):
        return False
    named = _recipe_of(path) is not PLAIN
    if named and path.suffix != ".safetensors":
        return True
    from phosphene.diffusion.wan.weights import holds_transformer

    return holds_transformer(path, named)


def _recipe_of(path: Path) -> Recipe:
    # the file's own name says more than that of the folder it lies in
    names = [path.name, path.parent.name, path.parent.parent.name]
    if path.name == "transformer":
        names = names[1:]
    for name in names:
        for pattern, recipe in RECIPES:
            if re.search(pattern, name, re.IGNORECASE):
                return recipe
    return PLAIN


def _config_beside(file: Path) -> Path | None:
    config = file.parent / "config.json"
    return config if config.is_file() else None


def _class_of(config: Path) -> str:
    try:
        return str(json.loads(config.read_text(encoding="utf-8")).get("_class_name", ""))
    except (OSError, ValueError, AttributeError):
        return ""


_LICENCE = re.compile(r"^license:\s*[\"']?([\w.+ -]+?)[\"']?\s*$", re.MULTILINE)


def _card(transformer: Path) -> str | None:
    """The licence that a model card in its folder, or the one above, states in its head."""
    for folder in (transformer, transformer.parent):
        try:
            text = (folder / "README.md").read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
        found = _LICENCE.search(head[1]) if head else None
        if found:
            return found[1]
    return None
