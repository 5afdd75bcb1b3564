"""A song to begin with, composed by the program itself: `python -m phosphene.server.demo OUT.wav`."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from phosphene.audio.compose import compose, write_wav
from phosphene.server.refusal import Refusal

SECONDS = 60.0
SEED = 3
COMPOSING_SECONDS = 120.0
"""after which it is given up"""


class DemoSong:
    """Composed once, when it is first asked for, in a process of its own: a show may be running."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._wav: bytes | None = None

    async def wav(self) -> bytes:
        """The song as a wav file. Raises :class:`Refusal`."""
        async with self._one:
            if self._wav is None:
                self._wav = await _compose()
        return self._wav


async def _compose() -> bytes:
    with tempfile.TemporaryDirectory(prefix="phosphene-demo-") as folder:
        path = Path(folder) / "demo.wav"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "phosphene.server.demo", str(path)),
            stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            # Ctrl-C is for the server, which ends the process itself
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(COMPOSING_SECONDS):
                done = await process.wait() == 0
        except TimeoutError:
            done = False
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if not done:
            raise Refusal("demo", "the demo song could not be composed.", 500)
        return await asyncio.to_thread(path.read_bytes)


if __name__ == "__main__":
    write_wav(sys.argv[1], *compose(SECONDS, seed=SEED))
