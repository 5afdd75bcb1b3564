"""The kernels draw what their plain torch does; see ``parity.py``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import torch


def test_every_kernel_equals_its_reference() -> None:
    # Triton must be told before it is first imported, and here it may have been
    own = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    checks = Path(__file__).with_name("parity.py")
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", str(checks)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | own
    )
    assert done.returncode == 0, done.stdout[-4000:]
    found = re.search(r"(\d+) passed", done.stdout)
    assert found is not None and int(found[1]) >= 50
