"""CLIP text encoders of transformers, on torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class TorchTextNet:
    """A ``TextNet`` of :mod:`phosphene.diffusion.sd.text`.

    ``penultimate`` (SDXL) gives the layer before the last, not normalised.
    """

    def __init__(self, encoder: Any, penultimate: bool = False) -> None:
        self._encoder = encoder
        self._penultimate = penultimate

    @property
    def rows(self) -> int:
        """Most tokens it reads at once."""
        return int(self._encoder.config.max_position_embeddings)

    @property
    def hidden(self) -> int:
        """Width of its embeddings."""
        return int(self._encoder.config.hidden_size)

    def __call__(self, ids: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Token ids of n windows -> (n, rows, hidden) and, if it has one, (n, pooled), float32."""
        import torch

        with torch.inference_mode():
            tokens = torch.tensor(ids, device=self._encoder.device)
            out = self._encoder(tokens, output_hidden_states=self._penultimate)
            states = out.hidden_states[-2] if self._penultimate else out[0]
            pooled = getattr(out, "text_embeds", None)
            return states.float(), None if pooled is None else pooled.float()
