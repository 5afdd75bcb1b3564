"""From features to cues: the one loop that offline render, live page, plugin and cluster share."""

from __future__ import annotations

import math
from dataclasses import replace

from phosphene.arrays import Array
from phosphene.audio.moment import FrameFeatures, frame_features
from phosphene.audio.types import AudioFeatures
from phosphene.config import PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline
from phosphene.latent import LatentGenerator
from phosphene.latent.timing import Place, place_at
from phosphene.prompt import PromptInterpolator, PromptTimeline
from phosphene.show.cue import Cue
from phosphene.show.mapping import Mapping, Reaction, default_mapping
from phosphene.stream.conditioning import Context

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
        self._pipeline = pipeline

    def cue(self, frame: int) -> Cue:
        """The cue of one frame, whichever frames were asked for before."""
        features = self._features
        heard = frame_features(features, frame)
        reaction = self._mapping(heard)
        here = place_at(features, frame, self._latent)
        shape = here.scene + math.floor(heard.beat_position / BEATS_PER_SHAPE)
        prompt = self._timeline.index_at(heard.time)
        goal = self._timeline.embeds[prompt][None]
        variant = max(0, self._seed + shape)
        anchor = self._pipeline.recall(goal, variant, reaction.pose, reaction.motion)
        base = self._timeline.at(heard.time)
        embeds = self._harmony.get_embeds_at_frame(frame, features, base, self._chroma)
        latent = self._walk.get_latent_at_place(here, frame, self._shape)
        cue = make_cue(heard, reaction, here, latent, embeds, anchor, cut=frame == 0)
        before = self._timeline.index_at(features.time_of(frame - 1))
        return replace(cue, forget=frame > 0 and prompt != before)


def make_cue(
    heard: FrameFeatures,
    reaction: Reaction,
    here: Place,
    latent: Array,
    embeds: Array,
    anchor: Array | None,
    cut: bool = False,
) -> Cue:
    """Put together what one frame is told; ``latent``, ``anchor`` (1 c h w), ``embeds`` (seq hidden)."""
    return Cue(
        frame=heard.frame,
        time=heard.time,
        latent=latent,
        embeds=embeds[None],
        energy=reaction.energy,
        noise_scale=reaction.noise_scale,
        context=Context(controls=reaction.controls[None]),
        camera=reaction.camera,
        anchor=anchor,
        # a new scene shows its shape first and plays with it then
        anchor_weight=max(reaction.recall, ARRIVAL_RECALL * (1.0 - here.arrival)),
        cut=cut,
    )
