"""Libraries are kept quiet before any of them is imported: nothing phones home, no product takes every core,
memory that every frame uses is not given back in between.

`import phosphene` does it, so no code here can be earlier. Each library reads its variable when it is
imported (ONNX Runtime starts its reporting then, so that its own call comes too late). Who has set one of
them has decided, and is left alone; processes started from here take them over.
"""

from __future__ import annotations

import ctypes
import os
import sys

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    # diffusers, transformers and peft report through huggingface_hub
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    # it has no other switch, and reports unless it takes itself for tested
    "NNCF_CI": "1",
    # what others have agreed on
    "DO_NOT_TRACK": "1",
}
"""variable -> value that switches a library's statistics off"""

THREADS = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy's products are of a hundred rows here: half a millisecond on one core. On several, they wait for each
other beside whatever else runs: 178 ms were measured on two busy cores, in every frame of a wide picture"""


KEPT = {"MALLOC_MMAP_THRESHOLD_": (-3, 16 << 20), "MALLOC_TRIM_THRESHOLD_": (-1, 64 << 20)}
"""glibc's variable -> number in malloc.h, bytes. A picture's arrays are as large as what malloc gives back to
the system with every free by default: each was made of new pages, a thousand page faults a drawn guide and a
third of its time"""


def quieten() -> None:
    """Set every variable that is not set yet, and have memory kept that is used in every frame."""
    for name, value in (SWITCHES | THREADS).items():
        os.environ.setdefault(name, value)
    if sys.platform == "linux" and os.environ.keys().isdisjoint(KEPT):
        # other C libraries have no such call, and musl's malloc no such habit
        library = ctypes.CDLL(None)
        for parameter, size in KEPT.values() if hasattr(library, "mallopt") else ():
            library.mallopt(parameter, size)
