"""Speed on a GPU, in pieces of less than ten minutes: JSON, and a markdown table of it.

    python benchmarks/gpu.py --list
    python benchmarks/gpu.py --piece sd-turbo-i2i --out gpu.json      one piece; rows that are there are kept
    python benchmarks/gpu.py --all --out gpu.json                     all pieces that still lack rows
    python benchmarks/gpu.py --table --out gpu.json                   the table of what was measured
    python benchmarks/gpu.py --all --toy --device cpu                 every line of code, in networks of toys

Real architectures with random weights: how fast a network runs does not depend on the values of its weights,
and pictures of random weights show nothing. Rivals run in the same process, on the same card and weights.
Every row is written as soon as it is measured; a piece that nears ``--budget`` seconds stops, and goes on
where it stopped when it is called again. See docs/gpu.md for the packages it needs.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from gpu import builtin, kernels, race
from gpu.measuring import Ceilings, Room, Row, ceilings, clean

Lines = Iterator[tuple[str, Callable[[], Row]]]
Piece = Callable[[Room, Ceilings], Lines]

PIECES: dict[str, Piece] = {
    "kernels": kernels.rows,
    "built-in-256": lambda room, top: builtin.rows(256, room, top),
    "built-in-512": lambda room, top: builtin.rows(512, room, top),
    **{
        name: lambda room, top, name=name: race.rows(name, room, top)  # type: ignore[misc]
        for name in race.COURSES
    },
    "sessions": lambda room, _: builtin.session_rows(room),
}
ROW_ALLOWANCE = 150.0
"""seconds that a row may take at the worst, compiling included; none is begun with less left"""


def main() -> None:
    args = arguments()
    if args.list:
        print("\n".join(PIECES))
        return
    told: dict[str, Any] = json.loads(args.out.read_text()) if args.out.is_file() else {}
    if not args.table:
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
        with tempfile.TemporaryDirectory() as temporary:
            measure(args, told, Path(temporary))
    print(table(told))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--piece", choices=list(PIECES))
    what.add_argument("--all", action="store_true")
    what.add_argument("--list", action="store_true")
    what.add_argument("--table", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true", help="tiny networks and pictures")
    parser.add_argument("--trees", type=Path, help="keep the random checkpoints here (up to 12 GB)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of measuring for each row")
    parser.add_argument("--budget", type=float, default=520.0, help="seconds for this call")
    return parser.parse_args()


def measure(args: argparse.Namespace, told: dict[str, Any], temporary: Path) -> None:
    """Fill in what is missing, and write it down row by row."""
    end = time.monotonic() + args.budget
    room = Room(torch.device(args.device), args.toy, args.trees or temporary, args.seconds)
    top = ceilings(room)
    told["ceilings"] = vars(top)
    told["machine"] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "toy": args.toy,
    }
    for name in PIECES if args.all else [args.piece]:
        done = told.setdefault("pieces", {}).setdefault(name, {})
        for label, run in PIECES[name](room, top):
            if label in done:
                continue
            if time.monotonic() + (0.0 if room.toy else ROW_ALLOWANCE) > end:
                print(f"the budget is spent: call again for the rest of {name}.", file=sys.stderr)
                return
            clean(room)
            began = time.monotonic()
            done[label] = attempt(label, run).told()
            print(f"{name}: {label}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            args.out.write_text(json.dumps(told, indent=1))


def attempt(label: str, run: Callable[[], Row]) -> Row:
    """A row, or why there is none: one that fails must not cost the others."""
    try:
        with torch.inference_mode():
            return run()
    except Exception as error:
        lines = str(error).strip().splitlines()
        reason = f"{type(error).__name__}: {lines[0][:160] if lines else ''}"
        return Row(label, reason=reason)


def table(told: dict[str, Any]) -> str:
    """Markdown of everything measured."""
    top = told.get("ceilings")
    lines = []
    if top:
        toy = " Toy networks: the figures mean nothing." if told["machine"]["toy"] else ""
        lines.append(
            f"{top['name']}, torch {told['machine']['torch']}: {top['matmul_tflops']:.3g} TFLOP/s in a matrix"
            f" product, {top['copy_gb_s']:.3g} GB/s in a copy, measured.{toy}"
        )
    for piece, rows in told.get("pieces", {}).items():
        lines += ["", f"**{piece}**", "", "| row | fps | p50 ms | p95 | p99 | MB | floor ms | |"]
        lines.append("|---|---|---|---|---|---|---|---|")
        lines += [_line(row) for row in rows.values()]
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    def number(key: str, form: str) -> str:
        value = row[key]
        return "" if value is None else format(value, form)

    if row["reason"]:
        return f"| {row['name']} | | | | | | | not runnable: {row['reason']} |"
    cells = [number("fps", ".1f"), *(number(key, ".3g") for key in ("p50", "p95", "p99"))]
    cells += [number("memory_mb", ".0f"), number("floor_ms", ".3g"), row["note"]]
    return f"| {row['name']} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
