"""The renderer: a motif at any moment, of any size -> a field. NumPy draws shows, torch training data."""

from phosphene.diffusion.lsd.render.canvas import AUDIO, NUMBERS, Field
from phosphene.diffusion.lsd.render.families import FAMILIES, Family
from phosphene.diffusion.lsd.render.folds import FOLDS
from phosphene.diffusion.lsd.render.scene import Motif, Shots, draw, numbers_of

__all__ = [
    "AUDIO",
    "FAMILIES",
    "FOLDS",
    "NUMBERS",
    "Family",
    "Field",
    "Motif",
    "Shots",
    "draw",
    "numbers_of",
]
