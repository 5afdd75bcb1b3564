"""What a model may be told about a frame: THE list, and what is done with all of it at once.

A new input is a field here, who produces it, and the model that looks at it. Batching, saving, resuming,
moving between devices and sharing of calls go over the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from phosphene.stream.arrays import Array, Home

EXACT = {"exact": True}
"""metadata of what a model is given in float32, whatever its own number format"""


@dataclass(frozen=True)
class Context:
    """What a model may look at besides latent, time and prompt. Every field may be absent.

    The leading axis of each is the batch.
    """

    previous: Array | None = None
    """(b c h w) last finished latent of the same stream"""
    controls: Array | None = None
    """(b, 5) bass, mid, treble, onset, beat phase, each 0..1"""
    before: Array | None = None
    """(b c h w) the finished latent before ``previous``"""
    memory: Array | None = None
    """(b m c h w) finished latents of long ago; see :mod:`phosphene.stream.memory`"""
    # half precision would round the age of an old picture
    memory_age: Array | None = field(default=None, metadata=EXACT)
    """(b m) frames since each of them, 0 for an empty slot"""
    source: Array | None = None
    """(b c h w) clean latent of the input picture"""
    control: Array | None = None
    """(b, 3, height, width) picture of the shapes to keep, 0..1, from ``control_image``"""
    # the same array from step to step, so that who makes something of it knows it again
    referred: Array | None = field(default=None, metadata=EXACT)
    """(b ...) the input picture as one to refer to, in the model's own terms, from ``refer``"""
    wanted: Array | None = None
    """(b,) 1 for the prompt, 0 for the negative one, which knows no reference; absent without guidance"""
    palette: Array | None = field(default=None, metadata=EXACT)
    """(b, 256, 3) sRGB 0..255: the colours of a model that draws fields; goes to its decoder as well"""
    guide: Array | None = field(default=None, metadata=EXACT)
    """(b, n) numbers that a guide is drawn from, so that its picture can be drawn finer than its latent"""
    held: Array | None = None
    """(b,) how far ``previous`` was drawn to a guide in this frame, 0..1; absent where that is nearly all"""
    noise: Array | None = None
    """(b c h w) unit noise that a picture without a past or an input picture began as, in all of its steps"""

    def items(self) -> Iterator[tuple[str, Array]]:
        """(name, array) of all that is there."""
        for name in NAMES:
            array = getattr(self, name)
            if array is not None:
                yield name, array

    @property
    def kind(self) -> tuple[str, ...]:
        """Which fields are there: the same for all rows of a call, since absence is not zeros."""
        return tuple(name for name, _ in self.items())

    def map(self, function: Callable[[Array], Array], *, exact: bool = True) -> Context:
        """The same with every array passed through ``function``; without ``exact`` those stay as they are."""
        return Context(
            **{
                name: function(array) if exact or name not in EXACT_NAMES else array
                for name, array in self.items()
            }
        )

    def told(self, other: Context) -> Context:
        """This with all that is there in ``other``, which counts where both are."""
        return Context(**dict(self.items()) | dict(other.items()))

    @classmethod
    def pick(cls, arrays: Mapping[str, Any], prefix: str = "") -> Context:
        """From arrays by ``prefix`` and name, among others."""
        found = {name: arrays.get(prefix + name) for name in NAMES}
        return cls(**found)


NAMES = tuple(each.name for each in fields(Context))
EXACT_NAMES = frozenset(each.name for each in fields(Context) if each.metadata.get("exact"))
UNTOLD = Context()


def join(contexts: Sequence[Context]) -> Context:
    """Contexts of one kind as one batch, in order."""
    first = contexts[0]
    if len(contexts) == 1:
        return first
    return Context(
        **{name: concat([getattr(each, name) for each in contexts]) for name in first.kind}
    )


def concat(arrays: Sequence[Array]) -> Array:
    """Batches as one; a single one is returned as it is."""
    if len(arrays) == 1:
        return arrays[0]
    return Home.of(arrays[0]).namespace.concat(list(arrays), axis=0)
