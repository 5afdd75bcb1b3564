"""The show: features to cues, cues to video."""

from phosphene.audio.moment import FrameFeatures
from phosphene.show.mapping import Mapping, Reaction, default_mapping
from phosphene.show.render import RenderOptions, RenderReport, render, render_frames

__all__ = [
    "FrameFeatures",
    "Mapping",
    "Reaction",
    "RenderOptions",
    "RenderReport",
    "default_mapping",
    "render",
    "render_frames",
]
