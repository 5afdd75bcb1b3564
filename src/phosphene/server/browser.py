"""Opening the page, where somebody sits in front of this machine."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser


def has_screen() -> bool:
    """Whether a browser would appear on a screen here."""
    if "SSH_CONNECTION" in os.environ:
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(link: str) -> None:
    """Open ``link`` in the browser; without a screen do nothing."""
    if has_screen():
        # some browsers keep the caller waiting until they are closed
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()
