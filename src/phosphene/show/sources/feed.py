"""Pictures that this machine fetches by itself, as the command line says: NDI, network streams, cameras.

Whatever is opened is opened in a process of its own (:mod:`phosphene.video.fetch`): libraries hold the
interpreter while they connect, and what hangs there can be killed. Pictures come as arrays, the newest wins.
"""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from urllib.parse import urlsplit

from phosphene.errors import InputError, MissingExtraError
from phosphene.video.fetch import (
    CAMERA,
    CONNECT_SECONDS,
    NDI,
    ON_AIR,
    SILENT_SECONDS,
    read_pictures,
)
from phosphene.video.spec import Size
from phosphene.video.writer import Frame

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0
START_SECONDS = 30.0
"""until the first picture, on a machine that is busy"""
SCHEMES = ("rtsp", "rtsps", "srt", "rtmp", "udp", "tcp", "http", "https")
Taker = Callable[[Frame, float], None]
"""is given a picture and the monotonic time at which it came"""


def check_address(address: str) -> str:
    """What may be looked at, and its name for the log, without passwords. Raises PhospheneError."""
    if address.startswith(NDI):
        if find_spec("cyndilib") is None:
            raise MissingExtraError("NDI", "ndi")
        return f"NDI '{address.removeprefix(NDI) or 'first'}'"
    if re.fullmatch(rf"{CAMERA}(:.+)?", address):
        return address
    parts = urlsplit(address)
    if parts.scheme in SCHEMES and parts.hostname:
        return f"{parts.scheme}://{parts.hostname}"
    raise InputError(
        f"--see does not know '{address}': give ndi:NAME, camera, camera:1 or an address that begins"
        f" with {', '.join(f'{scheme}://' for scheme in SCHEMES[:4])}."
    )


class Feed:
    """One such place; whoever is plugged in gets its pictures at no more than ``rate`` a second."""

    def __init__(self, address: str, size: Size, rate: float) -> None:
        """Raises PhospheneError for an address that is none."""
        self.name = check_address(address)
        self._task = json.dumps({"address": address, "size": size, "rate": rate})
        self._takers: tuple[Taker, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._last = 0.0
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="phosphene-feed", daemon=True)
        self._thread.start()

    def plug(self, taker: Taker) -> Callable[[], None]:
        """Give pictures to ``taker`` too; the returned function ends that. Nothing is fetched for nobody."""
        self._takers = (*self._takers, taker)
        self._wanted.set()

        def unplug() -> None:
            self._takers = tuple(other for other in self._takers if other is not taker)
            if not self._takers:
                self._wanted.clear()
                self._kill()

        return unplug

    def close(self) -> None:
        """End."""
        self._stop.set()
        self._wanted.set()
        self._kill()
        self._thread.join(CONNECT_SECONDS)

    def _run(self) -> None:
        told = ""
        while True:
            self._wanted.wait()
            if self._stop.is_set():
                return
            said = self._fetch(bool(told))
            if self._stop.is_set() or not self._wanted.is_set():
                continue
            if said != told:
                log.error("%s: %s; the show goes on, trying again.", self.name, said)
            told = said
            self._stop.wait(RETRY_SECONDS)

    def _fetch(self, again: bool) -> str:
        """Pictures until there are no more; why."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "phosphene.video.fetch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for the server, which ends the process itself
            start_new_session=True,
        )
        # it needs longer to begin with
        self._last = time.monotonic() + START_SECONDS - SILENT_SECONDS
        watch = threading.Thread(target=self._watch, args=(process,), daemon=True)
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(self._task.encode() + b"\n")
            process.stdin.flush()
            watch.start()
            said = process.stdout.readline().decode(errors="replace").strip()
            if said != ON_AIR:
                return said or "it broke off"
            log.info("%s: here%s", self.name, " again" if again else "")
            for image, captured in read_pictures(process.stdout):
                self._last = time.monotonic()
                for taker in self._takers:
                    taker(image, captured)
        except OSError as error:
            return error.strerror or "it broke off"
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    if pipe is not None:
                        pipe.close()
        return "no more pictures come"

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """What hangs is ended."""
        while process.poll() is None and not self._stop.wait(0.5):
            if time.monotonic() - self._last > SILENT_SECONDS:
                process.kill()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
