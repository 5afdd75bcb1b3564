"""What the server adds to a live picture: from finished in the session to received by a client.

python benchmarks/live_latency.py [--side 256] [--pictures 300] [--watchers 1]

The clients are processes of their own on this machine, so the figures hold encoding, the event loop, the
websocket and the loopback network, and no more. `time.monotonic` is one clock for all processes on Linux.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import threading
import time
from statistics import median, quantiles

from phosphene.config import PipelineConfig
from phosphene.diffusion import LSDPipeline
from phosphene.server.app import create_app
from phosphene.server.app_state import AppState
from phosphene.server.limits import Limits
from phosphene.server.listen import Server, bind, run
from phosphene.server.security import Guard
from phosphene.server.session_registry import SessionRegistry

HEADER = struct.Struct("<BBHIdd")


def client(url: str, count: int) -> None:
    """Receive ``count`` pictures, acknowledge them, print when each came."""
    from websockets.sync.client import connect

    came: dict[int, tuple[float, int]] = {}
    with connect(url, compression=None, max_size=None) as server:
        while len(came) < count:
            message = server.recv()
            now = time.monotonic()
            if isinstance(message, bytes):
                sequence = HEADER.unpack_from(message)[3]
                came[sequence] = now, len(message)
                server.send(json.dumps({"type": "ack", "sequence": sequence}))
    print(json.dumps(came))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--watchers", type=int, default=1)
    parser.add_argument("--client", nargs=2)
    args = parser.parse_args()
    if args.client:
        client(args.client[0], int(args.client[1]))
        return
    config = PipelineConfig.from_dict(
        {"inference": {"width": args.side, "height": args.side}, "live": {"adapt": False}}
    )
    LSDPipeline.suggest(config)
    app_state = AppState(
        SessionRegistry(LSDPipeline(config.diffusion, config.inference), config, Limits()), Limits()
    )
    with bind("127.0.0.1", 0) as listener:
        port, ready = listener.getsockname()[1], threading.Event()
        server = Server(create_app(app_state, Guard(None, port)), app_state, ready.set)
        thread = threading.Thread(target=run, args=(server, listener))
        thread.start()
        ready.wait()
        command = [sys.executable, __file__, "--client"]
        url = f"ws://127.0.0.1:{port}/ws?watch=latest"
        clients = [
            subprocess.Popen([*command, url, str(args.pictures)], stdout=subprocess.PIPE, text=True)
            for _ in range(args.watchers)
        ]
        while app_state.registry.house is None:
            time.sleep(0.01)
        finished: dict[int, float] = {}
        handle = app_state.registry.house
        handle.session.subscribe(
            lambda shown: finished.setdefault(shown.sequence, time.monotonic())
        )
        told = [json.loads(one.communicate()[0]) for one in clients]
        jpeg, stats = handle.channel.meter.ms, handle.session.stats()
        server.should_exit = True
        thread.join()
    added = [
        (at - finished[int(sequence)]) * 1e3
        for came in told
        for sequence, (at, _) in came.items()
        if int(sequence) in finished
    ]
    sizes = [size for came in told for _, size in came.values()]
    cuts = quantiles(added, n=20)
    print(
        f"{args.side}x{args.side}, {args.watchers} watchers, {len(added)} pictures, {stats.fps:.1f} fps:"
        f" added p50 {median(added):.2f} ms, p95 {cuts[18]:.2f} ms;"
        f" jpeg {jpeg:.2f} ms, {median(sizes) / 1e3:.1f} kB"
    )


main()
