"""A proxy before the store that can delay requests, or answer them in place of the store."""

import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from tests.waiting import PATIENCE_S

_HOP_HEADERS: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})
_WRITE: Final = "/api/v2/write"


@dataclass(frozen=True)
class ProxyMode:
    """Rules by which the proxy answers requests."""

    delay_s: float = 0.0
    status: int | None = None
    """HTTP status of the proxy's own answer; None: forward the request to the store."""
    headers: Mapping[str, str] = field(default_factory=dict)
    writes_over: int | None = None
    """The status applies only to writes of more bytes than this; None: to every request."""

    def exempts(self, path: str, size: int) -> bool:
        return self.writes_over is not None and (not path.startswith(_WRITE) or size <= self.writes_over)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """Print nothing: the client was killed meanwhile."""


class StoreProxy:
    """Listens on loopback at `port`. Use as a context manager."""

    def __init__(self, upstream_port: int) -> None:
        self.mode = ProxyMode()
        self.refused = 0
        """Requests that the proxy answered itself."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.handle(self, upstream_port)

            do_POST = do_GET  # noqa: N815 - named by http.server

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, name="store proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "StoreProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def in_mode(self, mode: ProxyMode) -> Iterator[None]:
        self.mode, self.refused = mode, 0
        try:
            yield
        finally:
            self.mode = ProxyMode()

    def handle(self, request: BaseHTTPRequestHandler, upstream_port: int) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        mode = self.mode
        time.sleep(mode.delay_s)
        if mode.status is not None and not mode.exempts(request.path, len(body)):
            self.refused += 1
            refusal = b'{"error": "refused by the chaos proxy"}'
            self._answer(request, mode.status, {"Content-Type": "application/json", **mode.headers}, refusal)
            return
        forwarded = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_HEADERS}
        upstream = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=PATIENCE_S)
        try:
            upstream.request(request.command, request.path, body, forwarded)
            answer = upstream.getresponse()
            self._answer(request, answer.status, dict(answer.getheaders()), answer.read())
        except OSError as exc:
            self._answer(request, 502, {}, repr(exc).encode())
        finally:
            upstream.close()

    def _answer(self, request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
        try:
            request.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _HOP_HEADERS:
                    request.send_header(name, value)
            if status != 204:
                request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            if status != 204:
                request.wfile.write(body)
        except OSError:
            request.close_connection = True
