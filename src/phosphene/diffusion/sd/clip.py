"""CLIP text encoders of transformers, on torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


TextCall = Callable[["torch.Tensor"], tuple["torch.Tensor", "torch.Tensor | None"]]


class TorchTextNet:
    """A ``TextNet`` of :mod:`phosphene.diffusion.sd.text`.

    ``penultimate`` (SDXL) gives the layer before the last, not normalised.
    """

    def __init__(self, encoder: Any, penultimate: bool = False) -> None:
        self.encoder = encoder
        self._penultimate = penultimate
        self.read: TextCall = self._read
        """token ids (n, rows) -> (n, rows, hidden) and pooled; ways to run it faster replace it"""

    @property
    def rows(self) -> int:
        """Most tokens it reads at once."""
        return int(self.encoder.config.max_position_embeddings)

    @property
    def hidden(self) -> int:
        """Width of its embeddings."""
        return int(self.encoder.config.hidden_size)

    def __call__(self, ids: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Token ids of n windows -> (n, rows, hidden) and, if it has one, (n, pooled), float32."""
        import torch

        with torch.inference_mode():
            states, pooled = self.read(torch.tensor(ids))
            return states.float(), None if pooled is None else pooled.float()

    def _read(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        out = self.encoder(tokens.to(self.encoder.device), output_hidden_states=self._penultimate)
        states = out.hidden_states[-2] if self._penultimate else out[0]
        return states, getattr(out, "text_embeds", None)
