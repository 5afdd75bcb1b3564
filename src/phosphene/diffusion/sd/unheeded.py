"""Settings that a config asks for in vain, given the others; each is said."""

from __future__ import annotations

from phosphene.config import DiffusionConfig
from phosphene.diffusion.notices import say_unheeded


def say(config: DiffusionConfig, guidance_built_in: bool) -> None:
    """Say what this model has no use for; ``guidance_built_in``: an LCM checkpoint's U-Net."""
    if config.controlnet_id is None:
        say_unheeded(config, ("control", "control_scale", "depth_id"), "there is no controlnet_id")
    elif config.control != "depth":
        say_unheeded(config, ("depth_id",), "control is not depth")
    if not config.cross_frame:
        say_unheeded(config, ("cross_frame_interval",), "cross_frame is 0")
    if not guidance_built_in:
        say_unheeded(config, ("lcm_guidance",), "this checkpoint has no guidance built in")
