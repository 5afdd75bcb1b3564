"""Uploaded songs: received into a temporary file, heard in a process of their own, deleted."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import logging
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from starlette.requests import ClientDisconnect

from phosphene.audio.types import AudioFeatures, FloatArray
from phosphene.errors import InputError
from phosphene.server.hearing.archive import DAMAGED, load_features
from phosphene.server.limits import MB, Limits
from phosphene.server.protocol import SongNews, SongState
from phosphene.server.refusal import Refusal
from phosphene.server.session_handle import SOUND, SessionHandle, Song
from phosphene.server.tally import Tally

log = logging.getLogger(__name__)
IDLE_SECONDS = 30.0
"""for which an upload may send nothing"""
SLOWEST = 10_000.0
"""bytes a second that an upload keeps up after that: an hour for a song of 36 MB"""
HEARING_SECONDS = 300.0
"""after which an analysis is given up"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""one each for hearing: the other cores are the show's"""
DRAIN_SECONDS = 10.0
"""for which the rest of a refused upload is taken"""
STEP = 0.02
"""of progress between two messages while a song is received"""
BARS = 200


def ready_news(song: str, features: AudioFeatures, sha256: str = "") -> SongNews:
    """Length, tempo, beats, sections and the outline of the loudness."""
    minutes, seconds = divmod(round(features.duration), 60)
    tempo = f"{features.tempo:.1f} BPM" if features.tempo > 0 else "no steady beat"
    return SongNews(
        id=song,
        state="ready",
        progress=1.0,
        text=f"{minutes}:{seconds:02d}, {tempo}",
        duration=features.duration,
        tempo=features.tempo,
        sha256=sha256 or None,
        bars=[round(float(time), 4) for time in features.downbeat_times],
        beats=[round(float(time), 3) for time in features.beat_times],
        sections=[round(features.time_of(int(frame)), 3) for frame in features.section_frames],
        loudness=outline(features.energy, BARS),
    )


def outline(energy: FloatArray, bars: int) -> list[float]:
    """(bars,) the loudest moment of each of ``bars`` equal stretches, 0..1."""
    edges = np.linspace(0, len(energy), bars + 1).astype(int)
    peaks = [energy[a : max(a + 1, b)].max() for a, b in itertools.pairwise(edges)]
    return [round(float(peak), 3) for peak in peaks]


async def drain(body: AsyncIterator[bytes]) -> None:
    """Take the rest of a refused upload: who is still sending does not hear the answer."""
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in body:
                pass


class SongDesk:
    """Takes songs in and has them heard, one at a time, at low priority."""

    def __init__(self, limits: Limits, tally: Tally, keep_sound: bool = False) -> None:
        """``keep_sound``: as samples for exits, as long as the session has the song."""
        self._limits = limits
        self._keep_sound = keep_sound
        self._tally = tally
        self._one = asyncio.Lock()

    async def receive(
        self,
        handle: SessionHandle,
        body: AsyncIterator[bytes],
        length: int | None,
        name: str | None = None,
    ) -> str:
        """Receive a song of ``length`` bytes, if that is known; its id, once all of it is here.

        It is heard afterwards; the performer is told how far it is. Raises :class:`Refusal`.
        """
        most = self._limits.upload_bytes
        if length is not None and length > most:
            raise Refusal("size", f"a song has at most {most // MB} MB: send it as MP3.", 413)
        if len(handle.songs) >= self._limits.songs and not _make_room(handle):
            raise Refusal("songs", f"a session holds at most {self._limits.songs} songs.", 409)
        song = secrets.token_urlsafe(6)
        handle.songs[song] = Song(_news(song, "receiving", 0.0, "receiving"), name=name)
        handle.tell(handle.songs[song].news)
        # the name is made here: nothing that a client says becomes part of a path
        try:
            folder = tempfile.TemporaryDirectory(
                prefix="phosphene-song-", ignore_cleanup_errors=True
            )
        except OSError as error:
            self._fail(handle, song, _unstored(error))
            raise Refusal("disk", _unstored(error), 507) from error
        try:
            await self._store(handle, song, Path(folder.name) / "song", body, length)
        except BaseException as error:
            folder.cleanup()
            text = str(error) if isinstance(error, Refusal) else "the upload broke off."
            self._fail(handle, song, text)
            raise
        task = asyncio.create_task(self._hear(handle, song, folder))
        handle.hearing.add(task)
        task.add_done_callback(handle.hearing.discard)
        return song

    async def _store(
        self,
        handle: SessionHandle,
        song: str,
        path: Path,
        body: AsyncIterator[bytes],
        length: int | None,
    ) -> None:
        received, told, digest = 0, 0.0, hashlib.sha256()
        began = time.monotonic()
        try:
            file = path.open("wb")
        except OSError as error:
            raise Refusal("disk", _unstored(error), 507) from error
        with file:
            chunks = aiter(body)
            while True:
                try:
                    async with asyncio.timeout(IDLE_SECONDS):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    break
                except TimeoutError:
                    raise Refusal("upload", "the upload stopped coming.", 408) from None
                if handle.over:
                    raise Refusal("unknown", "the session has ended.", 404)
                received += len(chunk)
                digest.update(chunk)
                if time.monotonic() - began > IDLE_SECONDS + received / SLOWEST:
                    raise Refusal("upload", "the upload comes too slowly.", 408)
                if received > self._limits.upload_bytes:
                    most = self._limits.upload_bytes // MB
                    raise Refusal("size", f"a song has at most {most} MB: send it as MP3.", 413)
                try:
                    file.write(chunk)
                except OSError as error:
                    raise Refusal("disk", _unstored(error), 507) from error
                if length and received / length - told >= STEP:
                    told = received / length
                    handle.tell(_news(song, "receiving", told, "receiving"))
        if received == 0:
            raise Refusal("upload", "the song is empty: send the file as the body.")
        if song in handle.songs:
            handle.songs[song].sha256 = digest.hexdigest()

    async def _hear(
        self, handle: SessionHandle, song: str, folder: tempfile.TemporaryDirectory[str]
    ) -> None:
        path = Path(folder.name) / "song"
        try:
            handle.tell(_news(song, "analysing", 0.0, "waiting for another song"))
            async with self._one:
                features = await self._listen(handle, song, path)
            if song in handle.songs:
                if self._keep_sound:
                    handle.songs[song].folder = folder
                    path.unlink()
                handle.songs[song].features = features
                handle.tell(ready_news(song, features, handle.songs[song].sha256))
                if handle.told is not None:
                    await handle.lay()
                self._tally.songs.labels("ready").inc()
                log.info("heard a song of %.0f s, %.1f BPM", features.duration, features.tempo)
        except InputError as error:
            self._fail(handle, song, str(error))
        except Exception as error:
            # no process, no descriptor, no room: not the song's fault, and nobody else's trouble
            log.error("a song was not heard: %s: %s", type(error).__name__, error)
            self._fail(handle, song, "the server could not hear the song: its log says why.")
        finally:
            if song not in handle.songs or handle.songs[song].folder is not folder:
                folder.cleanup()

    async def _listen(self, handle: SessionHandle, song: str, path: Path) -> AudioFeatures:
        """Have the song heard by `python -m phosphene.server.hearing`; read how far that is."""
        config = handle.session.config.audio
        out = path.with_suffix(".npz")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "phosphene.server.hearing", str(path), str(out)),
            *(f"{self._limits.song_seconds:g}", config.model_dump_json()),
            *([str(path.with_name(SOUND))] if self._keep_sound else []),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
            # Ctrl-C is for the server, which ends the process itself
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(HEARING_SECONDS):
                assert process.stdout is not None
                async for line in process.stdout:
                    told = json.loads(line)
                    if "failed" in told:
                        if "because" in told:
                            log.warning("a song could not be heard: %s", told["because"])
                        raise InputError(told["failed"])
                    handle.tell(_news(song, "analysing", told["progress"], "listening"))
                if await process.wait() != 0:
                    raise InputError(DAMAGED)
            return await asyncio.to_thread(load_features, out)
        except TimeoutError:
            raise InputError("hearing the song took too long.") from None
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _fail(self, handle: SessionHandle, song: str, text: str) -> None:
        self._tally.songs.labels("failed").inc()
        handle.tell(_news(song, "failed", 0.0, text))
        # it takes no place; the news is told already
        handle.songs.pop(song, None)


def _make_room(handle: SessionHandle) -> bool:
    """Forget the song that was heard first and is not played; a set may be longer than the limit."""
    for song, held in handle.songs.items():
        if held.features is not None and song != handle.source.song:
            handle.songs.pop(song).forget()
            return True
    return False


def _unstored(error: OSError) -> str:
    return f"the server cannot store the song ({error.strerror})."


def _news(song: str, state: SongState, progress: float, text: str) -> SongNews:
    return SongNews(id=song, state=state, progress=round(progress, 3), text=text)
