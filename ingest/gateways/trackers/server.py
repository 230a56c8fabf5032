"""Serves the tracker gateway over HTTP, without TLS: a proxy before it has that. Only this module imports uvicorn."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

MAX_CONNECTIONS: Final = 2_000
"""More are answered 503. Phones keep a connection for some seconds."""
MAX_HEAD_BYTES: Final = 16_384
"""Of request line and headers: the query is in them."""
_IDLE_S: Final = 15
_DRAIN_S: Final = 5
"""For requests in flight when the gateway stops."""


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: Any, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Closes the listener."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # the query holds keys
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=_DRAIN_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(_stop(server, stop), name="trackers: stop")
        await server.serve(sockets=[listener])
        stopping.cancel()


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Bind here: uvicorn ends the whole process where it cannot. Raises OSError."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
