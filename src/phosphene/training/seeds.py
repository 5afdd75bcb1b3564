"""Make the bank of what the model remembers: a film of loops, the words that name them, and palettes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from phosphene.diffusion.lsd.loops import FILM, write_film
from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.training.loops import Choice, draw_loops
from phosphene.training.render import FAMILIES
from phosphene.training.render.colour import gradient
from phosphene.training.render.words import colours, hex_to_rgb
from phosphene.training.shape_words import NEAR

SHAPES = 4
"""loops of each family"""
FIRST_SEED = 1
UPRIGHT = 0.5
"""share of the renderer's turns below which a family has an up and a down"""
FINENESS = 32
"""of the film, as x264 counts: errors stay below those of the codec"""

# what people call a palette, and its stops; the name is the first word
PALETTES = {
    "red, crimson, scarlet, ruby, blood, fiery, lava, hot, cherry, wine, maroon": "3a0212 d0103a ff8a5a",
    "orange, tangerine, sunset, autumn, desert, pumpkin, coral, peach, rust, carrot": "4a1a02 f07408 ffc890",
    "gold, golden, amber, honey, ochre, brass": "6b4206 e08a10 ffe38a",
    "yellow, lemon, mustard, butter": "7a6602 f5e010 fffab8",
    "green, emerald, forest, jungle, lime, toxic, jade, olive, moss, mint": "02301c 0a9a3a b0f080",
    "cyan, teal, turquoise, aqua, ocean, ice, icy": "04305e 0aa0b0 70f0e8",
    "blue, navy, azure, sapphire, midnight, indigo, cobalt, denim": "04104a 1444d8 7ab8ff",
    "purple, violet, lavender, amethyst, royal, cosmic, plum, lilac, mauve": "2c0a5e 8a2be2 e0b0ff",
    "pink, hot pink, magenta, fuchsia, rose, bubblegum": "5a0636 ff2a9c ffb4de",
    "neon, cyberpunk, vaporwave, psychedelic": "1b0a4a ff1fa8 19f0ff",
    "brown, chocolate, coffee, copper, rusty, wooden, bronze, caramel, mahogany": "28140a 7a4520 d8a878",
    "white, black, grey, gray, silver, monochrome, chrome, black and white, charcoal": "202020 8c8c8c f2f2f2",
    "pastel, rainbow, candy, dreamy, soft, spring, cream": "f7a0c2 c9c3f7 a8f0d0",
}  # fmt: skip
# parts of colour names that are no colours
_COLOURLESS = ("hot",)


def colour_basis(encoder: TextEncoder, rank: int = 24) -> npt.NDArray[np.float32]:
    """(rank and a few, dim) orthonormal directions in which colour names differ; the rest is shape."""
    names = [name for name in colours()[0] if " " not in name and "/" not in name]
    vectors = np.stack([encoder.encode(name) for name in names])
    basis = np.linalg.svd(vectors, full_matrices=False)[2][:rank]
    more = np.stack([encoder.encode(word) for word in _COLOURLESS])
    more -= more @ basis.T @ basis
    more /= np.linalg.norm(more, axis=1, keepdims=True)
    both: npt.NDArray[np.float32] = np.concatenate([basis, more])
    return both


def lexicon(
    encoder: TextEncoder, groups: Sequence[Sequence[str]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int16]]:
    """Vectors (words, dim) of all words of all groups, and the group of each."""
    vectors = np.stack([encoder.encode(word) for group in groups for word in group])
    owner = np.array([i for i, group in enumerate(groups) for _ in group], np.int16)
    return vectors, owner


def _unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float16]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / norms, np.float16)


def _shape_words(family: str) -> list[str]:
    """What people call a family's shapes: its names, more than one of each, and what is like it."""
    # 'melting colors' would claim every prompt about colours
    names = [name for name in FAMILIES[family].words if "color" not in name]
    names += [f"{name}s" for name in names if " " not in name and not name.endswith("s")]
    return names + [name.strip() for name in NEAR[family].split(",")]


def gradients() -> npt.NDArray[np.uint8]:
    """(palettes, 256, 3) sRGB."""
    stops = [torch.tensor([hex_to_rgb(h) for h in text.split()]) for text in PALETTES.values()]
    luts = torch.stack([gradient(s, light=0.6) for s in stops])
    every = torch.linspace(0, luts.shape[1] - 1, 256).round().long()
    return (255 * luts[:, every]).round().byte().numpy()


def make_seeds(
    encoder: TextEncoder,
    path: Path,
    families: Sequence[str],
    size: int,
    choice: Choice | None = None,
) -> None:
    """Write the bank that `SeedBank` reads: words and palettes, and beside them the film of loops."""
    palettes = gradients()
    loops = draw_loops(families, size, SHAPES, FIRST_SEED, palettes, choice)
    write_film(path.with_name(FILM), loops, FINENESS)
    names = [tuple(name.strip() for name in text.split(",")) for text in PALETTES]
    basis = colour_basis(encoder)
    shape_words, shape_owner = lexicon(encoder, [_shape_words(name) for name in families])
    tint_words, tint_owner = lexicon(encoder, names)
    np.savez_compressed(
        path,
        families=np.array(list(families)),
        upright=np.array([FAMILIES[name].sway < UPRIGHT for name in families]),
        palettes=np.array([each[0] for each in names]),
        shapes=np.int16(SHAPES),
        gradients=palettes,
        colour=basis.astype(np.float16),
        shape_words=_unit(shape_words - shape_words @ basis.T @ basis),
        shape_owner=shape_owner,
        tint_words=_unit(tint_words),
        tint_owner=tint_owner,
    )
