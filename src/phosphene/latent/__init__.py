"""Where a picture starts: walks over the latent sphere."""

from phosphene.latent.generator import LatentGenerator, LatentWalk

__all__ = ["LatentGenerator", "LatentWalk"]
