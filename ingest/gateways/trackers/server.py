"""Serves the tracker gateway over HTTP, without TLS: a proxy before it has that. Only this module imports uvicorn."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS: Final = 2_000
"""More are answered 503. Phones keep a connection for some seconds."""
MAX_HEAD_BYTES: Final = 16_384
"""Of request line and headers: the query is in them."""
_IDLE_S: Final = 15
HEAD_S: Final = 20.0
"""A connection that brings no whole head of a request for so long is closed: else slow ones take every place."""
_DRAIN_S: Final = 5
"""For requests in flight when the gateway stops."""


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Connection(H11Protocol):
    """A connection of uvicorn, which sets no bound to the time for a head, nor for a body after its answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._last_cycle = self.cycle
        self._check = self.loop.call_later(HEAD_S, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._check.cancel()
        super().connection_lost(exc)

    def _close_if_idle(self) -> None:
        cycle, last = self.cycle, self._last_cycle
        if cycle is last and getattr(cycle, "response_complete", True):  # None before the first request
            self.transport.abort()
            return
        self._last_cycle = cycle
        self._check = self.loop.call_later(HEAD_S, self._close_if_idle)


async def serve(app: Any, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Closes the listener."""
    config = uvicorn.Config(
        app,
        http=_Connection,
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
