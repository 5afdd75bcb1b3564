"""The websocket's address: who comes in, in which role, and who is turned away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

import phosphene
from phosphene.config import PipelineConfig
from phosphene.server import protocol as say
from phosphene.server import wire
from phosphene.server.app_state import AppState, address_of
from phosphene.server.connection import CLOSE_CODES, POLICY, Connection
from phosphene.server.facts import model_facts
from phosphene.server.gate import gate_of
from phosphene.server.limits import MB
from phosphene.server.performer import Performer
from phosphene.server.protocol import Bye, encode
from phosphene.server.refusal import Refusal
from phosphene.server.watcher import Watcher
from phosphene.show.looks import looks

log = logging.getLogger(__name__)
LATEST = "latest"


def socket_routes(app_state: AppState) -> APIRouter:
    """The route /ws."""
    router = APIRouter()

    @router.websocket("/ws")
    async def ws(
        socket: WebSocket,
        resume: str | None = None,
        watch: str | None = None,
        keys: bool = False,
        fields: bool = False,
    ) -> None:
        await socket.accept()
        address, shapes = address_of(socket), Shapes(keys, keys and fields)
        try:
            with app_state.limiter.enter(address):
                gate = gate_of(socket)
                if gate is not None:
                    gate.admit("perform" if watch is None else "watch")
                if watch is None:
                    await _perform(app_state, socket, address, resume, shapes)
                else:
                    await _watch(app_state, socket, address, watch, shapes)
        except Refusal as refusal:
            app_state.tally.turned_away.labels(refusal.code).inc()
            log.info("turned %s away: %s", address, refusal)
            with suppress(WebSocketDisconnect):
                await socket.send_text(encode(Bye(code=refusal.code, message=str(refusal))))
                await socket.close(CLOSE_CODES.get(refusal.code, POLICY), refusal.code)

    return router


class Shapes(NamedTuple):
    """Which pictures a client takes."""

    keys: bool
    fields: bool


async def _perform(
    app_state: AppState, socket: WebSocket, address: str, resume: str | None, shapes: Shapes
) -> None:
    registry = app_state.registry
    performer = Performer(
        socket,
        app_state.limits,
        app_state.tally,
        _abort(app_state, socket),
        registry.config,
        registry.microphone,
        registry.feed,
        app_state.stats,
    )
    performer.keys, performer.fields = shapes
    handle = await registry.perform(performer, address, resume)
    performer.sit(handle)
    await performer.mailbox.reply(_hello(app_state, handle.id, "perform", handle.session.config))
    log.info("%s performs, session %s, %d in all", address, handle.id, len(registry.handles))
    try:
        await _serve(app_state, performer, "perform")
    finally:
        registry.leave(handle, performer)
        log.info(
            "%s left session %s: %d pictures sent, %d replaced by newer ones",
            *(address, handle.id, performer.sent, performer.mailbox.replaced),
        )


async def _watch(
    app_state: AppState, socket: WebSocket, address: str, watch: str, shapes: Shapes
) -> None:
    registry = app_state.registry
    handle = None if watch == LATEST else registry.find(watch)
    refreshed: Callable[[Watcher], None] = registry.refresh
    if handle is not None:
        channel = handle.channel
        refreshed = lambda _: channel.refresh()  # noqa: E731
    watcher = Watcher(
        socket, app_state.limits, app_state.tally, _abort(app_state, socket), refreshed
    )
    watcher.keys, watcher.fields = shapes
    config = registry.config if handle is None else handle.session.config
    await watcher.mailbox.reply(_hello(app_state, watch, "watch", config))
    log.info("%s watches %s", address, watch)
    if handle is None:
        await registry.follow(watcher)
    else:
        handle.channel.join(watcher)
    try:
        await _serve(app_state, watcher, "watch")
    finally:
        if handle is None:
            registry.unfollow(watcher)
        else:
            handle.channel.leave(watcher)
        log.info("%s watches no more", address)


async def _serve(app_state: AppState, connection: Connection, role: say.Role) -> None:
    app_state.tally.connections.labels(role).inc()
    with app_state.admit(connection):
        await connection.run()


def _abort(app_state: AppState, socket: WebSocket) -> Callable[[], None]:
    client = socket.client
    return lambda: None if client is None else app_state.abort((client.host, client.port))


def _hello(app_state: AppState, session: str, role: say.Role, config: PipelineConfig) -> say.Hello:
    limits = app_state.limits
    return say.Hello(
        protocol=wire.VERSION,
        version=phosphene.__version__,
        session=session,
        role=role,
        config=config.model_dump(mode="json"),
        sources=say.Sources(
            soundcard=app_state.registry.microphone is not None,
            pictures=None if app_state.registry.feed is None else app_state.registry.feed.name,
        ),
        looks=[say.Look(name=look.name, values=look.values) for look in looks()],
        limits=say.Allowed(
            upload_mb=limits.upload_bytes / MB,
            song_seconds=limits.song_seconds,
            picture_bytes=limits.picture_bytes,
            message_bytes=limits.message_bytes,
        ),
        model=model_facts(app_state.registry.base),
    )
