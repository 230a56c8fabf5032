"""The HTTP server: uvicorn, until `stop` is set."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import uvicorn
from fastapi import FastAPI

from api.http.connections import BACKLOG, LIMITS, ConnectionLimits, Connections

DRAIN_S: Final = 5
"""Time that requests in flight get to finish when the server stops."""


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process and reports when it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: asyncio.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: FastAPI,
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    ready: asyncio.Event | None = None,
    limits: ConnectionLimits = LIMITS,
) -> None:
    """Serve until `stop` is set. Then live streams are closed, and requests in flight get DRAIN_S to finish.

    `ready` is set once the port accepts connections. Installs no signal handlers and no logging.

    Raises OSError if the address cannot be bound.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=cast("Any", Connections(limits).create),  # uvicorn only calls it; its type asks for a class
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=DRAIN_S,
    )
    # Bound here, because uvicorn exits the whole process when it cannot bind an address.
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    server = _Server(config, ready or asyncio.Event())
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(sockets=[listener]), name="http server")
        stopping = tasks.create_task(_stop_server(app, server, stop), name="http server stop")
        await serving
        stopping.cancel()


async def _stop_server(app: FastAPI, server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    await app.state.feed.close()
    server.should_exit = True
