"""Nothing phones home and nothing is left in the home folder."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from phosphene.quiet import SWITCHES
from tests.video.footage import even_times, write_clip
from tests.video.media import make_song

SMALL = ("--size", "64x64", "--preset", "fast")
COMMANDS = (
    ("config",),
    ("doctor",),
    ("analyze", "song.wav"),
    ("demo", "--seconds", "1", *SMALL),
    ("render", "song.wav", "-o", "song.mp4", *SMALL),
    ("dream", "--seconds", "0.5", *SMALL),
    ("transform", "clip.mp4", "-o", "drawn.mp4", "--preset", "fast"),
)
SCRIPT = """
import sys
sockets = []
sys.addaudithook(lambda event, args: sockets.append(event) if event.startswith("socket.") else None)
from phosphene.cli import main
for command in COMMANDS:
    assert main(command) == 0, command
assert not sockets, sockets
"""


def test_no_command_opens_a_socket_or_leaves_a_file_at_home(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    make_song(work / "song.wav", 22050, 1, 1.0)
    write_clip(work / "clip.mp4", even_times(5), sound=1)
    around = {k: v for k, v in os.environ.items() if k not in SWITCHES and "CACHE" not in k}
    around |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", f"COMMANDS = {COMMANDS}\n{SCRIPT}"]
    trace = tmp_path / "trace"
    if _can_trace():
        # also what libraries do without Python
        command = ["strace", "-f", "-qq", "-e", "trace=socket", "-o", str(trace), *command]
    done = subprocess.run(command, cwd=work, env=around, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [str(path) for path in home.rglob("*") if path.is_file()] == []
    if trace.exists():
        assert re.findall(r"socket\(AF_INET.*", trace.read_text()) == []


INTEL = """
import sys
sockets = []
sys.addaudithook(lambda event, args: sockets.append(event) if event.startswith("socket.") else None)
from phosphene.diffusion import intel
intel._core()
for name in PACKAGES:
    __import__(name)
assert not sockets, sockets
"""


def test_openvino_reports_nothing_and_leaves_nothing_at_home(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    packages = [name for name in ("openvino", "nncf") if importlib.util.find_spec(name)]
    # where tests are run for a change it keeps still by itself
    known = {"CI", "TF_BUILD", "JENKINS_URL", *SWITCHES}
    around = {k: v for k, v in os.environ.items() if k not in known and "CACHE" not in k}
    around |= {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", f"PACKAGES = {packages}\n{INTEL}"]
    done = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [str(path) for path in tmp_path.rglob("*") if path.is_file()] == []


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    # containers may forbid it
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0


@pytest.mark.parametrize("name", SWITCHES)
def test_who_has_decided_is_left_alone(name: str) -> None:
    code = f"import os, phosphene; print(os.environ[{name!r}])"
    around = {k: v for k, v in os.environ.items() if k not in SWITCHES}
    around["PYTHONPATH"] = os.pathsep.join(sys.path)
    for given, kept in (({}, SWITCHES[name]), ({name: "mine"}, "mine")):
        told = subprocess.run(
            [sys.executable, "-c", code], env=around | given, capture_output=True, text=True
        )
        assert told.stdout.strip() == kept


def test_products_of_numpy_stay_on_one_core_unless_told_otherwise() -> None:
    ask = "import os, phosphene; print(os.environ['OPENBLAS_NUM_THREADS'])"
    for given, wanted in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")):
        around = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"} | given
        told = subprocess.run(
            [sys.executable, "-c", ask], env=around, capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == wanted


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives so much back")
def test_memory_of_every_frame_is_kept_unless_told_otherwise() -> None:
    ask = (
        "import phosphene, resource, numpy as np\n"
        "x = np.ones((192, 336), np.float32)\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(20): y = x - np.floor(x)\n"
        "before = faults()\n"
        "for _ in range(100): y = x - np.floor(x)\n"
        "print(faults() - before)"
    )
    counts = []
    for given in ({}, {"MALLOC_TRIM_THRESHOLD_": "131072"}):
        around = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | given
        told = subprocess.run(
            [sys.executable, "-c", ask], env=around, capture_output=True, text=True, check=True
        )
        counts.append(int(told.stdout))
    assert counts[0] < 20 and counts[1] > 2000
