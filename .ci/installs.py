"""Does the wheel install and work with every Python here, with the newest and the oldest libraries allowed?

    python .ci/installs.py UV WHEEL

In a fresh environment and a fresh home each: two seconds of demo, an analysis of it, doctor, and the page.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parents[1]
MINORS = range(11, 15)
MANAGED = (
    ".pyenv/versions/3.{}*/bin/python",
    ".local/share/uv/python/cpython-3.{}*/bin/python3",
    ".asdf/installs/python/3.{}*/bin/python",
    ".local/share/mise/installs/python/3.{}*/bin/python",
)
"""where version managers keep theirs, under the home folder or PYENV_ROOT"""
RESOLUTIONS = ("highest", "lowest-direct")
SIDE_BY_SIDE = 2
PATIENCE = 240
"""seconds for any one command"""


def pythons() -> dict[str, Path]:
    """One interpreter for each version that is here, those that are no version manager's first."""
    found: dict[str, Path] = {}
    for minor in MINORS:
        home = Path.home()
        places = [Path(p) for p in [shutil.which(f"python3.{minor}")] if p]
        places += [p for pattern in MANAGED for p in sorted(home.glob(pattern.format(minor)))]
        if root := os.environ.get("PYENV_ROOT"):
            places += sorted(Path(root).glob(f"versions/3.{minor}*/bin/python"))
        for place in places:
            # a version manager's shim is on the PATH also where it leads nowhere
            code = "import sys; print(sys.executable, sys.version_info.minor)"
            told = subprocess.run([place, "-c", code], capture_output=True, text=True)
            name, _, version = told.stdout.strip().rpartition(" ")
            if told.returncode == 0 and version == str(minor):
                found[f"3.{minor}"] = Path(name)
                break
    return found


def check(uv: str, wheel: Path, version: str, python: Path, resolution: str, folder: Path) -> str:
    """Install and try; a line about it. Raises RuntimeError with what was printed."""
    began = time.monotonic()
    home, env = folder / "home", folder / "env"
    home.mkdir(parents=True)
    around = dict(os.environ) | {"HOME": str(home), "OMP_NUM_THREADS": "1"}
    around.pop("PYTHONPATH", None)

    def run(*command: object, where: dict[str, str] = around) -> str:
        words = [str(word) for word in command]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=PATIENCE, cwd=folder, env=where
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
        return done.stdout

    # uv keeps its downloads in the real home
    run(uv, "venv", "-q", "-p", python, env, where=dict(os.environ))
    to = ("-p", env / "bin" / "python", "--resolution", resolution, "--only-binary", ":all:")
    # the oldest versions are chosen for what is asked for directly, not for what the wheel asks for
    wanted = ("-r", ROOT / "pyproject.toml", wheel)
    run(uv, "pip", "install", "-q", *to, *wanted, where=dict(os.environ))
    phosphene = env / "bin" / "phosphene"
    run(phosphene, "demo", "--seconds", "2", "--size", "256x256", "-o", "demo.mp4")
    run(phosphene, "analyze", "demo.mp4", "--json", "demo.json")
    heard = json.loads((folder / "demo.json").read_text())
    if not 1.9 < heard["duration"] < 2.2:
        raise RuntimeError(f"the demo's sound lasts {heard['duration']} s")
    run(phosphene, "doctor")
    page(phosphene, folder, around)
    left = [str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()]
    if strange := [name for name in left if not name.startswith(".cache/matplotlib/")]:
        raise RuntimeError(f"files were left in the home folder: {strange}")
    libraries = json.loads(run(uv, "pip", "list", "-p", env / "bin" / "python", "--format", "json"))
    told = {one["name"]: one["version"] for one in libraries}
    some = ", ".join(f"{name} {told[name]}" for name in ("av", "numpy", "onnxruntime", "pillow"))
    return f"Python {version}, {resolution}: {some}; {time.monotonic() - began:.0f} s"


def page(phosphene: Path, folder: Path, around: dict[str, str]) -> None:
    """Ask a server for its page and what it is made of."""
    command = [phosphene, "live", "--port", "0", "--no-browser", "--size", "256x256"]
    log = folder / "live.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder, env=around
        ) as server,
    ):
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line.startswith("ready: "):
                raise RuntimeError(f"live did not get ready: {line}{log.read_text()}")
            link = line.removeprefix("ready: ").strip()
            with urllib.request.urlopen(link, timeout=30) as answer:
                text = answer.read().decode()
            scripts = re.findall(r'src="([^"]+\.js)"', text)
            if not scripts:
                raise RuntimeError(f"this is no page: {text[:200]}")
            for script in scripts:
                urllib.request.urlopen(urljoin(link, script), timeout=30).close()
        finally:
            server.terminate()


def main() -> int:
    """0 when everything works everywhere."""
    # each is tried in a folder of its own, so paths must not hang on this one
    uv, wheel = str(Path(sys.argv[1]).absolute()), Path(sys.argv[2]).resolve()
    found = pythons()
    print("Pythons here: " + ", ".join(f"{v} ({p})" for v, p in found.items()), flush=True)
    missing = [f"3.{minor}" for minor in MINORS if f"3.{minor}" not in found]
    if missing:
        print("not here, so not tried: " + ", ".join(missing), flush=True)
    jobs = [(version, resolution) for version in found for resolution in RESOLUTIONS]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="installs-") as top:

        def one(job: tuple[str, str]) -> str:
            version, resolution = job
            place = Path(top) / f"{version}-{resolution}"
            return check(uv, wheel, version, found[version], resolution, place)

        with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
            pending = [(job, workers.submit(one, job)) for job in jobs]
            for job, result in pending:
                try:
                    print(result.result(), flush=True)
                except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                    failed += 1
                    print(f"Python {' '.join(job)} FAILED\n{error}", flush=True)
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
