"""The smallest useful client of a live server: dreams, changes the prompt, saves the last picture.

    phosphene live --no-browser
    python examples/live_client.py ws://127.0.0.1:8000/ws PICTURE.jpg

docs/protocol.md explains the messages. A server that demands a token takes it as ?token=... here.
"""

import asyncio
import json
import struct
import sys
import time
from pathlib import Path

from websockets.asyncio.client import connect

HEADER = struct.Struct("<BBHIdd")  # version, kind, reserved, sequence, captured, value
PICTURE_OUT = 3
PICTURES = 60


def now() -> float:
    """Milliseconds on this client's clock, which the server tells ages in."""
    return time.monotonic() * 1e3


async def main(address: str, out: Path) -> None:
    async with connect(address) as server:
        await server.send(json.dumps({"type": "clock", "t": now()}))
        await server.send(json.dumps({"type": "preset", "name": "Neon tunnel"}))
        values = {"prompt.base_prompt": "emerald tunnel", "camera.zoom": 2.0}
        await server.send(json.dumps({"type": "set", "values": values, "id": 1}))
        received = 0
        async for message in server:
            if isinstance(message, str):
                told = json.loads(message)
                if told["type"] in ("hello", "error", "bye"):
                    print(told["type"], told.get("session", told.get("message")))
                continue
            _, kind, _, sequence, captured, _ = HEADER.unpack_from(message)
            if kind != PICTURE_OUT:
                continue
            # at once, before the picture is decoded: the server waits for it
            await server.send(json.dumps({"type": "ack", "sequence": sequence}))
            received += 1
            if received == PICTURES:
                out.write_bytes(message[HEADER.size :])
                print(f"{received} pictures, the last {now() - captured:.0f} ms old: {out}")
                return


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
