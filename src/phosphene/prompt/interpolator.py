"""Prompt embeddings that follow the harmony."""

from __future__ import annotations

from typing import Any

from phosphene.arrays import Array, OnDemand, like
from phosphene.audio.types import AudioFeatures
from phosphene.config import PromptConfig
from phosphene.namespaces import array_namespace, to_device
from phosphene.prompt.blend import mix, weighted
from phosphene.prompt.harmony import FloatArray, HarmonyState, follow


class PromptInterpolator:
    """A base prompt, pulled by the chromagram towards twelve chroma prompts.

    Args:
        config: how far, how smoothly, along which path.
        device: where results are put; ``None`` keeps the embeddings' own device.
        dtype: number type of the results; ``None`` keeps the embeddings' own.
    """

    def __init__(self, config: PromptConfig, device: str | None = None, dtype: Any = None) -> None:
        self.config = config
        self.device = device
        self.dtype = dtype
        # of the song that was asked for last, the frame that was, and the harmony there
        self._last: tuple[AudioFeatures, int, HarmonyState] | None = None

    def interpolate_prompts(
        self,
        audio_features: AudioFeatures,
        base_prompt_embeds: Array,
        chroma_prompt_embeds: Array,
        precompute: bool = True,
    ) -> Array:
        """Embeddings of a whole song, (num_frames, seq, hidden).

        Args:
            base_prompt_embeds: (seq, hidden), or (1, seq, hidden).
            chroma_prompt_embeds: (12, seq, hidden).
            precompute: ``False`` returns a sequence that computes each frame when asked.
        """
        lazy = OnDemand(
            audio_features.num_frames,
            lambda frame: self.get_embeds_at_frame(
                frame, audio_features, base_prompt_embeds, chroma_prompt_embeds
            ),
        )
        if not precompute:
            return lazy
        xp = array_namespace(base_prompt_embeds)
        return xp.stack([lazy[frame] for frame in range(len(lazy))])

    def get_embeds_at_frame(
        self, frame: int, features: AudioFeatures, base: Array, chroma: Array
    ) -> Array:
        """Embedding (seq, hidden) of one frame."""
        return self.blend(self.weights_at_frame(frame, features), base, chroma)

    def weights_at_frame(self, frame: int, features: AudioFeatures) -> FloatArray:
        """(12,) shares of the chroma prompts; frames in order go on from the last one."""
        state, begin = HarmonyState(), 0
        if self._last is not None and self._last[0] is features and self._last[1] <= frame:
            _, last, state = self._last
            begin = last + 1
        for index in range(begin, frame + 1):
            chroma = features.get_chroma_at_frame(index)
            state = follow(state, chroma, 1.0 / features.fps, self.config)
        self._last = features, frame, state
        return state.weights

    def blend(self, weights: FloatArray, base: Array, chroma: Array) -> Array:
        """``base`` pulled towards ``chroma`` (12, seq, hidden) by weights (12,) -> (seq, hidden)."""
        base = self._place(base[0] if base.ndim == 3 else base)
        present = float(weights.sum())
        if present <= 0:
            return base
        chroma = self._place(chroma)
        target = weighted(chroma, like(weights / present, chroma), self.config.interpolation)
        pull = self.config.chroma_strength * present
        return mix(base, target, pull, self.config.interpolation)

    def _place(self, embeds: Array) -> Array:
        if self.device is not None:
            embeds = to_device(embeds, self.device)
        if self.dtype is not None and embeds.dtype != self.dtype:
            xp = array_namespace(embeds)
            embeds = xp.astype(embeds, self.dtype)
        return embeds
