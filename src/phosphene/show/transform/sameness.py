"""Pictures that look like the last one drawn need not be drawn again."""

from __future__ import annotations

import numpy as np

from phosphene.arrays import Array
from phosphene.config import StreamConfig
from phosphene.show.transform.items import Frame, State
from phosphene.stream.arrays import to_numpy
from phosphene.stream.noise import uniform
from phosphene.stream.similarity import Watch, decide, likeness, skip_probability


class Sameness:
    """The similarity filter on a video's own frames, if ``config`` has it on."""

    def __init__(self, config: StreamConfig, seed: int) -> None:
        self._config = config
        self._seed = seed
        self.watch = Watch()
        """what it remembers"""

    def passes_over(self, image: Frame, embeds: Array, frame: int) -> bool:
        """Whether the picture drawn last may stand for ``image`` (h, w, 3)."""
        config = self._config
        if not config.enable_similarity_filter:
            return False
        unit = (image.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
        seen = Watch(unit, to_numpy(embeds))
        # a video has no loudness of its own
        chance = skip_probability(likeness(self.watch, seen), config.similarity_threshold, 0.0)
        draw = uniform(self._seed, frame)
        skip, self.watch = decide(self.watch, seen, chance, config.similarity_max_skip, draw)
        return skip


def dump(watch: Watch) -> State:
    """A watch as named arrays; empty for one that saw nothing."""
    if watch.picture is None:
        return {}
    return {"seen": watch.picture, "seen_embeds": watch.embeds, "passed": np.array(watch.skipped)}


def restore(state: State) -> Watch:
    """What :func:`dump` was given."""
    if "seen" not in state:
        return Watch()
    return Watch(state["seen"], state["seen_embeds"], skipped=int(state["passed"]))
