"""Answers of a provider that are not what they should be, from a real server."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from devices.sign_on.exchange import MAX_BYTES, Exchange
from devices.sign_on.model import SignOnFailure, SignOnRefused
from tests.closing import closed_later


class _Odd(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, content = {
            "/fine": (200, b'{"a": 1}'),
            "/redirect": (302, b"{}"),
            "/broken": (500, b'{"a": 1}'),
            "/refused": (400, b'{"error": "invalid_grant"}'),
            "/page": (200, b"<html>"),
            "/refused-by-a-page": (403, b"<html>"),
            "/list": (200, b"[1]"),
            "/deep": (200, b"[" * 100_000),
            "/huge": (200, b" " * (MAX_BYTES + 1)),
            "/binary": (200, b"\xff\xfe"),
        }[self.path.partition("?")[0]]
        self.send_response(status)
        self.send_header("Location", "/fine")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Odd) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def exchange() -> Exchange:
    return closed_later(Exchange())


def test_an_object_is_an_answer_and_so_is_a_refusal(odd: str, exchange: Exchange) -> None:
    assert exchange.get(f"{odd}/fine") == {"a": 1}
    assert exchange.post(f"{odd}/fine", {}) == (200, {"a": 1})
    assert exchange.post(f"{odd}/refused", {}) == (400, {"error": "invalid_grant"})
    assert exchange.post(f"{odd}/refused-by-a-page", {}) == (403, {})


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/redirect", "status 302"),
        ("/broken", "status 500"),
        ("/refused", "status 400"),
        ("/page", "JSON object"),
        ("/list", "JSON object"),
        ("/deep", "JSON object"),
        ("/binary", "JSON object"),
        ("/huge", "more than"),
    ],
)
def test_anything_else_is_a_provider_that_is_away(odd: str, exchange: Exchange, path: str, fault: str) -> None:
    with pytest.raises(SignOnRefused, match=fault) as refused:
        exchange.get(f"{odd}{path}?secret=x")
    assert refused.value.failure is SignOnFailure.AWAY
    assert "secret" not in str(refused.value)


def test_nobody_who_listens_is_a_provider_that_is_away(exchange: Exchange) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(SignOnRefused) as refused:
            exchange.get(f"http://127.0.0.1:{free.getsockname()[1]}/")
    assert refused.value.failure is SignOnFailure.AWAY
