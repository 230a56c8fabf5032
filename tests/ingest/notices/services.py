"""WeCom, DingTalk, Feishu and a program with a webhook, as real HTTP servers on loopback that answer as those do: with
HTTP 200 and an error code for what they refuse, and by their limits. Written from the services' documentation, not from
the senders.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MINUTE_MS = 60_000


@dataclass
class Request:
    """What arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def json_text(self) -> str:
        """The body with its characters as people see them."""
        return json.dumps(self.json, ensure_ascii=False)


Answer = tuple[int, object]
LOST: Answer = (0, None)
"""The request is taken, and the connection ends without an answer."""


@dataclass
class Service:
    """A server. `taken` is what people see in the end."""

    now: Callable[[], int]
    """ms, as the senders' clock."""
    requests: list[Request] = field(default_factory=list)
    taken: list[Request] = field(default_factory=list)
    script: list[Answer] = field(default_factory=list)
    """The next answers, in place of those of the service. `LOST` takes the message too."""
    on_taken: Callable[[], None] = lambda: None
    url: str = ""
    _times: list[int] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def serve(self, request: Request) -> Answer:
        self.requests.append(request)
        scripted = self.script.pop(0) if self.script else None
        found = self.answer(request) if scripted is None or scripted is LOST else scripted
        if self.is_success(found):
            self.taken.append(request)
            self.on_taken()
        return LOST if scripted is LOST else found

    def is_success(self, answer: Answer) -> bool:
        return (
            answer[0] == 200 and isinstance(answer[1], dict) and 0 in {answer[1].get("errcode"), answer[1].get("code")}
        )

    def too_many(self, most: int, within_ms: int = MINUTE_MS) -> bool:
        """Counts a message, and says whether it is one too many."""
        now = self.now()
        if sum(now - at < within_ms for at in self._times) >= most:
            return True
        self._times.append(now)
        return False


class WeCom(Service):
    """20 a minute, 2,048 bytes of text."""

    KEY = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"

    def answer(self, request: Request) -> Answer:
        if request.path != "/cgi-bin/webhook/send" or request.query.get("key") != self.KEY:
            return 200, {"errcode": 93000, "errmsg": "invalid webhook url, hint: [1], from ip: 127.0.0.1"}
        body = request.json
        if body.get("msgtype") != "text" or not body["text"]["content"]:
            return 200, {"errcode": 40008, "errmsg": "invalid message type"}
        if len(body["text"]["content"].encode()) > 2_048:
            return 200, {"errcode": 40058, "errmsg": "text.content exceed max length 2048"}
        if self.too_many(20):
            return 200, {"errcode": 45009, "errmsg": "api freq out of limit"}
        return 200, {"errcode": 0, "errmsg": "ok"}


class DingTalk(Service):
    """20 a minute, then silent for ten minutes; each request signed."""

    TOKEN, SECRET = "ff6cd723bdb4", "SECa1b2c3"
    silent_until: int = 0

    def answer(self, request: Request) -> Answer:
        if request.path != "/robot/send" or request.query.get("access_token") != self.TOKEN:
            return 200, {"errcode": 300005, "errmsg": f"token {request.query.get('access_token')} is not exist"}
        timestamp = request.query.get("timestamp", "0")
        to_sign = f"{timestamp}\n{self.SECRET}"
        wanted = base64.b64encode(hmac.new(self.SECRET.encode(), to_sign.encode(), hashlib.sha256).digest()).decode()
        if request.query.get("sign") != wanted or abs(int(timestamp) - self.now()) > 3_600_000:
            return 200, {"errcode": 310000, "errmsg": "sign not match"}
        if self.now() < self.silent_until or self.too_many(20):
            self.silent_until = max(self.silent_until, self.now() + 600_000)
            return 200, {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
        if len(request.raw) > 20_000 or not request.json["text"]["content"]:
            return 200, {"errcode": 460101, "errmsg": "message too long, exceed 20000 bytes"}
        return 200, {"errcode": 0, "errmsg": "ok"}


class Feishu(Service):
    """100 a minute and 5 a second, 20 KB; timestamp and signature in the body."""

    HOOK, SECRET = "0e2f-hook", "feishu-secret"
    key_word: str = ""

    def answer(self, request: Request) -> Answer:
        if request.path != f"/open-apis/bot/v2/hook/{self.HOOK}":
            return 200, {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
        body = request.json
        timestamp = body.get("timestamp", "0")
        key = f"{timestamp}\n{self.SECRET}".encode()
        wanted = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        if body.get("sign") != wanted or abs(int(timestamp) - self.now() / 1000) > 3_600:
            return 200, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}
        if self.key_word not in body["content"]["text"]:
            return 200, {"code": 19024, "msg": "Key Words Not Found"}
        if len(request.raw) > 20_480:
            return 200, {"code": 9499, "msg": "Bad Request"}
        if sum(self.now() - at < 1_000 for at in self._times) >= 5 or self.too_many(100):
            return 200, {"code": 11232, "msg": "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"}
        return 200, {"code": 0, "msg": "success", "data": {}, "StatusCode": 0, "StatusMessage": "success"}


class Program(Service):
    """A webhook as Standard Webhooks has it, which keeps each id once."""

    SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()

    @property
    def ids(self) -> list[str]:
        """What the program acted on: each id once."""
        return list(dict.fromkeys(request.headers["webhook-id"] for request in self.taken))

    def answer(self, request: Request) -> Answer:
        id_, timestamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "0")
        key = base64.b64decode(self.SECRET.removeprefix("whsec_"))
        signed = f"{id_}.{timestamp}.".encode() + request.raw
        wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if request.headers.get("webhook-signature") != wanted or abs(int(timestamp) - self.now() / 1000) > 300:
            return 401, {"error": "wrong signature"}
        return 200, {"code": 0}


@contextmanager
def served(service: Service) -> Iterator[Service]:
    """Serve on a free port until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = service.serve(Request(url.path, query, headers, raw))
            if not status:
                self.close_connection = True
                return
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if status in {301, 302}:
                self.send_header("Location", "https://example.com/")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="service")
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
