"""A proxy before the store that can be slow, or answer in the store's place."""

import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

_NOT_PASSED_ON: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})
_WRITE: Final = "/api/v2/write"


@dataclass(frozen=True)
class Mood:
    """How requests are answered now."""

    delay_s: float = 0.0
    status: int | None = None
    """Instead of the store's answer; None: ask the store."""
    headers: Mapping[str, str] = field(default_factory=dict)
    writes_over: int | None = None
    """Only writes of more bytes than this are answered so; None: every request."""

    def spares(self, path: str, size: int) -> bool:
        return self.writes_over is not None and (not path.startswith(_WRITE) or size <= self.writes_over)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """Who asked was killed meanwhile: that is no news here."""


class StoreProxy:
    """Listens on loopback at `port`. Use as a context manager."""

    def __init__(self, upstream_port: int) -> None:
        self.mood = Mood()
        self.refused = 0
        """Requests answered in the store's place."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.handle(self, upstream_port)

            do_POST = do_GET  # noqa: N815 - named by http.server

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

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
    def in_mood(self, mood: Mood) -> Iterator[None]:
        self.mood, self.refused = mood, 0
        try:
            yield
        finally:
            self.mood = Mood()

    def handle(self, request: BaseHTTPRequestHandler, upstream_port: int) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        mood = self.mood
        time.sleep(mood.delay_s)
        if mood.status is not None and not mood.spares(request.path, len(body)):
            self.refused += 1
            said = b'{"error": "refused by the chaos proxy"}'
            self._answer(request, mood.status, {"Content-Type": "application/json", **mood.headers}, said)
            return
        passed_on = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        upstream = http.client.HTTPConnection("127.0.0.1", upstream_port, timeout=60)
        try:
            upstream.request(request.command, request.path, body, passed_on)
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
                if name.lower() not in _NOT_PASSED_ON:
                    request.send_header(name, value)
            if status != 204:
                request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            if status != 204:
                request.wfile.write(body)
        except OSError:
            request.close_connection = True
