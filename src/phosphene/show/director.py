"""From features to cues: the one loop that offline render, live page, plugin and cluster share."""

from __future__ import annotations

import math
from functools import lru_cache

from phosphene.arrays import Array
from phosphene.audio.moment import frame_features
from phosphene.audio.types import AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.latent import LatentGenerator
from phosphene.latent.timing import scene_at
from phosphene.prompt import PromptInterpolator, PromptTimeline
from phosphene.show.cue import Cue
from phosphene.show.mapping import Mapping, default_mapping
from phosphene.stream.camera import warp

# how far the first frames of a scene are drawn to its remembered shape
ARRIVAL_RECALL = 0.7
# a shape stays for four bars, or until the scene changes
BEATS_PER_SHAPE = 16.0


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
        self._latent = config.latent
        self._seed = config.inference.seed
        # a change of scene or prompt looks back at one other at most
        self._remembered = lru_cache(maxsize=2)(
            lambda prompt, variant: pipeline.recall(self._timeline.embeds[prompt][None], variant)
        )

    def cue(self, frame: int) -> Cue:
        """The cue of one frame, whichever frames were asked for before."""
        features = self._features
        heard = frame_features(features, frame)
        reaction = self._mapping(heard)
        base = self._timeline.at(heard.time)
        scene, arrival = scene_at(features, frame, self._latent)
        # a new scene shows its shape first and plays with it then
        recall = max(reaction.recall, ARRIVAL_RECALL * (1.0 - arrival))
        variant = self._seed + scene + math.floor(heard.beat_position / BEATS_PER_SHAPE)
        anchor = self._remembered(self._timeline.index_at(heard.time), max(0, variant))
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
            anchor=None if anchor is None else warp(anchor, reaction.pose),
            anchor_weight=recall,
            cut=frame == 0,
        )
