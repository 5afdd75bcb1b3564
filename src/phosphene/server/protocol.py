"""The JSON messages of the socket, version 1; `docs/protocol.md` explains them to people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
)
from pydantic_core import from_json

from phosphene.config import explain
from phosphene.server.refusal import Refusal
from phosphene.show.live import Hear, SessionStats
from phosphene.show.live.types import BeatFrom, On

SeeFrom = Literal["client", "server"]
"""whose pictures are painted over: those that are sent, or what the server was started to see"""
Role = Literal["perform", "watch"]
SongState = Literal["receiving", "analysing", "ready", "failed"]
Milliseconds = Annotated[float, Field(ge=0, le=1e13)]
Seconds = Annotated[float, Field(ge=0, le=1e6)]
Id = int | Annotated[str, Field(max_length=64)] | None


class Message(BaseModel):
    """A JSON object with ``type``; unknown fields, NaN and infinities are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


# from the client


class Clock(Message):
    """The client's time, and where its song is."""

    type: Literal["clock"]
    t: Milliseconds
    position: Seconds | None = None
    playing: bool = False
    rate: float = Field(1.0, ge=0, le=16)
    lead: float = Field(0.0, ge=0, le=5)


class Set(Message):
    """Change settings by path."""

    type: Literal["set"]
    values: dict[Annotated[str, Field(max_length=100)], JsonValue] = Field(max_length=200)
    on: On | None = None
    """wait for the next beat, bar or section of the music; it is answered when it is done"""
    id: Id = None


class UseSource(Message):
    """Choose what to react to."""

    type: Literal["source"]
    hear: Hear
    see: bool = False
    see_from: SeeFrom = "client"
    song: Annotated[str, Field(max_length=64)] | None = None
    id: Id = None


class Beat(Message):
    """The performer knows the beat better."""

    type: Literal["beat"]
    action: Literal["tap", "double", "half", "nudge", "release"]
    t: Milliseconds
    ms: float = Field(0.0, ge=-2000, le=2000)


class Tempo(Message):
    """Another program counts beats, as this client hears it: MIDI clock. A tempo of 0: no more."""

    type: Literal["tempo"]
    source: Literal["midi"] = "midi"
    tempo: float = Field(ge=0, le=1000)
    beats: float = Field(0.0, ge=-1e9, le=1e9)
    t: Milliseconds
    bar: int = Field(4, ge=1, le=32)
    running: bool = True


class Scene(Message):
    """Go to a new place now, or with the next beat, bar or section."""

    type: Literal["scene"]
    on: On | None = None


class Controllers(Message):
    """Knobs were turned, by name, 0..1: what routes call controller:NAME."""

    type: Literal["controllers"]
    values: dict[Annotated[str, Field(max_length=100)], Annotated[float, Field(ge=0, le=1)]] = (
        Field(max_length=64)
    )


class Record(Message):
    """Keep all of the show from now on for its score, or its last ten minutes again."""

    type: Literal["record"]
    on: bool
    id: Id = None


class Preset(Message):
    """Take a look."""

    type: Literal["preset"]
    name: str = Field(max_length=100)


class Ack(Message):
    """A picture arrived."""

    type: Literal["ack"]
    sequence: int = Field(ge=0, lt=2**32)
    age: float | None = Field(default=None, ge=0.0, le=60_000.0)
    """of the input of the picture that is seen now, ms"""


ClientMessage = Annotated[
    Clock | Set | UseSource | Beat | Tempo | Scene | Controllers | Record | Preset | Ack,
    Field(discriminator="type"),
]
_CLIENT: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)


def parse(text: str) -> ClientMessage:
    """A client's message. Raises :class:`Refusal` in one sentence."""
    try:
        data = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Refusal("json", f"this is not JSON: {error}.") from error
    try:
        return _CLIENT.validate_python(data)
    except ValidationError as error:
        raise Refusal("message", f"{explain(error)[:300]}.") from error


# from the server


class Look(Message):
    """A named set of settings."""

    name: str
    values: dict[str, JsonValue]


class Sources(Message):
    """What this server can hear by itself."""

    soundcard: bool
    pictures: str | None = None
    """name of what it sees by itself, if anything"""


class Allowed(Message):
    """How much a client may send."""

    upload_mb: float
    song_seconds: float
    picture_bytes: int
    message_bytes: int


class Model(Message):
    """The model that draws."""

    name: str
    max_size: int
    size_multiple: int


class Hello(Message):
    """The first message."""

    type: Literal["hello"] = "hello"
    protocol: int
    version: str
    session: str
    role: Role
    config: dict[str, JsonValue]
    sources: Sources
    looks: list[Look]
    limits: Allowed
    model: Model


class Ready(Message):
    """So many more pictures may be sent."""

    type: Literal["ready"] = "ready"
    credits: int


class ClockReply(Message):
    """The client's time back, and the server's, both milliseconds."""

    type: Literal["clock"] = "clock"
    t: float
    server: float


class ConfigReply(Message):
    """What is in force now."""

    type: Literal["config"] = "config"
    values: dict[str, JsonValue]
    id: Id = None
    look: str | None = None
    """name of the look that a cue or the autopilot took"""
    position: float | None = None
    """of the song, seconds: where the first picture with it will be seen; none: now"""
    by: Literal["controller"] | None = None
    """whose hand it was, where that was not this client's"""


class RecordReply(Message):
    """Whether all of the show is kept from then on."""

    type: Literal["record"] = "record"
    on: bool
    id: Id = None


class SourceReply(Message):
    """What the session reacts to now."""

    type: Literal["source"] = "source"
    hear: Hear
    see: bool
    see_from: SeeFrom = "client"
    song: str | None = None
    id: Id = None


class Heard(Message):
    """What was heard when the picture that comes with it was made."""

    type: Literal["heard"] = "heard"
    t: float | None = None
    beat_t: float | None = None
    energy: float
    bass: float
    mid: float
    treble: float
    onset: float
    centroid: float
    beat_position: float
    beat_phase: float
    tempo: float
    confidence: float
    section: int
    chroma: list[float]
    bar_position: float
    beats_per_bar: int
    beat_from: BeatFrom
    own_tempo: float
    own_off_ms: float
    punch: float
    """0..1: how hard a beat moves the picture"""
    routes: list[float] | None = None
    """what each route adds to its setting now"""


class Gpu(Message):
    """Memory of the model's graphics card, MB."""

    name: str
    memory_mb: float
    total_mb: float


class Load(Message):
    """How busy the machine is."""

    cpu_percent: float
    """of all cores, 0..100"""
    memory_mb: float
    """resident, of this process"""
    gpu: Gpu | None = None


class Stats(Message):
    """How the session is doing; its figures stand beside those of the connection."""

    type: Literal["stats"] = "stats"
    session: SessionStats
    load: Load
    sessions: int
    sent: int
    """pictures sent on this connection"""
    unacked: int

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        data: dict[str, JsonValue] = handler(self)
        figures = data.pop("session")
        assert isinstance(figures, dict)
        return {**figures, **data}


class SongNews(Message):
    """How far an uploaded song is."""

    type: Literal["song"] = "song"
    id: str
    state: SongState
    progress: float
    text: str
    duration: float | None = None
    tempo: float | None = None
    sha256: str | None = None
    """of its file"""
    beats: list[float] | None = None
    bars: list[float] | None = None
    """seconds at which bars begin"""
    sections: list[float] | None = None
    loudness: list[float] | None = None


class ErrorReply(Message):
    """Something was not done."""

    type: Literal["error"] = "error"
    code: str
    message: str
    id: Id = None
    path: str | None = None


class Bye(Message):
    """The last message before the server closes."""

    type: Literal["bye"] = "bye"
    code: str
    message: str


ServerMessage = (
    Hello
    | Ready
    | ClockReply
    | ConfigReply
    | SourceReply
    | RecordReply
    | Heard
    | Stats
    | SongNews
    | ErrorReply
    | Bye
)


def encode(message: ServerMessage) -> str:
    """JSON text; what is not known is left out."""
    return message.model_dump_json(exclude_none=True)
