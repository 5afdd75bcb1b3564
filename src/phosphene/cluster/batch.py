"""The machine that runs a batch: hands out orders, keeps what comes back, joins it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

from phosphene.cluster.actor_slots import (
    ActorSlot,
    check_version,
    open_input,
    send_home,
    take_slots,
)
from phosphene.cluster.connect import Plan
from phosphene.cluster.entry import Entry, admit_song
from phosphene.cluster.items import Item
from phosphene.cluster.ledger import Ledger
from phosphene.cluster.making import (
    Making,
    Piece,
    SongMaking,
    VideoMaking,
)
from phosphene.cluster.orders import Answer, Done, Hello, Parcel, Refused
from phosphene.cluster.progress import Progress
from phosphene.cluster.report import BatchReport, ItemReport
from phosphene.errors import ModelError, PhospheneError
from phosphene.show.live.cores import usable_cores
from phosphene.video.failures import is_full

TRIES = 3
"""workers that may die over the same segment before its item is given up"""
AHEAD = 2
"""items more than workers that are heard and open at a time"""
POLL_SECONDS = 0.2
"""how soon a joined video is noticed; answers of workers are noticed at once"""
LONELY_SECONDS = 120.0
"""without any worker, after which it is said"""


@dataclass(frozen=True)
class Lost:
    """What an answer becomes when its actor is gone, or met something that it could not say itself."""

    error: str


def fetch(ref: Any) -> Any:
    """The answer behind a reference, or :class:`Lost`."""
    import ray
    from ray.exceptions import RayError

    try:
        return ray.get(ref)
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return Lost(lines[-1] if lines else type(error).__name__)


class Batch:
    """Makes all items on the workers of the connected cluster.

    Args:
        todo: items in the order in which they are begun, each with a report to fill in.
        plan: of the workers.
        ledger: of the folder that the videos go to.
        overwrite: replace videos of other items.
        report: filled in as well.
        progress: told of it.
    """

    def __init__(
        self,
        todo: Sequence[tuple[Item, ItemReport]],
        plan: Plan,
        ledger: Ledger,
        overwrite: bool,
        report: BatchReport,
        progress: Progress,
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._overwrite = overwrite
        self._report = report
        self._progress = progress
        self._todo = deque(todo)
        self._open: list[Entry] = []
        self._ready: deque[Piece] = deque()
        self._free: list[ActorSlot] = []
        self._answers: dict[Any, Callable[[Any], None]] = {}
        """what to do with each answer that is waited for"""
        self._joins: dict[Future[None], Entry] = {}
        self._first_order = 0.0

    def run(self) -> None:
        """Until every item met its fate.

        What can be said of one item is in its report; raises PhospheneError for what stops all of
        them, such as a full disk.
        """
        slots, audio_input = take_slots(self._plan), open_input(self._plan)
        self._audio_input = cycle(audio_input)
        for slot in slots:
            self._greet(slot)
        # sound is encoded outside Python's lock; the other half keeps segments and answers workers
        joiners = max(1, usable_cores() // 2)
        with ThreadPoolExecutor(joiners, thread_name_prefix="phosphene-join") as self._joiner:
            try:
                while self._todo or self._open:
                    self._admit()
                    self._hand_out()
                    self._wait()
            finally:
                send_home([*audio_input, *(slot.actor for slot in slots)])
                for entry in self._open:
                    entry.count()
                wait(self._joins)
                for entry in self._open:
                    if entry.making is not None:
                        entry.making.close()

    def _admit(self) -> None:
        while self._todo and len(self._open) < self._plan.count + AHEAD:
            item, report = self._todo.popleft()
            try:
                self._begin(Entry(item, report, item.fingerprint()))
            except PhospheneError as error:
                self._fail(report, str(error))

    def _begin(self, entry: Entry) -> None:
        item = entry.item
        if item.kind == "video":
            making = VideoMaking(item, entry.fingerprint, self._overwrite)
            self._open.append(entry)
            self._prepare(entry, making)
            return
        heard = next(self._audio_input).hear
        song, name = admit_song(item, entry.fingerprint, self._overwrite), str(item.source)
        ref = heard.remote(song, name, item.config.audio, item.start, item.duration)
        self._open.append(entry)
        self._answers[ref] = partial(self._heard, entry)

    def _heard(self, entry: Entry, ref: Any) -> None:
        features = fetch(ref)
        if isinstance(features, Refused):
            entry.report.trace = features.trace
        if isinstance(features, Refused | Lost):
            self._give_up(entry, features.error)
            return
        if features.note:
            entry.report.notes += (features.note,)
        try:
            making = SongMaking(entry.item, entry.fingerprint, self._overwrite, features)
        except PhospheneError as error:
            self._give_up(entry, str(error))
            return
        self._prepare(entry, making)

    def _prepare(self, entry: Entry, making: Making) -> None:
        entry.making = making
        try:
            making.prepare()
        except PhospheneError as error:
            self._give_up(entry, str(error))
            return
        entry.old_frames, entry.old_segments = making.frames, making.segments
        self._ready.extend(piece for piece in making.pieces if not piece.complete)
        self._join_if_complete(entry)

    def _hand_out(self) -> None:
        while self._free and self._ready:
            slot, piece = self._free.pop(), self._ready.popleft()
            entry = self._entry(piece)
            if entry is None:  # given up meanwhile
                self._free.append(slot)
                continue
            now = time.perf_counter()
            entry.began = entry.began or now
            self._first_order = self._first_order or now
            slot.piece = piece
            ref = slot.actor.begin.remote(piece.order)
            self._answers[ref] = partial(self._answered, slot)

    def _answered(self, slot: ActorSlot, ref: Any) -> None:
        answer: Answer | Lost = fetch(ref)
        piece = slot.piece
        assert piece is not None
        if isinstance(answer, Parcel):
            # the worker is asked for more before this is kept, so that it need not wait
            self._answers[slot.actor.take.remote()] = partial(self._answered, slot)
            self._keep(slot, piece, answer)
            return
        slot.piece = None
        self._report.drawing_seconds = time.perf_counter() - self._first_order
        if isinstance(answer, Lost):
            self._lost(piece, answer)
            self._greet(slot)
            return
        self._free.append(slot)
        entry = self._entry(piece)
        if entry is None:
            return
        if isinstance(answer, Refused):
            entry.report.trace = answer.trace
            self._give_up(entry, answer.error)
            return
        self._finish_piece(entry, piece, answer)

    def _keep(self, slot: ActorSlot, piece: Piece, parcel: Parcel) -> None:
        report = self._report
        report.worked += parcel.worked
        report.waited += 0.0 if slot.fresh else parcel.waited
        slot.fresh = False
        report.cpu += parcel.cpu
        report.stored_bytes += len(parcel.video) + len(parcel.state)
        entry = self._entry(piece)
        if entry is None:
            return
        try:
            piece.store(parcel)
        except PhospheneError as error:
            if is_full(error):
                raise
            self._give_up(entry, str(error))
        self._progress.segment(parcel.frames)

    def _finish_piece(self, entry: Entry, piece: Piece, answer: Done) -> None:
        entry.report.notes += tuple(n for n in answer.notes if n not in entry.report.notes)
        piece.complete = True
        self._join_if_complete(entry)

    def _lost(self, piece: Piece, lost: Lost) -> None:
        entry = self._entry(piece)
        if entry is None:
            return
        entry.report.lost_workers += 1
        piece.tries += 1
        if piece.tries < TRIES:
            self._ready.appendleft(piece)
        else:
            self._give_up(
                entry, f"{piece.tries} workers died over the same segment ({lost.error})."
            )

    def _greet(self, slot: ActorSlot) -> None:
        def up(ref: Any) -> None:
            hello: Hello | Lost = fetch(ref)
            if isinstance(hello, Lost):
                # its construction failed, and will on every machine that is set up like this one
                raise ModelError(f"a worker does not start: {hello.error}.")
            check_version(hello)
            self._free.append(slot)

        self._answers[slot.hello()] = up

    def _join_if_complete(self, entry: Entry) -> None:
        making = entry.making
        assert making is not None
        if all(piece.complete for piece in making.pieces):
            self._joins[self._joiner.submit(self._join, making)] = entry

    def _join(self, making: Making) -> None:
        began = time.thread_time()
        making.join()
        self._report.joined += time.thread_time() - began

    def _joined(self, join: Future[None], entry: Entry) -> None:
        making = entry.making
        assert making is not None
        try:
            join.result()
            self._ledger.add(entry.item.out, entry.fingerprint, making.frames)
        except PhospheneError as error:
            if is_full(error):
                raise
            self._give_up(entry, str(error))
            return
        entry.count()
        self._open.remove(entry)
        making.remove()
        entry.report.fate = "made"
        self._progress.ended(entry.report)

    def _wait(self) -> None:
        """For whatever comes next."""
        import ray

        for join in [join for join in self._joins if join.done()]:
            self._joined(join, self._joins.pop(join))
        if not self._answers:
            wait(self._joins, POLL_SECONDS)
            return
        patience = POLL_SECONDS if self._joins else LONELY_SECONDS
        ready, _ = ray.wait(list(self._answers), num_returns=1, timeout=patience, fetch_local=False)
        began = time.thread_time()
        for ref in ready:
            self._answers.pop(ref)(ref)
        self._report.handled += time.thread_time() - began
        if not ready and not self._joins:
            self._progress.quiet()

    def _entry(self, piece: Piece) -> Entry | None:
        return next((entry for entry in self._open if entry.making is piece.making), None)

    def _give_up(self, entry: Entry, error: str) -> None:
        entry.count()
        self._open.remove(entry)
        if entry.making is not None:
            entry.making.close()
        self._fail(entry.report, error)

    def _fail(self, report: ItemReport, error: str) -> None:
        report.fate, report.error = "failed", error
        self._progress.ended(report)
