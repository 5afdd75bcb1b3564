"""The HTTP interface: what this server is, does and can be told."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, JsonValue
from starlette.responses import PlainTextResponse, Response

import phosphene
from phosphene.diffusion.registry import pipeline_names
from phosphene.errors import InputError
from phosphene.server import protocol as say
from phosphene.server.app_state import AppState
from phosphene.server.facts import model_facts
from phosphene.server.preview import Previews
from phosphene.server.refusal import Refusal
from phosphene.server.schema import live_schema
from phosphene.server.session_handle import Lying, SessionHandle
from phosphene.server.songs import drain
from phosphene.show.live import SessionStats
from phosphene.show.looks import looks
from phosphene.show.sets import Set, text_of
from phosphene.show.sets import parse as parse_set

MOST_BYTES = 4_000_000
"""of a set that is put"""

SongName = Annotated[str | None, Query(max_length=300, description="Of its file, without folders.")]
SessionId = Annotated[str, Path(max_length=64, description="From the socket's hello.")]


class Health(BaseModel):
    """Alive."""

    status: str
    version: str


class SessionState(BaseModel):
    """One session."""

    id: str
    performed: bool
    """False while its performer is away"""
    consumers: int
    """sockets, streams and exits that take its pictures"""
    hear: str
    see: bool
    songs: int
    jpeg_ms: float
    stats: SessionStats


class State(BaseModel):
    """The whole server."""

    version: str
    model: say.Model
    load: say.Load
    sessions: list[SessionState]
    house: SessionState | None
    connections: int


class Models(BaseModel):
    """Models this install knows."""

    current: say.Model
    known: list[str]


class SongAccepted(BaseModel):
    """A song is here and will be heard; `song` messages of the socket tell how far that is."""

    id: str


class SetSong(BaseModel):
    """A song of a set, as it stands on this server."""

    name: str
    laid: bool
    """its file is here and was heard: its cues are in force"""
    cues: list[SetCue]
    problem: str | None = None


class SetCue(BaseModel):
    """A cue where it lies."""

    at: float
    look: str | None = None


class SetTold(BaseModel):
    """What of a set is in force; the other songs follow as they are uploaded and heard."""

    songs: list[SetSong]


def set_told(told: Set, lying: Lying) -> SetTold:
    """What is told of a set that is played."""
    songs = []
    for index, song in enumerate(told.songs):
        laid = lying.cues.get(song.sha256 or "")
        cues = [SetCue(at=each.change.at, look=each.look) for each in laid or ()]
        problem = lying.problems.get(index)
        songs.append(SetSong(name=song.name, laid=laid is not None, cues=cues, problem=problem))
    return SetTold(songs=songs)


async def read_text(request: Request, most: int) -> str:
    """A body of at most so many bytes. Raises :class:`Refusal`."""
    data, body = bytearray(), request.stream()
    async for chunk in body:
        data += chunk
        if len(data) > most:
            await drain(body)
            raise Refusal("size", f"this has at most {most} bytes.", 413)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refusal("text", "this is no text in UTF-8.") from error


def rest_routes(app_state: AppState) -> APIRouter:
    """The routes under /api, and /metrics."""
    router = APIRouter()
    registry = app_state.registry

    @router.get("/api/health", tags=["server"])
    async def health() -> Health:
        """That the server runs."""
        return Health(status="ok", version=phosphene.__version__)

    @router.get("/api/state", tags=["server"])
    async def state() -> State:
        """Sessions, their figures, the load of the machine."""
        return State(
            version=phosphene.__version__,
            model=model_facts(registry.base),
            load=app_state.machine.load(),
            sessions=[session_state(handle) for handle in registry.handles],
            house=session_state(registry.house) if registry.house else None,
            connections=len(app_state.connections),
        )

    @router.post("/api/knock", tags=["server"], status_code=204, response_model=None)
    async def knock() -> None:
        """Whether a page may open the socket: a browser hides the reason why it could not."""

    @router.get("/api/schema", tags=["settings"], response_class=Response)
    async def schema() -> Response:
        """JSON schema of all settings; sections that may change live are marked `x-live`."""
        return Response(_schema(), media_type="application/json")

    @router.get("/api/presets", tags=["settings"])
    async def presets() -> list[say.Look]:
        """Looks: named settings that fit together."""
        return [say.Look(name=look.name, values=look.values) for look in looks()]

    @router.get("/api/presets/{name}.webp", tags=["settings"], response_class=Response)
    async def preset_picture(name: str) -> Response:
        """What the built-in model draws with a look."""
        found = next((look.picture for look in looks() if look.name == name and look.picture), None)
        if found is None:
            return Response("no picture of a look of this name\n", status_code=404)
        return Response(found, media_type="image/webp", headers={"cache-control": "max-age=3600"})

    @router.get("/api/models", tags=["server"])
    async def models() -> Models:
        """The model that draws, and the names `--model` takes."""
        return Models(current=model_facts(registry.base), known=pipeline_names())

    @router.get("/api/sessions/{session}/config.toml", tags=["settings"])
    async def config(session: SessionId) -> PlainTextResponse:
        """Settings in force, for `phosphene render --config`."""
        text = registry.find(session).session.config.dumps_toml()
        return PlainTextResponse(
            text, media_type="application/toml", headers=_saved("phosphene.toml")
        )

    @router.get("/api/sessions/{session}/show.score", tags=["scores"])
    async def score(session: SessionId) -> PlainTextResponse:
        """The show since `record`, or its last ten minutes, for `phosphene render --score`."""
        text = await asyncio.to_thread(registry.find(session).session.score)
        if not text:
            raise Refusal("score", "nothing was drawn yet: there is no show to keep.", 409)
        return PlainTextResponse(text, media_type="application/jsonl", headers=_saved("show.score"))

    @router.get("/api/sessions/{session}/show.wav", tags=["scores"], response_class=Response)
    async def score_sound(session: SessionId) -> Response:
        """What a microphone or the sound card heard of the same show: to be kept beside the score."""
        data = await asyncio.to_thread(registry.find(session).session.score_sound)
        if not data:
            raise Refusal("score", "no microphone was heard in this show.", 404)
        return Response(data, media_type="audio/wav", headers=_saved("show.wav"))

    @router.post("/api/sessions/{session}/songs", tags=["songs"], status_code=202)
    async def song(session: SessionId, request: Request, name: SongName = None) -> SongAccepted:
        """Upload a song: the file itself is the body; `name` is what scores call it."""
        given = request.headers.get("content-length", "")
        length = int(given) if given.isdigit() else None
        body = request.stream()
        try:
            handle = registry.find(session)
            return SongAccepted(id=await app_state.songs.receive(handle, body, length, name))
        except Refusal:
            await drain(body)
            raise

    previews = Previews(registry.base)

    @router.post("/api/sessions/{session}/preview", tags=["settings"], response_class=Response)
    async def preview(session: SessionId, values: dict[str, JsonValue]) -> Response:
        """A small JPEG of what these settings by path would look like; the show goes on as it is."""
        handle = registry.find(session)
        picture = await previews.draw(handle.session.config, values)
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "no-store"})

    @router.put("/api/sessions/{session}/set", tags=["sets"])
    async def put_set(session: SessionId, request: Request) -> SetTold:
        """Play a set: its file, not packed, is the body. Songs that were uploaded are known by their hash."""
        handle = registry.find(session)
        text = await read_text(request, MOST_BYTES)
        try:
            told = await asyncio.to_thread(parse_set, text, whole=False)
        except InputError as error:
            raise Refusal("set", str(error)) from error
        return set_told(told, await handle.play(told))

    @router.get("/api/sessions/{session}/set", tags=["sets"])
    async def get_set(session: SessionId) -> Response:
        """The set that is played, for `phosphene render --set`."""
        told = registry.find(session).told
        if told is None:
            raise Refusal("set", "no set is played in this session.", 404)
        return Response(text_of(told), media_type="application/json", headers=_saved("show.set"))

    @router.delete(
        "/api/sessions/{session}/set", tags=["sets"], status_code=204, response_model=None
    )
    async def drop_set(session: SessionId) -> None:
        """Play no set."""
        await registry.find(session).play(None)

    @router.get("/api/demo.wav", tags=["songs"], response_class=Response)
    async def demo() -> Response:
        """A minute of music that is composed when it is first asked for: something to play at once."""
        return Response(await app_state.demo.wav(), media_type="audio/wav")

    @router.get("/metrics", tags=["server"], response_class=Response)
    async def metrics() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(app_state.tally.registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _saved(name: str) -> dict[str, str]:
    """That a browser is to save it as ``name``."""
    return {"content-disposition": f'attachment; filename="{name}"'}


@cache
def _schema() -> bytes:
    """Written once: it takes longer than all else a page asks for."""
    return json.dumps(live_schema(), separators=(",", ":")).encode()


def session_state(handle: SessionHandle) -> SessionState:
    """What is told about a session."""
    return SessionState(
        id=handle.id,
        performed=handle.performer is not None,
        consumers=handle.channel.consumers,
        hear=handle.source.hear,
        see=handle.source.see,
        songs=len(handle.songs),
        jpeg_ms=round(handle.channel.meter.ms, 3),
        stats=handle.session.stats(),
    )
