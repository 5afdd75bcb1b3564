"""Where a picture starts: walks over the latent sphere."""

from phosphene.latent.generator import LatentGenerator

__all__ = ["LatentGenerator"]
