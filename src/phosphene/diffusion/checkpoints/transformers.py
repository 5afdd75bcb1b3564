"""Which family a checkpoint is of, by the class that its model_index.json names: one row a family."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.diffusion.checkpoints.families import Family


@dataclass(frozen=True)
class Row:
    """What is known of a family before anything of it is loaded."""

    pipeline: str
    """our pipeline's name"""
    since: str
    """the first version of diffusers that has its class"""
    family: Family
    repo: str
    """its usual checkpoint"""
    side: int
    """pixels it was trained at"""


FAMILIES: dict[str, Row] = {
    "Flux2KleinPipeline": Row(
        "flux2",
        "0.37",
        Family("flux2", "FLUX.2 klein, distilled to four steps; two work", 2, 4, "trailing"),
        "black-forest-labs/FLUX.2-klein-4B",
        1024,
    ),
    "SanaSprintPipeline": Row(
        "sana",
        "0.33",
        Family("sana", "SANA-Sprint, one to four steps", 1, 2, "trailing", add_noise=True),
        "Efficient-Large-Model/Sana_Sprint_0.6B_1024px_diffusers",
        1024,
    ),
}
"""by diffusers' class"""
