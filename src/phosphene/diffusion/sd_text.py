"""Prompts with weights -> embeddings of a CLIP text encoder."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from phosphene.diffusion.notices import say_once
from phosphene.prompt.weights import parse_weights

if TYPE_CHECKING:
    import torch

CACHED_PROMPTS = 64
"""embeddings kept, 0.24 MB each for SD 1.5; a show has its base prompt and twelve chroma prompts"""


class PromptEncoder:
    """One CLIP tokenizer and text encoder.

    Every prompt is encoded alone, so that it gives the same numbers whatever it is batched with.
    """

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:
        self._tokenizer = tokenizer
        self._text_encoder = text_encoder
        config = text_encoder.config
        # a tokenizer without a limit of its own says 1e30
        self.length = min(tokenizer.model_max_length, config.max_position_embeddings)
        self.hidden: int = config.hidden_size
        self.encode = lru_cache(maxsize=CACHED_PROMPTS)(self._encode)

    def _encode(self, prompt: str) -> torch.Tensor:
        """Embed one prompt -> (seq, hidden) float32. Call it as ``encode``, which is cached."""
        import torch

        ids, weights = self._tokenize(prompt)
        device = self._text_encoder.device
        with torch.inference_mode():
            tokens = torch.tensor([ids], device=device)
            embeds: torch.Tensor = self._text_encoder(tokens)[0][0].float()
            if all(weight == 1.0 for weight in weights):
                return embeds
            return weigh(embeds, torch.tensor(weights, device=device))

    def _tokenize(self, prompt: str) -> tuple[list[int], list[float]]:
        """Token ids and weights, both of the model's length: start, words, end, padding."""
        ids: list[int] = []
        weights: list[float] = []
        for piece, weight in parse_weights(prompt):
            found = self._tokenizer(piece, add_special_tokens=False, verbose=False).input_ids
            ids += found
            weights += [weight] * len(found)
        room = self.length - 2
        if len(ids) > room:
            # every embedding has the same shape, so that prompts can be blended
            lost = self._tokenizer.decode(ids[room:])
            say_once(f"a prompt is cut to the {room} tokens the model reads; lost: '{lost:.80}'.")
        ids, weights = ids[:room], weights[:room]
        padding = room - len(ids)
        tokenizer = self._tokenizer
        ids = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
        return ids + [tokenizer.pad_token_id] * padding, [1.0, *weights, 1.0] + [1.0] * padding


def weigh(embeds: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Scale the embedding (seq, hidden) of each token by its weight (seq,), then restore the mean.

    This is the "original" emphasis of AUTOMATIC1111's stable-diffusion-webui
    (``modules/sd_emphasis.py``), except that the mean of the magnitudes is restored, not the signed
    mean: that one is near zero for some encoders, and dividing by it can flip the embedding.
    """
    scaled = embeds * weights[:, None]
    return scaled * (embeds.abs().mean() / scaled.abs().mean())
