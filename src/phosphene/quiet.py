"""Nothing phones home: the libraries' usage statistics are off before any of them is imported.

`import phosphene` does it, so no code here can be earlier. Each library reads its variable when it is
imported (ONNX Runtime starts its reporting then, so that its own call comes too late). Who has set one of
them has decided, and is left alone; processes started from here take them over.
"""

from __future__ import annotations

import os

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    # diffusers, transformers and peft report through huggingface_hub
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    # what others have agreed on
    "DO_NOT_TRACK": "1",
}
"""variable -> value that switches a library's statistics off"""


def switch_off_statistics() -> None:
    """Set every switch that is not set yet."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
