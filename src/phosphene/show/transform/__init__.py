"""Whole videos drawn over: `transform` writes a file, `transform_frames` gives the pictures."""

from phosphene.show.transform.options import TransformOptions
from phosphene.show.transform.report import TransformReport
from phosphene.show.transform.transform import TransformedFrame, transform, transform_frames

__all__ = [
    "TransformOptions",
    "TransformReport",
    "TransformedFrame",
    "transform",
    "transform_frames",
]
