"""The application: routes, guards, problems and the live feed, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from api.console import pages as console
from api.http import openapi, problems
from api.http.guard import BodyLimit
from api.http.headers import AnswerHeaders, HeadAnswers
from api.operations import health
from api.operations.health import NotReady
from api.ports import ApiOptions, ApiParts
from api.resources import alerts, commands, devices, geo, places, tracks, trucks
from api.resources import ledger as intake
from api.resources.stream import AlertFeed

_DESCRIPTION: Final = """\
Telemetry of waste trucks, weighbridges, recycling points and sorting lines, and the alerts it raises.

**Times** are integers in JSON: milliseconds since 1970 UTC. `ts`, `opened_at`, `confirmed_at`, `closed_at`,
`outcome_at` and `at` of a change are device time; `recorded_at`, `acknowledged_at`, `handled_at`, `received_at`,
`issued_at`, `expires_at`, `sent_at` and `at` of an action are the server's clock. Parameters take the same integers or
RFC 3339 with an offset (`2026-03-01T08:00:00Z`).

**Places** are WGS-84; GeoJSON order is [lon, lat]. `sites`, `routes`, `corridors`, `trucks` and `tracks` are whole map
layers: they come in one piece, with an `ETag`, and `If-None-Match` is answered by 304 while nothing has changed.

**Lists** come in pages: while `next_cursor` is not null, ask again with `cursor` set to it and every other parameter
unchanged. Nothing is lost or repeated between pages.

**Errors** are RFC 9457 problem JSON; `type` names the kind and does not change, `detail` says what to do.

**Tokens**: writing needs `Authorization: Bearer <token>`; reading needs one only where the server says so.
The token says that a client may write; `actor` in the body says for whom it does.
"""
_TAGS: Final = [
    {"name": "devices", "description": "Registered terminals and their stored readings"},
    {"name": "commands", "description": "What devices were told to do, by whom, and what they answered"},
    {"name": "map", "description": "The city, its sites, routes and corridors, and its trucks, as GeoJSON"},
    {"name": "alerts", "description": "What judgement found, why, and what people did about it"},
    {"name": "intake", "description": "What became of every reading received"},
    {"name": "health", "description": "For machines that watch this process"},
]


def create_app(parts: ApiParts, options: ApiOptions) -> FastAPI:
    """The ASGI application. It owns no connection; its only task, the live feed, runs in its lifespan.

    `app.state.feed.close()` ends the open streams, which a server must do before it waits for connections to close
    (`api.http.server.serve` does).
    """
    feed = AlertFeed(parts.journal, max_streams=options.max_streams, heartbeat_s=options.heartbeat_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed.run(), name="alert feed")
            yield
            await feed.close()

    app = FastAPI(
        title="Haulwatch",
        summary="Waste haulage, watched",
        description=_DESCRIPTION,
        version=options.version,
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.parts = parts
    app.state.options = options
    app.state.feed = feed
    app.state.readiness = health.Memory()
    problems.install(app)
    for module in (tracks, trucks, devices, commands, places, alerts, intake):
        app.include_router(module.router, prefix="/api/v1")
    app.include_router(geo.router)
    app.include_router(health.router)
    app.include_router(console.router)
    app.add_middleware(BodyLimit, max_bytes=options.max_body_bytes)
    if options.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=options.origins,
            allow_methods=["GET"],
            allow_headers=["Authorization", "If-None-Match"],
            expose_headers=["ETag"],
        )
    app.add_middleware(AnswerHeaders)
    app.add_middleware(HeadAnswers)
    app.openapi = lambda: openapi.document(app, NotReady)  # type: ignore[method-assign]
    return app
