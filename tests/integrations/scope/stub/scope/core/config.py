"""Where the host keeps models."""

import os
from pathlib import Path


def get_models_dir():
    return Path(
        os.environ.get("DAYDREAM_SCOPE_MODELS_DIR", "~/.daydream-scope/models")
    ).expanduser()
