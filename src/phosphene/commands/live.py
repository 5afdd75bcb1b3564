"""`phosphene live`: pictures in the browser while the music plays."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from phosphene.commands.form import Commands, command
from phosphene.commands.settings import add_settings, read_settings
from phosphene.errors import InputError

if TYPE_CHECKING:
    from phosphene.server.companion import Companion

DEFAULT_DEVICE = ""
NAME = "phosphene"
"""that other programs see"""


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "live",
        "Pictures while the music plays: a page in the browser, and streams for other programs.",
        "  phosphene live                                  opens http://127.0.0.1:8000/\n"
        "  phosphene live --host 0.0.0.0                   for other machines; prints a link with a token\n"
        "  phosphene live --soundcard --record show.mp4    plays to the sound card's input, and records\n"
        "  phosphene live --osc --osc-out 127.0.0.1:9001   knobs by OSC; tells what it hears\n"
        "  phosphene live --link --midi-clock-out IAC      on Link; gives MIDI clock to others\n"
        "  phosphene live --ndi --size 1920x1080           a picture for OBS, Resolume, TouchDesigner\n"
        "  phosphene live --rtmp rtmp://a.rtmp.example/live/KEY --size 1280x720\n",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="H", help="address to listen on (default 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port (default 8000; 0: any free one)"
    )
    parser.add_argument(
        "--token",
        metavar="T",
        help="demand this token; other hosts than this one always demand one",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name this server goes by, behind a proxy or tunnel",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument(
        "--max-sessions", type=int, default=4, metavar="N", help="performing at once (default 4)"
    )
    parser.add_argument(
        "--cluster",
        metavar="C",
        help="let the machines of a Ray cluster draw: local, ray://HOST:PORT, HOST:PORT or auto",
    )
    group = parser.add_argument_group("exits and inputs of this machine")
    group.add_argument(
        "--record",
        metavar="OUT",
        help="OUT.mp4: record the pictures; OUT.score: write the show down, to be drawn"
        " again by `phosphene render --score`",
    )
    group.add_argument(
        "--record-video",
        action="store_true",
        help="with --record OUT.score: keep what a camera sees, too (OUT.score.mkv), so that the show can be"
        " drawn over it again",
    )
    group.add_argument("--overwrite", action="store_true", help="replace an existing recording")
    group.add_argument("--rtmp", metavar="URL", help="stream to a service")
    group.add_argument(
        "--virtual-camera", action="store_true", help="be a camera for other programs"
    )
    group.add_argument(
        "--soundcard",
        nargs="?",
        const=DEFAULT_DEVICE,
        metavar="DEVICE",
        help="let sessions hear this machine's sound input (default: the system's)",
    )
    chain = parser.add_argument_group(
        "other programs on stage",
        "off until asked for, and on this machine alone unless told otherwise",
    )
    chain.add_argument(
        "--osc",
        nargs="?",
        const="",
        metavar="[HOST:]PORT",
        help="take OSC from controllers (default 127.0.0.1:9000; 0.0.0.0:9000 for other machines, which"
        " then need no token), and list every address there by OSCQuery",
    )
    chain.add_argument(
        "--osc-out",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="tell what is heard, and every value that changes, by OSC; may be given several times",
    )
    chain.add_argument(
        "--osc-rate",
        type=float,
        default=30.0,
        metavar="N",
        help="so many times a second (default 30)",
    )
    for flag, where in (
        ("--ndi", "the local network"),
        ("--spout", "other programs on Windows"),
        ("--syphon", "other programs on a Mac"),
    ):
        chain.add_argument(
            flag, nargs="?", const=NAME, metavar="NAME", help=f"give the picture to {where}"
        )
    chain.add_argument(
        "--see",
        metavar="WHERE",
        help="let sessions paint over ndi:NAME, camera, camera:1, rtsp://..., srt://... or another stream",
    )
    chain.add_argument("--whip", metavar="URL", help="stream by WebRTC to a media server")
    chain.add_argument("--whip-token", metavar="T", help="what that server demands")
    chain.add_argument(
        "--link",
        nargs="?",
        const="follow",
        choices=("follow", "lead"),
        help="be on Ableton Link: follow its tempo, beats, bars, start and stop (default), or lead it",
    )
    chain.add_argument(
        "--midi-in",
        nargs="?",
        const="",
        metavar="PORT",
        help="follow a MIDI port's clock and transport, and take its knobs and pads for routes; a part of"
        " its name, or `virtual` for a port of our own",
    )
    chain.add_argument(
        "--midi-clock-out", nargs="?", const="", metavar="PORT", help="send the beat as MIDI clock"
    )
    group.add_argument(
        "--with-sound",
        action="store_true",
        help="give the sound of the show to --ndi, --whip, --rtmp and --record OUT.mp4, too",
    )
    add_settings(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    import logging
    from dataclasses import fields

    from phosphene.config import PipelineConfig
    from phosphene.server.live import LiveOptions, live
    from phosphene.show.settings import parse_size
    from phosphene.show.sinks.choose import ExitOptions

    if not 0 <= args.port <= 65535:
        raise InputError(f"--port must be 0 to 65535, not {args.port}.")
    if args.max_sessions < 1:
        raise InputError(f"--max-sessions must be at least 1, not {args.max_sessions}.")
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = read_settings(args)
    if args.fps is not None:
        config = PipelineConfig.from_dict({"live": {"fps": args.fps}}, base=config)
    # every exit has a flag of its name
    exits = ExitOptions(**{each.name: getattr(args, each.name) for each in fields(ExitOptions)})
    options = LiveOptions(
        host=args.host,
        port=args.port,
        token=args.token,
        allow_hosts=tuple(args.allow_host),
        max_sessions=args.max_sessions,
        browser=not args.no_browser,
        soundcard=args.soundcard is not None,
        device=args.soundcard or None,
        see=args.see,
        size=parse_size(args.size) if args.size else None,
        exits=exits,
        companions=_companions(args),
        cluster=args.cluster,
    )
    live(config, options)
    return 0


def _companions(args: argparse.Namespace) -> list[Companion]:
    """Other programs that the command line asks for; their ports are taken now."""
    from phosphene.show.settings import parse_place

    found: list[Companion] = []
    if args.osc is not None or args.osc_out:
        from phosphene.integrations.osc.companion import PORT, Osc

        listen = None if args.osc is None else parse_place(args.osc or str(PORT), port=PORT)
        tell = [parse_place(place, port=None) for place in args.osc_out]
        found.append(Osc(listen, tell, args.osc_rate))
    if args.link is not None:
        from phosphene.integrations.link import LinkCompanion

        found.append(LinkCompanion(args.link))
    if args.midi_in is not None or args.midi_clock_out is not None:
        from phosphene.integrations.midi import MidiClockOut, MidiIn

        if args.midi_in is not None:
            found.append(MidiIn(args.midi_in or None))
        if args.midi_clock_out is not None:
            found.append(MidiClockOut(args.midi_clock_out or None))
    return found
