"""Make the bank of starting pictures: silent, undisturbed frames of every family, encoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from phosphene.diffusion.lsd.text import TextEncoder
from phosphene.training.autoencoder import Autoencoder
from phosphene.training.render import FAMILIES, ClipBatch, render
from phosphene.training.render.colour import gradient
from phosphene.training.render.words import colours, hex_to_rgb

_REACH = 4.5  # latents are about N(0, 1); what lies beyond is clipped

# what people call a palette, and its stops; the name is the first word
PALETTES = {
    "red crimson scarlet ruby blood fiery lava hot": "3a0212 d0103a ff8a5a",
    "gold golden yellow orange amber sunset autumn desert": "6b4206 e08a10 ffe38a",
    "green emerald forest jungle lime toxic jade": "02301c 0a9a3a b0f080",
    "cyan teal turquoise aqua ocean ice icy": "04305e 0aa0b0 70f0e8",
    "blue navy azure sapphire midnight indigo": "04104a 1444d8 7ab8ff",
    "purple violet lavender amethyst royal cosmic": "2c0a5e 8a2be2 e0b0ff",
    "pink magenta neon cyberpunk vaporwave psychedelic": "1b0a4a ff1fa8 19f0ff",
    "white black grey gray silver monochrome chrome": "202020 8c8c8c f2f2f2",
    "pastel rainbow candy dreamy soft spring": "f7a0c2 c9c3f7 a8f0d0",
}


def colour_basis(encoder: TextEncoder, rank: int = 24) -> npt.NDArray[np.float32]:
    """(rank, dim) orthonormal directions in which colour names differ; the rest of a prompt is shape."""
    names = [name for name in colours()[0] if " " not in name and "/" not in name]
    vectors = np.stack([encoder.encode(name) for name in names])
    basis: npt.NDArray[np.float32] = np.linalg.svd(vectors, full_matrices=False)[2][:rank]
    return basis


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


@torch.no_grad()
def draw_seeds(model: Autoencoder, shapes: int, seed: int) -> npt.NDArray[np.float32]:
    """(families, palettes, shapes, 8, 32, 32) latents of silent frames."""
    stops = [torch.tensor([hex_to_rgb(h) for h in text.split()]) for text in PALETTES.values()]
    luts = torch.stack([gradient(s, light=0.6) for s in stops]).repeat_interleave(shapes, 0)
    one = torch.ones(len(luts))
    rows = []
    for index, name in enumerate(FAMILIES):
        batch = ClipBatch(name, luts, torch.zeros(len(luts), 1, 5), one, one, one, seed + index)
        rgb = render(batch)[:, 0].permute(0, 3, 1, 2).float() / 255
        latent = model.encoder(rgb)
        rows.append(latent.view(len(stops), shapes, *latent.shape[1:]))
    return torch.stack(rows).numpy()


def make_seeds(
    model: Autoencoder, encoder: TextEncoder, path: Path, shapes: int = 2, seed: int = 1
) -> None:
    """Write the bank that `SeedBank` reads."""
    step = _REACH / 127
    latents = draw_seeds(model, shapes, seed).clip(-_REACH, _REACH)
    basis = colour_basis(encoder)
    # 'melting colors' would claim every prompt about colours
    names = [[w for w in family.words if "color" not in w] for family in FAMILIES.values()]
    shape_words, shape_owner = lexicon(encoder, names)
    tint_words, tint_owner = lexicon(encoder, [text.split() for text in PALETTES])
    np.savez_compressed(
        path,
        families=np.array(list(FAMILIES)),
        palettes=np.array([text.split()[0] for text in PALETTES]),
        latents=np.round(latents / step).astype(np.int8),
        step=np.float32(step),
        colour=basis.astype(np.float16),
        shape_words=_unit(shape_words - shape_words @ basis.T @ basis),
        shape_owner=shape_owner,
        tint_words=_unit(tint_words),
        tint_owner=tint_owner,
    )
