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
from phosphene.server.connection import CLOSE_CODES, POLICY, Connection
from phosphene.server.facts import model_facts
from phosphene.server.gate import gate_of
from phosphene.server.limits import MB
from phosphene.server.performer import Performer
from phosphene.server.protocol import Bye, encode
from phosphene.server.refusal import Refusal
from phosphene.server.theatre import Theatre, address_of
from phosphene.server.watcher import Watcher
from phosphene.show.looks import looks

log = logging.getLogger(__name__)
LATEST = "latest"


def socket_routes(theatre: Theatre) -> APIRouter:
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
            with theatre.door.enter(address):
                gate = gate_of(socket)
                if gate is not None:
                    gate.admit("perform" if watch is None else "watch")
                if watch is None:
                    await _perform(theatre, socket, address, resume, shapes)
                else:
                    await _watch(theatre, socket, address, watch, shapes)
        except Refusal as refusal:
            theatre.tally.turned_away.labels(refusal.code).inc()
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
    theatre: Theatre, socket: WebSocket, address: str, resume: str | None, shapes: Shapes
) -> None:
    stage = theatre.stage
    performer = Performer(
        socket,
        theatre.limits,
        theatre.tally,
        _abort(theatre, socket),
        stage.config,
        stage.microphone,
        stage.feed,
        theatre.stats,
    )
    performer.keys, performer.fields = shapes
    seat = await stage.perform(performer, address, resume)
    performer.sit(seat)
    await performer.mailbox.reply(_hello(theatre, seat.id, "perform", seat.session.config))
    log.info("%s performs, session %s, %d in all", address, seat.id, len(stage.seats))
    try:
        await _serve(theatre, performer, "perform")
    finally:
        stage.leave(seat, performer)
        log.info(
            "%s left session %s: %d pictures sent, %d replaced by newer ones",
            *(address, seat.id, performer.sent, performer.mailbox.replaced),
        )


async def _watch(
    theatre: Theatre, socket: WebSocket, address: str, watch: str, shapes: Shapes
) -> None:
    stage = theatre.stage
    seat = None if watch == LATEST else stage.find(watch)
    refreshed: Callable[[Watcher], None] = stage.refresh
    if seat is not None:
        channel = seat.channel
        refreshed = lambda _: channel.refresh()  # noqa: E731
    watcher = Watcher(socket, theatre.limits, theatre.tally, _abort(theatre, socket), refreshed)
    watcher.keys, watcher.fields = shapes
    config = stage.config if seat is None else seat.session.config
    await watcher.mailbox.reply(_hello(theatre, watch, "watch", config))
    log.info("%s watches %s", address, watch)
    if seat is None:
        await stage.follow(watcher)
    else:
        seat.channel.join(watcher)
    try:
        await _serve(theatre, watcher, "watch")
    finally:
        if seat is None:
            stage.unfollow(watcher)
        else:
            seat.channel.leave(watcher)
        log.info("%s watches no more", address)


async def _serve(theatre: Theatre, connection: Connection, role: say.Role) -> None:
    theatre.tally.connections.labels(role).inc()
    with theatre.admit(connection):
        await connection.run()


def _abort(theatre: Theatre, socket: WebSocket) -> Callable[[], None]:
    client = socket.client
    return lambda: None if client is None else theatre.abort((client.host, client.port))


def _hello(theatre: Theatre, session: str, role: say.Role, config: PipelineConfig) -> say.Hello:
    limits = theatre.limits
    return say.Hello(
        protocol=wire.VERSION,
        version=phosphene.__version__,
        session=session,
        role=role,
        config=config.model_dump(mode="json"),
        sources=say.Sources(
            soundcard=theatre.stage.microphone is not None,
            pictures=None if theatre.stage.feed is None else theatre.stage.feed.name,
        ),
        looks=[say.Look(name=look.name, values=look.values) for look in looks()],
        limits=say.Allowed(
            upload_mb=limits.upload_bytes / MB,
            song_seconds=limits.song_seconds,
            picture_bytes=limits.picture_bytes,
            message_bytes=limits.message_bytes,
        ),
        model=model_facts(theatre.stage.base),
    )
