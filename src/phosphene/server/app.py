"""The web application: all routes around one stage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

import phosphene
from phosphene.server.app_state import AppState
from phosphene.server.metrics import SessionMetrics
from phosphene.server.mjpeg import mjpeg_routes
from phosphene.server.pages import PAGE, Assets, page_routes
from phosphene.server.refusal import Refusal
from phosphene.server.report import reporting
from phosphene.server.rest import rest_routes
from phosphene.server.security import Guard, GuardMiddleware
from phosphene.server.socket import socket_routes


def create_app(app_state: AppState, guard: Guard) -> FastAPI:
    """The application; its lifespan ends all sessions."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await app_state.open()
        async with reporting(app_state):
            yield
        await app_state.close()

    app = FastAPI(
        title="phosphene",
        version=phosphene.__version__,
        description="Live diffusion pictures from music. The websocket is in docs/protocol.md.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # these redirects name the host as the server knows it, and lose what a proxy put in front
        redirect_slashes=False,
    )
    app.add_middleware(GuardMiddleware, guard=guard)
    app.include_router(socket_routes(app_state))
    app.include_router(rest_routes(app_state))
    app.include_router(mjpeg_routes(app_state))
    app.include_router(page_routes(app))
    app.mount("/assets", Assets(directory=PAGE / "assets", check_dir=False))
    app_state.tally.registry.register(SessionMetrics(app_state))

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        content = {"code": refusal.code, "message": str(refusal)}
        return JSONResponse(content, refusal.status)

    return app
