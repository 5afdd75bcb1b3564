"""From features to cues: the one loop that offline render, live page, plugin and cluster share."""

from __future__ import annotations

from collections.abc import Iterator

from phosphene.arrays import Array
from phosphene.audio.types import AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.latent import LatentGenerator
from phosphene.prompt import PromptInterpolator, PromptTimeline
from phosphene.show.cue import Cue
from phosphene.show.mapping import Mapping, default_mapping, frame_features


class Director:
    """Turns any frame of a song into its cue; holds nothing that grows with the song.

    Args:
        config: all settings.
        features: what was heard.
        pipeline: encodes the prompts once, up front.
        mapping: what the music does to the picture; ``None`` takes the configured default.
    """

    def __init__(
        self,
        config: PipelineConfig,
        features: AudioFeatures,
        pipeline: BaseDiffusionPipeline,
        mapping: Mapping | None = None,
    ) -> None:
        self._features = features
        self._mapping = mapping or default_mapping(config)
        self._walk = LatentGenerator(config.latent, seed=config.inference.seed)
        self._shape = pipeline.get_latent_shape()
        self._harmony = PromptInterpolator(config.prompt)
        self._timeline = PromptTimeline(config.prompt, pipeline.encode_prompt)
        self._chroma: Array = pipeline.encode_prompt(config.prompt.chroma_prompts)

    def cue(self, frame: int) -> Cue:
        """The cue of one frame, whichever frames were asked for before."""
        features = self._features
        heard = frame_features(features, frame)
        reaction = self._mapping(heard)
        base = self._timeline.at(heard.time)
        embeds = self._harmony.get_embeds_at_frame(frame, features, base, self._chroma)
        return Cue(
            frame=frame,
            time=heard.time,
            latent=self._walk.get_latent_at_frame(frame, features, self._shape),
            embeds=embeds[None],
            energy=reaction.energy,
            noise_scale=reaction.noise_scale,
            controls=reaction.controls,
            camera=reaction.camera,
            cut=frame == 0,
        )

    def cues(self, first: int = 0) -> Iterator[Cue]:
        """All cues from frame ``first`` on."""
        for frame in range(first, self._features.num_frames):
            yield self.cue(frame)
