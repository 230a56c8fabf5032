"""The HTTP service of trackers: reports enter, and are published as they came.

    GET or POST /            the OsmAnd protocol: a URL query, a form, or JSON
    GET or POST /traccar     what a Traccar server forwards: JSON, or the URL form
    GET /healthz             200 while the broker takes messages

The key comes as `Authorization: Bearer KEY` or as `key=KEY` in the query, and is taken out before the report is kept.
200: the broker has it. 400, 401, 413: do not send it again as it is. 503: send it again later.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.codecs.trackers import OSMAND, TRACCAR, osmand, traccar
from devices.readings.ids import DEVICE_ID_PATTERN, UNREGISTRABLE_IDS
from devices.readings.refusals import DecodeError
from ingest.gateways.publisher import NotPublished
from ingest.gateways.status import GatewayFigures
from ingest.gateways.trackers.keys import Keys

MAX_AT_ONCE: Final = 256
"""Reports that wait for the broker; more are answered 503. A body has at most 64 KiB, so 16 MiB."""
BODY_S: Final = 20.0
"""For the body of a report over a bad mobile network."""
_RETRY_AFTER: Final = {"Retry-After": "10"}
_FORM: Final = "application/x-www-form-urlencoded"
_DEVICE_ID: Final = re.compile(DEVICE_ID_PATTERN)
_MAX_FIELDS: Final = 200
_ROOM_FOR_TIME: Final = 64
"""Bytes for the time of arrival, where a report has none."""


class Publisher(Protocol):
    """Publishes at QoS 1 (`ingest.gateways.publisher.GatewayPublisher`)."""

    @property
    def connected(self) -> bool:
        """Whether the broker takes messages now."""

    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None:
        """Return after the broker's PUBACK. Raises NotPublished."""


class _Dialect(NamedTuple):
    name: str
    device_named: Callable[[bytes], object]


_OSMAND: Final = _Dialect(OSMAND.dialect, osmand.device_named)
_TRACCAR: Final = _Dialect(TRACCAR.dialect, traccar.device_named)


class _Refused(Exception):
    """The report is not taken."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason


def _wrong_key() -> _Refused:
    return _Refused(401, "key", "the key is not that of the device")


@dataclass(slots=True)
class _Counts:
    received: int = 0
    published: int = 0
    not_published: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class TrackerGateway:
    """The service. For one event loop."""

    def __init__(self, publisher: Publisher, keys: Keys, now_ms: Callable[[], int]) -> None:
        self._publisher = publisher
        self._keys = keys
        self._now_ms = now_ms
        self._at_once = 0
        self._counts = _Counts()
        self.app: Final = Starlette(
            routes=[
                Route("/", self._taker(_OSMAND), methods=["GET", "POST"]),
                Route("/traccar", self._taker(_TRACCAR), methods=["GET", "POST"]),
                Route("/healthz", self._health, methods=["GET"]),
            ]
        )

    def figures(self) -> GatewayFigures:
        counts = self._counts
        return GatewayFigures(
            broker_connected=self._publisher.connected,
            devices=0,
            connections=self._at_once,
            received=counts.received,
            published=counts.published,
            not_published=counts.not_published,
            refused=dict(counts.refused),
        )

    def _taker(self, dialect: _Dialect) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            self._counts.received += 1
            if self._at_once >= MAX_AT_ONCE:
                return self._answer(_Refused(503, "busy", "too many reports at once: send it again later"))
            self._at_once += 1
            try:
                await self._take(request, dialect)
            except _Refused as exc:
                return self._answer(exc)
            except ClientDisconnect:
                return Response(status_code=400)
            finally:
                self._at_once -= 1
            return PlainTextResponse("OK")

        return take

    async def _take(self, request: Request, dialect: _Dialect) -> None:
        """Raises _Refused, ClientDisconnect."""
        query, key = _query_and_key(request)
        if not self._keys.has(key):
            raise _wrong_key()  # before the body is read: who has no key keeps no place occupied
        payload = await _report(request, query)
        device_id = _device(payload, dialect)
        if not self._keys.allows(device_id, key):
            raise _wrong_key()
        if dialect is _OSMAND and not osmand.has_time(payload):
            payload += f"&{osmand.RECEIVED}={self._now_ms()}".encode()
        try:
            await self._publisher.publish(device_id, dialect.name, payload)
        except NotPublished as exc:
            self._counts.not_published += 1
            raise _Refused(503, "broker", "the broker does not take it: send it again later") from exc
        self._counts.published += 1

    def _answer(self, refused: _Refused) -> Response:
        if refused.reason != "broker":
            self._counts.refused[refused.reason] += 1
        headers: Mapping[str, str] = _RETRY_AFTER if refused.status == 503 else {}
        return PlainTextResponse(f"{refused}\n", refused.status, headers=headers)

    async def _health(self, _: Request) -> Response:
        up = self._publisher.connected
        return PlainTextResponse("ok\n" if up else "the broker is away\n", 200 if up else 503)


def _query_and_key(request: Request) -> tuple[bytes, str]:
    """The query without the key, and the key; empty if there is none. Raises _Refused."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else ""
    query, given = _without_key(request.scope["query_string"])
    return query, key if given is None else given


def _without_key(fields: bytes) -> tuple[bytes, str | None]:
    """URL fields without `key`, byte for byte if there is none, and its value. Raises _Refused."""
    if b"key" not in fields and b"%" not in fields:
        return fields, None
    try:
        pairs = parse_qsl(fields.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as exc:
        raise _Refused(400, "unreadable", f"the fields cannot be read: {exc}") from exc
    kept = [(name, value) for name, value in pairs if name != "key"]
    given = [value for name, value in pairs if name == "key"]
    return (urlencode(kept).encode(), given[0]) if given else (fields, None)


async def _report(request: Request, query: bytes) -> bytes:
    """The report: the body of a POST, else the query; a form goes on after the query. Raises _Refused."""
    body = await _body(request) if request.method == "POST" else b""
    if body and request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        form, _ = _without_key(body)
        body = b"&".join(part for part in (query, form) if part)
    payload = body or query
    if not payload:
        raise _Refused(400, "empty", "the report is empty")
    if len(payload) > MAX_PAYLOAD_BYTES - _ROOM_FOR_TIME:
        raise _too_large()
    return payload


def _too_large() -> _Refused:
    return _Refused(413, "too_large", f"a report has at most {MAX_PAYLOAD_BYTES - _ROOM_FOR_TIME} bytes")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_PAYLOAD_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise _Refused(408, "slow", "the report did not come in time") from None
    return bytes(body)


def _device(payload: bytes, dialect: _Dialect) -> str:
    """The device that a report names. Raises _Refused."""
    try:
        named = dialect.device_named(payload)
    except DecodeError as exc:
        raise _Refused(400, "unreadable", exc.refusal.detail) from exc
    if not isinstance(named, str) or not _DEVICE_ID.fullmatch(named) or named in UNREGISTRABLE_IDS:
        raise _Refused(400, "no_device", "the report names no device: 1 to 64 letters, digits, _ . and -")
    return named
