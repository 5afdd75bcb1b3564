"""The model in force; another one is loaded beside it, so that the picture goes on meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakValueDictionary

from phosphene.config import DiffusionConfig, InferenceConfig, PipelineConfig
from phosphene.diffusion.base import BaseDiffusionPipeline

Load = Callable[[DiffusionConfig, InferenceConfig], BaseDiffusionPipeline]

_SHARED: WeakValueDictionary[str, BaseDiffusionPipeline] = WeakValueDictionary()
"""models in use: two nodes with the same one share its networks"""


class Models:
    """Gives the model in force and changes it when another is wanted.

    Of all that are wanted while one loads only the last is loaded next. One that cannot be loaded is
    told to ``complain`` once, and the old one stays.

    Raises what loading the first one raises.
    """

    def __init__(
        self, config: PipelineConfig, load: Load, complain: Callable[[Exception], None]
    ) -> None:
        self._load = load
        self._complain = complain
        self._lock = threading.Lock()
        self._tried = _fixed(config.diffusion)
        self._seen = config.diffusion
        self._thread: threading.Thread | None = None
        self._loaded: BaseDiffusionPipeline | None = None
        self._base = self._get(config)

    def get(self, config: PipelineConfig) -> BaseDiffusionPipeline:
        """The model to draw with now; never waits for the one that ``config`` asks for."""
        with self._lock:
            if self._loaded is not None:
                self._base, self._loaded = self._loaded, None
            fixed = self._tried if config.diffusion is self._seen else _fixed(config.diffusion)
            if self._thread is None:
                self._seen = config.diffusion
            if fixed != self._tried and self._thread is None:
                self._tried = fixed
                self._thread = threading.Thread(
                    target=self._work, args=(config,), name="phosphene-load", daemon=True
                )
                self._thread.start()
            _scale(self._base, config.diffusion)
            return self._base

    def _work(self, config: PipelineConfig) -> None:
        try:
            loaded = self._get(config)
        except Exception as error:
            self._complain(error)
            with self._lock:
                self._thread = None
        else:
            with self._lock:
                self._loaded, self._thread = loaded, None

    def _get(self, config: PipelineConfig) -> BaseDiffusionPipeline:
        maker = f"{self._load.__module__}.{self._load.__qualname__}"
        key = f"{maker} {_fixed(config.diffusion).model_dump_json()}"
        base = _SHARED.get(key)
        if base is None:
            # the size is what it is warmed up with; every stream has one of its own, see Painter
            base = self._load(config.diffusion, config.inference.model_copy())
            _SHARED[key] = base
        return base


def _fixed(diffusion: DiffusionConfig) -> DiffusionConfig:
    """What another model is loaded for: all but the scales that may change while it plays."""
    if not any(lora.live for lora in diffusion.loras):
        return diffusion
    copy = diffusion.model_copy(deep=True)
    for lora in copy.loras:
        if lora.live:
            lora.scale = 1.0
    return copy


def _scale(base: BaseDiffusionPipeline, wanted: DiffusionConfig) -> None:
    for mine, other in zip(base.diffusion_config.loras, wanted.loras, strict=False):
        if mine.live and mine.id == other.id:
            mine.scale = other.scale
