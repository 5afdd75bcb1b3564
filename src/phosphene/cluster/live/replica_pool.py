"""All players of a server: who plays which session, on what clock."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import phosphene
from phosphene.cluster.connect import Asked, connected, plan_workers
from phosphene.cluster.live.messages import Letter, News, Ready
from phosphene.cluster.live.session_actor import SessionActor
from phosphene.config import PipelineConfig
from phosphene.diffusion import ModelFacts
from phosphene.diffusion.registry import worker_needs
from phosphene.errors import InputError, ModelError
from phosphene.video.spec import Size

if TYPE_CHECKING:
    from phosphene.cluster.live.remote import RemoteSession

CALLS = 64
"""of one player at a time: two for each session"""
PINGS = 8
"""to find out how far a clock is ahead; the quickest answer is believed"""
CLOCK_SECONDS = 30.0
"""between two such times: clocks drift by some milliseconds meanwhile"""
RETRY_SECONDS = 0.5


@contextmanager
def engaged(cluster: str, config: PipelineConfig, size: Size | None) -> Iterator[ReplicaPool]:
    """Players on a cluster while the block runs; raises as :class:`ReplicaPool` and :func:`connected`."""
    with connected(cluster):
        replicas = ReplicaPool(config, size)
        try:
            yield replicas
        finally:
            replicas.close()


class Gone(Exception):
    """The player is dead, or does not know the session any more."""


@dataclass(eq=False)
class Placement:
    """A session at a player."""

    name: str
    player: Any
    ahead: float = 0.0
    """seconds that the player's clock is ahead of this machine's"""
    checked: float = 0.0
    """time.monotonic() when that was found out"""


class ReplicaPool:
    """Players on the connected cluster; raises :class:`ModelError` where none starts.

    The first answer is waited for: settings and facts are what that player says.
    """

    def __init__(self, config: PipelineConfig, size: Size | None) -> None:
        import ray

        # of a machine without GPUs all cores: its networks and sessions share them as on one machine
        whole = max(node["Resources"].get("CPU", 1.0) for node in ray.nodes() if node["Alive"])
        small = worker_needs(config.diffusion.model).networks > 1
        on_cpu = small and config.diffusion.device != "cuda"
        plan = plan_workers(Asked(cpus=whole if on_cpu else None), config.diffusion)
        actor = ray.remote(SessionActor).options(
            num_cpus=plan.cpus,
            num_gpus=plan.gpus,
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=CALLS,
            scheduling_strategy="SPREAD",
        )
        self._players = [actor.remote(config, size) for _ in range(plan.count)]
        self._seatings: list[Placement] = []
        self._lock = threading.Lock()
        self._ready: Ready = self._first()
        self.description = plan.describe()

    @property
    def facts(self) -> ModelFacts:
        """Of the model that all of them have loaded."""
        return self._ready.facts

    @property
    def config(self) -> PipelineConfig:
        """Settings that sessions begin with."""
        return self._ready.config

    def session(self, config: PipelineConfig) -> RemoteSession:
        """A new session at the player that has fewest. Raises :class:`ModelError` where none is up."""
        from phosphene.cluster.live.remote import RemoteSession

        return RemoteSession(self, config)

    def handle(self, name: str, config: PipelineConfig) -> Placement:
        """Open a session at the player that has fewest. Raises :class:`ModelError` where none is up."""
        seating = self._try(name, config, set())
        if seating is None:
            raise ModelError("no machine of the cluster plays just now: try again in a moment.")
        return seating

    def move(
        self, old: Placement, config: PipelineConfig, given_up: Callable[[], bool]
    ) -> Placement | None:
        """The same session elsewhere, as soon as somebody can; None once it is ``given_up``."""
        self._forget(old)
        # who has just died is asked last
        tried = {id(old.player)}
        while not given_up():
            seating = self._try(old.name, config, tried)
            if seating is not None:
                return seating
            time.sleep(RETRY_SECONDS)
            tried = set()
        return None

    def leave(self, seating: Placement) -> None:
        """A session is over."""
        self._forget(seating)
        seating.player.close.remote(seating.name)

    def tell(self, seating: Placement, calls: Sequence[Letter]) -> None:
        """Call methods of the session, and wait until they were. Raises :class:`Gone`."""
        if time.monotonic() - seating.checked > CLOCK_SECONDS:
            seating.ahead, seating.checked = _ahead(seating.player), time.monotonic()
        moved = [call.moved(seating.ahead) for call in calls]
        _get(seating.player.tell.remote(seating.name, moved))

    def look(self, seating: Placement) -> News:
        """What happened to the session. Raises :class:`Gone`."""
        news: News = _get(seating.player.look.remote(seating.name))
        return news

    def wait(self) -> None:
        """Until every player is up. Raises :class:`Gone` for one that dies of it."""
        for player in self._players:
            _get(player.ready.remote())

    def pid(self, seating: Placement) -> int:
        """Process of a session's player, on its machine. Raises :class:`Gone`."""
        number: int = _get(seating.player.pid.remote())
        return number

    def close(self) -> None:
        """Send everybody home."""
        import ray

        for player in self._players:
            ray.kill(player)

    def _first(self) -> Ready:
        import ray

        ready, _ = ray.wait([player.ready.remote() for player in self._players], num_returns=1)
        try:
            first: Ready = _get(ready[0])
        except Gone as error:
            raise ModelError(f"no player starts: {error}.") from error
        if first.version != phosphene.__version__:
            raise InputError(
                f"{first.host} has phosphene {first.version}, and this machine {phosphene.__version__}:"
                " install the same version everywhere."
            )
        return first

    def _try(self, name: str, config: PipelineConfig, tried: set[int]) -> Placement | None:
        while len(tried) < len(self._players):
            seating = self._reserve(name, tried)
            tried.add(id(seating.player))
            try:
                _get(seating.player.open.remote(name, config))
                seating.ahead, seating.checked = _ahead(seating.player), time.monotonic()
            except Gone:
                self._forget(seating)
            else:
                return seating
        return None

    def _reserve(self, name: str, tried: set[int]) -> Placement:
        """A place at the player that has fewest sessions of those who were not tried."""
        with self._lock:
            counts = Counter(id(seating.player) for seating in self._seatings)
            left = [player for player in self._players if id(player) not in tried]
            seating = Placement(name, min(left, key=lambda player: counts[id(player)]))
            self._seatings.append(seating)
            return seating

    def _forget(self, seating: Placement) -> None:
        with self._lock:
            if seating in self._seatings:
                self._seatings.remove(seating)


def _ahead(player: Any) -> float:
    """Seconds that a player's clock is ahead of this machine's."""
    best = (float("inf"), 0.0)
    for _ in range(PINGS):
        sent = time.monotonic()
        theirs = _get(player.time.remote())
        back = time.monotonic()
        best = min(best, (back - sent, theirs - (sent + back) / 2))
    return best[1]


def _get(ref: Any) -> Any:
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(ref)
    except RayTaskError as error:
        # a player that was started anew does not know the session
        if isinstance(error.cause, KeyError):
            raise Gone("it was started anew") from error
        raise
    except RayError as error:
        raise Gone(str(error).splitlines()[0]) from error
