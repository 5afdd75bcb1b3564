"""What `phosphene live` does: load, warm up, listen."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from urllib.parse import quote

from phosphene import interrupts
from phosphene.config import PipelineConfig
from phosphene.diffusion import BasePipeline
from phosphene.server.app import create_app
from phosphene.server.app_state import AppState
from phosphene.server.companion import Companion
from phosphene.server.limits import Limits
from phosphene.server.listen import Server, bind, run
from phosphene.server.microphone import Microphone
from phosphene.server.pages import check_page
from phosphene.server.security import Guard, choose_token, named
from phosphene.server.session_registry import SessionRegistry
from phosphene.show.analysis import check_target
from phosphene.show.live import Players
from phosphene.show.live.loading import load
from phosphene.show.score import pictures_beside, sound_beside
from phosphene.show.sinks.choose import ExitOptions, choose_exits, is_score
from phosphene.show.sources.feed import Feed, check_address
from phosphene.video.spec import Size

log = logging.getLogger(__name__)
EXIT_SIZE = (1280, 720)
ANYWHERE = ("0.0.0.0", "::", "")
OUTSIDE = ("192.0.2.1", 9)
"""an address for documentation (RFC 5737): nothing is ever sent to it"""


def reachable(host: str, port: int, token: str | None) -> str:
    """A link to the page; a server on all addresses is named by the one others see."""
    name = _own_address() if host in ANYWHERE else host
    if ":" in name:
        name = f"[{name}]"
    return f"http://{name}:{port}/" + (f"?token={quote(token, safe='')}" if token else "")


def _own_address() -> str:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(OUTSIDE)
            return str(probe.getsockname()[0])
    except OSError:
        # no network: only this machine can come
        return "127.0.0.1"


def has_screen() -> bool:
    """Whether a browser would appear on a screen here."""
    if "SSH_CONNECTION" in os.environ:
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(link: str) -> None:
    """Open ``link`` in the browser; without a screen do nothing."""
    if has_screen():
        # some browsers keep the caller waiting until they are closed
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()


@dataclass(frozen=True)
class LiveOptions:
    """Where to listen, and what else to do with the pictures."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    allow_hosts: tuple[str, ...] = ()
    max_sessions: int = 4
    browser: bool = True
    soundcard: bool = False
    device: str | None = None
    """of the sound card; None: the default one"""
    size: Size | None = None
    """(width, height) of pictures and exits, pixels; None: as wide as screens are"""
    see: str | None = None
    """what this machine sees by itself: ndi:NAME, camera, or a network stream"""
    exits: ExitOptions = field(default_factory=ExitOptions)
    companions: Sequence[Companion] = ()
    """other programs that play along"""
    cluster: str | None = None
    """whose machines draw: auto, local or an address; None: this process"""


def live(config: PipelineConfig, options: LiveOptions) -> None:
    """Serve live sessions until interrupted.

    Everything that can be refused is, before the model is loaded. Raises PhospheneError.
    """
    check_page()
    if options.see is not None:
        check_address(options.see)
    token = choose_token(options.host, options.token)
    exits = choose_exits(options.exits, config, options.size or EXIT_SIZE)
    record = options.exits.record
    scores = (
        score_files(Path(record), options.exits.overwrite) if record and is_score(record) else None
    )
    with bind(options.host, options.port) as listener, ExitStack() as files:
        microphone = Microphone(options.device) if options.soundcard else None
        base, config = files.enter_context(_models(config, options))
        limits = Limits(sessions=options.max_sessions)
        drawn = config.inference.width, config.inference.height
        feed = Feed(options.see, drawn, config.live.fps) if options.see is not None else None
        video = options.exits.record_video
        registry = SessionRegistry(base, config, limits, microphone, scores, video, feed)
        app_state = AppState(registry, registry.limits, exits=exits, companions=options.companions)
        port = listener.getsockname()[1]
        names = frozenset(map(named, (options.host, *options.allow_hosts)))
        guard = Guard(token, port, names)
        link = reachable(options.host, port, token)

        def ready() -> None:
            print(f"ready: {link}", flush=True)
            if options.browser:
                open_browser(link)

        server = Server(create_app(app_state, guard), app_state, ready)
        # from here on uvicorn listens for it
        interrupts.check()
        run(server, listener)
    log.info("stopped")


def score_files(path: Path, overwrite: bool) -> Iterator[Path]:
    """A file for the score of each session: FILE.score, FILE-2.score ... Raises OutputError."""
    check_target(path, overwrite)
    names = chain([path], (path.with_stem(f"{path.stem}-{number}") for number in count(2)))

    def free() -> Iterator[Path]:
        for number, each in enumerate(names):
            if overwrite and number == 0:
                for old in (each, sound_beside(each), pictures_beside(each)):
                    old.unlink(missing_ok=True)
            if not each.exists():
                yield each

    return free()


@contextmanager
def _models(
    config: PipelineConfig, options: LiveOptions
) -> Iterator[tuple[BasePipeline | Players, PipelineConfig]]:
    """Who draws, and the settings that sessions begin with."""
    if options.cluster is None:
        yield load(config, options.size), config
        return
    from phosphene.cluster.live.replica_pool import engaged

    with engaged(options.cluster, config, options.size) as players:
        log.info("%s on %s", players.description, options.cluster)
        yield players, players.config
