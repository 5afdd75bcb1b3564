"""The procedural renderer: captions in, short clips out."""

from phosphene.training.render.audio import random_audio
from phosphene.training.render.camera import Drift, random_drift
from phosphene.training.render.caption import Scene, random_scene, recolour
from phosphene.training.render.families import FAMILIES
from phosphene.training.render.renderer import ClipBatch, draw_field, render

__all__ = [
    "FAMILIES",
    "ClipBatch",
    "Drift",
    "Scene",
    "draw_field",
    "random_audio",
    "random_drift",
    "random_scene",
    "recolour",
    "render",
]
