"""LoRAs as Scope's own panel chooses them."""

from __future__ import annotations

from collections.abc import Mapping

from phosphene.config import LoraConfig
from phosphene.diffusion.notices import say_once
from phosphene.integrations.scope.knobs import number

LIMIT = 4.0
"""of a scale, either way"""
LIVE = "runtime_peft"
"""Scope's word for a LoRA whose scale may change while it plays"""

Loras = tuple[LoraConfig, ...]


class LoraPanel:
    """The LoRAs in force. Scope goes on sending those of the start, so only what is new among them counts."""

    def __init__(self) -> None:
        self.loras: Loras = ()
        self._named: object = None

    def update(self, given: Mapping[str, object]) -> Loras:
        """Read ``loras``, ``lora_merge_mode`` and ``lora_scales``; the same object while nothing changes.

        Never raises; what makes no sense is left out, and that is said once.
        """
        loras, named, scales = self.loras, given.get("loras"), given.get("lora_scales")
        if isinstance(named, list | tuple) and named != self._named:
            self._named = named
            usual = given.get("lora_merge_mode")
            found = [_read(item, usual) for item in named]
            if None in found:
                say_once("a LoRA without a path, or with a scale that is no number, is left out.")
            loras = tuple(lora for lora in found if lora is not None)
        if isinstance(scales, list | tuple):
            known = [item for item in scales if isinstance(item, Mapping)]
            new = {str(item.get("path")): number(item.get("scale")) for item in known}
            loras = tuple(_scaled(lora, new.get(lora.id)) for lora in loras)
        if loras != self.loras:
            self.loras = loras
        return self.loras


def _read(item: object, usual: object) -> LoraConfig | None:
    if not isinstance(item, Mapping):
        return None
    path, scale = item.get("path"), number(item.get("scale", 1.0))
    if not isinstance(path, str) or not path or scale is None:
        return None
    mode = item.get("merge_mode") or usual
    return LoraConfig(id=path, scale=min(LIMIT, max(-LIMIT, scale)), live=mode == LIVE)


def _scaled(lora: LoraConfig, scale: float | None) -> LoraConfig:
    if scale is None or not lora.live:
        return lora
    return lora.model_copy(update={"scale": min(LIMIT, max(-LIMIT, scale))})
