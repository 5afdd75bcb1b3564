"""The page, the bare page for OBS, and the list of routes."""

from __future__ import annotations

import html
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from phosphene.errors import InputError

PAGE = Path(__file__).parent / "page"
NO_CACHE = {"cache-control": "no-cache"}


def check_page() -> None:
    """Raise :class:`InputError` when the page was not built."""
    if not (PAGE / "index.html").is_file():
        raise InputError("the page is not built: run `make page`, or install a release.")


class Assets(StaticFiles):
    """Files with a digest in their name: they never change."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """The file, to be kept for a year."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def page_routes(app: FastAPI) -> APIRouter:
    """The routes /, /view and /docs."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def index() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers=NO_CACHE)

    @router.get("/view")
    async def view() -> FileResponse:
        return FileResponse(PAGE / "view.html", headers=NO_CACHE)

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return HTMLResponse(routes_page(app))

    return router


def routes_page(app: FastAPI) -> str:
    """The OpenAPI document as a plain page: it needs no script from elsewhere."""
    rows = []
    for path, methods in app.openapi()["paths"].items():
        for method, route in methods.items():
            takes = ", ".join(one["name"] for one in route.get("parameters", []))
            text = route.get("description", route.get("summary", ""))
            cells = (f"{method.upper()} {path}", takes, text)
            rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        "<!doctype html><meta charset=utf-8><title>phosphene: routes</title><style>body{font:15px/1.5"
        " system-ui;margin:2rem;max-width:70rem;color-scheme:light dark}td{padding:.3rem 1rem .3rem"
        " 0;vertical-align:top}td:first-child{font-family:monospace;white-space:nowrap}</style>"
        f"<h1>Routes</h1><table>{table}</table><p>Machine-readable: <a href=openapi.json>openapi.json"
        "</a>. The websocket at /ws is described in docs/protocol.md."
    )
