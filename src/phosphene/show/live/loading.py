"""A model loaded for live shows: as wide as screens are, warm, ready for its first picture at once."""

from __future__ import annotations

import logging
import threading
import time

from phosphene.config import PipelineConfig
from phosphene.diffusion import BasePipeline, ModelFacts, load_pipeline
from phosphene.diffusion.registry import pipeline_class
from phosphene.errors import ModelError
from phosphene.show.live.cores import side_by_side
from phosphene.show.live.session import Session
from phosphene.show.render import apply_size
from phosphene.video.spec import Size

log = logging.getLogger(__name__)
SCREEN = (16, 9)
WARM_SECONDS = 300.0
"""after which a model that draws nothing is given up; compiling takes minutes"""


def load(config: PipelineConfig, size: Size | None) -> BasePipeline:
    """Load the configured model and draw with it, so that the first picture comes at once."""
    began = time.perf_counter()
    log.info("loading %s", config.diffusion.model)
    chosen = {"width", "height"} & config.inference.model_fields_set
    # some plan their memory by the size, and of what is not on this machine yet nothing can be told before
    pipeline_class(config.diffusion.model).suggest(config)
    base = load_pipeline(side_by_side(config.diffusion), config.inference)
    base.suggest(config)
    if size is None and not chosen:
        widen(config, base.facts)
    plan = apply_size(base, config, size)
    loaded = time.perf_counter()
    log.info("loaded %s in %.1f s", base.facts.name, loaded - began)
    warm_up(base, config)
    log.info("warmed up in %.1f s: %dx%d pictures", time.perf_counter() - loaded, *plan.model)
    return base


def widen(config: PipelineConfig, facts: ModelFacts) -> None:
    """Draw as wide as screens are, if the model can.

    What the machine has no time for, each session's controller takes back.
    """
    side = config.inference.height * SCREEN[0] / SCREEN[1]
    width = round(side / facts.size_multiple) * facts.size_multiple
    if width <= facts.max_size:
        config.inference.width = width


def warm_up(base: BasePipeline, config: PipelineConfig) -> None:
    """Draw one picture as a session would. Raises :class:`ModelError` when none comes."""
    drawn = threading.Event()
    complaints: list[str] = []
    session = Session(base, config)
    session.subscribe(lambda _: drawn.set())

    def complain(text: str) -> None:
        complaints.append(text)
        drawn.set()

    session.on_error(complain)
    try:
        # whatever interrupts this, no thread is left inside the model when Python ends
        session.start()
        drawn.wait(WARM_SECONDS)
    finally:
        session.close()
    if complaints or not drawn.is_set():
        raise ModelError(complaints[0] if complaints else "the model drew nothing in five minutes.")
