"""Bounds of the connections to the HTTP server: how many in all and from one address, and how long each may take.

uvicorn has no time-out for a request that never ends and no limit of connections, so a few hundred half-sent requests
took every file descriptor of the process.
"""

import asyncio
import logging
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any, Final, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from api.http.files import LONGEST_S, PATHS
from api.http.problems import ProblemKind, problem_response

_log = logging.getLogger(__name__)

BACKLOG: Final = 100
"""Connections that the kernel holds, and that are accepted in one turn of the event loop: those above a limit are
closed before the next turn, so descriptors for this many are enough beside the limit."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for 0 s (socket(7))."""
_LOG_PAUSE_S: Final = 60.0
_REFUSED: Final = bytes(
    problem_response(
        ProblemKind.UNAVAILABLE, "This server has its maximum of connections open. Try again in 5 s.", ""
    ).body
)
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_REFUSED), _REFUSED)
)


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of the HTTP server's connections, kept-alive ones included."""

    total: int = 512
    per_address: int = 256
    request_s: float = 20.0
    """Time for a request, headers and body, to arrive whole: from the connection, or from the response before it."""
    file_bytes: int = 131_072
    """So much of a file must arrive in each `request_s`, 52 kbit/s; then it may take `file_s`."""
    file_s: float = LONGEST_S + 20.0
    """The route of a file ends at LONGEST_S, with an answer."""
    unread_s: float = 30.0
    """A client that leaves an answer unread must take `unread_bytes` of it within this time, again and again."""
    unread_bytes: int = 262_144


LIMITS: Final = ConnectionLimits()


class Connections:
    """The open connections of one server.

    Beyond a limit, the one that has waited longest for a request is closed for the new one; if all are being answered,
    the new one is refused. So half-sent requests keep nobody out.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._open: dict[BoundedConnection, str] = {}
        """Address by connection, in the order in which they began to wait for a request."""
        self._logged_at = -_LOG_PAUSE_S

    def create(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        """Protocol of a new connection, as `uvicorn.Config(http=…)` asks for it."""
        return BoundedConnection(self, config, server_state, app_state)

    def add(self, connection: "BoundedConnection", address: str) -> bool:
        """Take the connection in. False: it must be refused."""
        same = [one for one, its_address in self._open.items() if its_address == address]
        if len(same) >= self.limits.per_address:
            rivals, limit = same, f"{self.limits.per_address} from one address"
        elif len(self._open) >= self.limits.total:
            rivals, limit = list(self._open), f"{self.limits.total} in all"
        else:
            self._open[connection] = address
            return True
        longest = next((one for one in rivals if one.waits_for_request), None)
        self._report(limit, address, refused=longest is None)
        if longest is None:
            return False
        self.remove(longest)
        longest.transport.abort()
        self._open[connection] = address
        return True

    def remove(self, connection: "BoundedConnection") -> None:
        self._open.pop(connection, None)

    def now_waits(self, connection: "BoundedConnection") -> None:
        """Move it behind those that have waited for longer."""
        if (address := self._open.pop(connection, None)) is not None:
            self._open[connection] = address

    def _report(self, limit: str, address: str, *, refused: bool) -> None:
        if time.monotonic() - self._logged_at < _LOG_PAUSE_S:
            return
        self._logged_at = time.monotonic()
        done = "new ones are refused" if refused else "those that wait for a request are closed for new ones"
        _log.warning(
            "api: maximum of connections reached (%s), %s; the last came from %s. If they are yours, raise "
            "HAULWATCH_API_MAX_CONNECTIONS or HAULWATCH_API_MAX_CONNECTIONS_PER_ADDRESS",
            limit, done, address,
        )  # fmt: skip


class BoundedConnection(H11Protocol):
    """A connection of uvicorn's with a time limit for each request and for an unread answer."""

    def __init__(
        self, connections: Connections, config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any]
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._open = connections
        self._limits = connections.limits
        self._request_timer: asyncio.TimerHandle | None = None
        self._request_began = 0.0
        self._arrived = 0
        """Bytes since the timer was set."""
        self._unread_timer: asyncio.TimerHandle | None = None

    @property
    def waits_for_request(self) -> bool:
        """True while no request has arrived whole and none is being answered."""
        return self.conn.their_state in {h11.IDLE, h11.SEND_BODY}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        super().connection_made(transport)
        # asyncio does so only where a socket names its protocol, which those of `create_server` do not. Head and body
        # are two writes: without it the second waits until the client acknowledges the first, 40 ms on Linux.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=0)  # so that pause_writing says: something is unread
        if not self._open.add(self, self.client[0] if self.client else ""):
            transport.write(_REFUSAL)
            transport.close()
        self._watch_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.remove(self)
        for timer in (self._request_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self._arrived += len(data)
            super().data_received(data)
            self._watch_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._open.now_waits(self)
        self._watch_request()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_timer = self.loop.call_later(self._limits.unread_s, self._close_unread, self._unread())

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _watch_request(self) -> None:
        if not self.waits_for_request:
            if self._request_timer is not None:
                self._request_timer.cancel()
                self._request_timer = None
        elif self._request_timer is None:
            self._request_began = self.loop.time()
            self._set_request_timer()

    def _set_request_timer(self) -> None:
        self._arrived = 0
        self._request_timer = self.loop.call_later(self._limits.request_s, self._close_late)

    def _close_late(self) -> None:
        has_time = self.loop.time() - self._request_began < self._limits.file_s
        # Nothing arrives while the route does not read: that is not the client's doing.
        if has_time and self._takes_file() and (self.flow.read_paused or self._arrived >= self._limits.file_bytes):
            self._set_request_timer()
        else:
            self.transport.abort()

    def _takes_file(self) -> bool:
        """Whether the rest of a file is to come, and its route has not answered yet."""
        if self.conn.their_state is not h11.SEND_BODY or self.cycle.response_complete:
            return False
        return self.scope["method"] == "POST" and PATHS.fullmatch(self.scope["path"]) is not None

    def _unread(self) -> int:
        return self.transport.get_write_buffer_size()

    def _close_unread(self, before: int) -> None:
        if before - self._unread() < self._limits.unread_bytes:
            # With a reset: else the kernel keeps what it holds for the client, up to 4 MB, until that reads it.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        else:
            self._unread_timer = self.loop.call_later(self._limits.unread_s, self._close_unread, self._unread())
