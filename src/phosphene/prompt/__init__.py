"""What the picture shows: blending, transitions, weights."""

from phosphene.prompt.blend import lerp, slerp
from phosphene.prompt.interpolator import PromptInterpolator
from phosphene.prompt.weights import parse_weights

__all__ = ["PromptInterpolator", "lerp", "parse_weights", "slerp"]
