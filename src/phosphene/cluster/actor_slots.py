"""The actors of a batch, and what each of them is at. Where they run, and where again, is Ray's affair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import phosphene
from phosphene.cluster.connect import Plan, audio_input
from phosphene.cluster.orders import Hello
from phosphene.cluster.worker import Ear, Worker
from phosphene.errors import InputError

if TYPE_CHECKING:
    from ray import ObjectRef

    from phosphene.cluster.making import Piece

HEAR_AGAIN = 2
"""times, when an ear dies over a song"""


@dataclass(eq=False)
class ActorSlot:
    """One actor."""

    actor: Any
    piece: Piece | None = None
    """what it draws"""
    fresh: bool = True
    """until its first segment came: what it waited before is not scheduling, but the first song being
    heard"""

    def hello(self) -> ObjectRef[Hello]:
        """Answered when it is up, also after Ray has started it anew."""
        ref: ObjectRef[Hello] = self.actor.hello.options(max_task_retries=-1).remote()
        return ref


def take_slots(plan: Plan) -> list[ActorSlot]:
    """Start the workers; each can be used once its :meth:`ActorSlot.hello` is answered."""
    import ray

    actor = ray.remote(Worker).options(
        num_cpus=plan.cpus,
        num_gpus=plan.gpus,
        # never tired of starting anew, elsewhere if need be; what was drawn is not Ray's to repeat
        max_restarts=-1,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
    )
    return [ActorSlot(actor.remote(plan.threads)) for _ in range(plan.count)]


def open_input(plan: Plan) -> list[Any]:
    """Start the actors that hear songs, which costs little next to drawing them."""
    import ray

    actor = ray.remote(Ear).options(
        num_cpus=plan.ear_cpus,
        max_restarts=-1,
        # hearing leaves nothing behind, so Ray may do it again
        max_task_retries=HEAR_AGAIN,
        scheduling_strategy="SPREAD",
    )
    return [actor.remote() for _ in range(audio_input(plan.count))]


def send_home(actors: Sequence[Any]) -> None:
    """End actors and free what they take, also when their handles live on."""
    import ray

    for actor in actors:
        ray.kill(actor)


def check_version(hello: Hello) -> None:
    """Raises :class:`InputError` for a worker that would draw other pictures."""
    if hello.version != phosphene.__version__:
        raise InputError(
            f"{hello.host} has phosphene {hello.version}, and this machine {phosphene.__version__}:"
            " install the same version everywhere."
        )
