"""The HTTP service of trackers: what is published, who may, and when the answer is 200."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Final

import httpx
import pytest

from devices.codecs.registry import decode
from devices.codecs.trackers.osmand import device_named
from devices.readings.models import Position
from ingest.gateways.publisher import NotPublished
from ingest.gateways.trackers import app as service
from ingest.gateways.trackers import server
from ingest.gateways.trackers.app import TrackerGateway
from ingest.gateways.trackers.keys import Keys
from ingest.gateways.trackers.server import listen, serve
from simulators.dialects.trackers import Faults, drive, request, requests
from tests.waiting import PATIENCE_S, eventually

KEY: Final = "0123456789abcdef"
SERVER: Final = "fedcba9876543210"
NOW: Final = 1_795_305_263_000
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
QUERY: Final = "id=truck-17&timestamp=1772442000&lat=22.5431&lon=114.0579&speed=10"


class Broker:
    """What is published, in place of a broker that is there, away, or slow."""

    def __init__(self) -> None:
        self.connected = True
        self.kept: list[tuple[str, str, bytes]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None:
        if not self.connected:
            raise NotPublished("not connected")
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        self.kept.append((device_id, dialect, payload))


@pytest.fixture
async def broker() -> Broker:
    return Broker()


@pytest.fixture
async def gateway(broker: Broker) -> TrackerGateway:
    return TrackerGateway(broker, Keys({"truck-17": KEY, "*": SERVER}), lambda: NOW)


@pytest.fixture
async def client(gateway: TrackerGateway) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=gateway.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=PATIENCE_S) as made:
        yield made


async def test_a_query_is_published_as_it_came(client: httpx.AsyncClient, broker: Broker) -> None:
    answer = await client.get(f"/?{QUERY}&note=a%20b+c", headers={"Authorization": f"Bearer {KEY}"})
    assert (answer.status_code, broker.kept) == (200, [("truck-17", "osmand", f"{QUERY}&note=a%20b+c".encode())])


@pytest.mark.parametrize("query", [f"key={KEY}&{QUERY}", f"{QUERY}&key={KEY}", f"{QUERY}&key={KEY}&key=other"])
async def test_the_key_is_taken_out_of_the_query(client: httpx.AsyncClient, broker: Broker, query: str) -> None:
    answer = await client.post(f"/?{query}")
    assert (answer.status_code, broker.kept) == (200, [("truck-17", "osmand", QUERY.encode())])


@pytest.mark.parametrize("name", ["key", "%6bey", "k%65y"])
async def test_a_key_is_never_kept_however_it_is_written(client: httpx.AsyncClient, broker: Broker, name: str) -> None:
    bearer = {"Authorization": f"Bearer {KEY}"}
    answers = [
        await client.get(f"/?{QUERY}&{name}={KEY}", headers=bearer),
        await client.post("/", content=f"{QUERY}&{name}={KEY}", headers=bearer | FORM),
    ]
    assert [answer.status_code for answer in answers] == [200] * 2
    assert [payload for _, _, payload in broker.kept] == [QUERY.encode()] * 2


async def test_json_and_forms_are_taken_too(client: httpx.AsyncClient, broker: Broker) -> None:
    [fix] = drive(NOW, 10, 1, Random(1))
    body = request("truck-17", "json", fix).body
    answers = [
        await client.post(f"/?key={KEY}", content=body),
        await client.post(f"/?key={KEY}", content=QUERY, headers=FORM),
        await client.post(f"/?key={KEY}&id=truck-17", content=QUERY.removeprefix("id=truck-17&"), headers=FORM),
    ]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [payload for _, _, payload in broker.kept] == [body, QUERY.encode(), QUERY.encode()]


async def test_a_query_without_a_time_gets_that_of_arrival(client: httpx.AsyncClient, broker: Broker) -> None:
    await client.get(f"/?id=truck-17&lat=1.5&lon=2&key={KEY}")
    [(device, dialect, payload)] = broker.kept
    assert payload == f"id=truck-17&lat=1.5&lon=2&received={NOW}".encode()
    assert decode(f"haulwatch/v1/{device}/{dialect}", payload) == [
        Position(device_id="truck-17", ts=NOW, lat=1.5, lon=2.0)
    ]


async def test_a_traccar_server_forwards_for_every_device(client: httpx.AsyncClient, broker: Broker) -> None:
    rng = Random(2)
    for name in ("010000000901", "truck-17"):
        for one in requests(name, "traccar", drive(NOW, 10, 2, rng), Faults(repeated=1.0, stale=1.0), rng):
            answer = await client.post(one.path, content=one.body, headers={"Authorization": f"bearer {SERVER}"})
            assert answer.status_code == 200
    assert [(device, dialect) for device, dialect, _ in broker.kept] == [("010000000901", "traccar")] * 6 + [
        ("truck-17", "traccar")
    ] * 6
    url_form = "fixTime=1481144435000&name=UNIT1&latitude=-1.2&longitude=36.8"
    assert (await client.get(f"/traccar?{url_form}&key={SERVER}")).status_code == 200
    assert broker.kept[-1] == ("UNIT1", "traccar", url_form.encode())


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "reason"),
    [
        ("GET", f"/?{QUERY}", b"", {}, 401, "key"),
        ("GET", f"/?{QUERY}&key=", b"", {}, 401, "key"),
        ("GET", f"/?{QUERY}&key={KEY}x", b"", {}, 401, "key"),
        ("GET", f"/?{QUERY}", b"", {"Authorization": f"Basic {KEY}"}, 401, "key"),
        ("GET", f"/?{QUERY.replace('17', '18')}&key={KEY}", b"", {}, 401, "key"),
        ("GET", f"/?timestamp=1&lat=60&lon=30&key={KEY}", b"", {}, 400, "no_device"),
        ("GET", f"/?id=a/b&key={SERVER}", b"", {}, 400, "no_device"),
        ("GET", f"/?id=alerts&key={SERVER}", b"", {}, 400, "no_device"),
        ("GET", f"/?id=manifests&key={SERVER}", b"", {}, 400, "no_device"),
        ("GET", f"/?id=%2B&key={SERVER}", b"", {}, 400, "no_device"),
        ("GET", f"/?key={KEY}", b"", {}, 400, "empty"),
        ("POST", f"/?key={KEY}", b'{"device_id":"truck-17"', {}, 400, "unreadable"),
        ("POST", f"/?key={KEY}", b"\xff\xfe", {}, 400, "unreadable"),
        ("POST", f"/traccar?key={SERVER}", b'{"device":7}', {}, 400, "no_device"),
        ("POST", f"/?key={KEY}", b" " * 65_537, {}, 413, "too_large"),
        ("POST", f"/?{QUERY}&key={KEY}", b"x" * 65_500, FORM, 413, "too_large"),
        ("GET", "/?" + "&".join(["key=1"] * 300), b"", {}, 400, "unreadable"),
    ],
)
async def test_what_is_not_taken_is_answered_and_counted(
    client: httpx.AsyncClient,
    broker: Broker,
    gateway: TrackerGateway,
    method: str,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    reason: str,
) -> None:
    answer = await client.request(method, path, content=content, headers=headers)
    assert (answer.status_code, broker.kept) == (status, [])
    assert KEY not in answer.text
    assert gateway.figures().refused == {reason: 1}


async def test_503_while_the_broker_is_away(client: httpx.AsyncClient, broker: Broker, gateway: TrackerGateway) -> None:
    broker.connected = False
    answer = await client.get(f"/?{QUERY}&key={KEY}")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert (await client.get("/healthz")).status_code == 503
    assert (gateway.figures().not_published, gateway.figures().published) == (1, 0)
    broker.connected = True
    assert (await client.get(f"/?{QUERY}&key={KEY}")).status_code == 200
    assert (await client.get("/healthz")).status_code == 200


async def test_reports_at_once_are_bounded_and_200_comes_after_the_broker(
    client: httpx.AsyncClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_AT_ONCE", 3)
    broker.gate.clear()
    asked = [asyncio.create_task(client.get(f"/?{QUERY}&key={KEY}")) for _ in range(3)]
    await eventually(lambda: broker.waiting == 3)
    assert not any(task.done() for task in asked)
    assert (await client.get(f"/?{QUERY}&key={KEY}")).status_code == 503
    broker.gate.set()
    assert [(await task).status_code for task in asked] == [200] * 3


@asynccontextmanager
async def served(gateway: TrackerGateway) -> AsyncIterator[str]:
    stop, listener = asyncio.Event(), listen("127.0.0.1", 0)
    serving = asyncio.create_task(serve(gateway.app, listener, stop))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await serving


async def sending(url: str, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has sent these bytes."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    await writer.drain()
    return reader, writer


async def test_bodies_of_strangers_keep_no_place_occupied(
    gateway: TrackerGateway, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_AT_ONCE", 1)
    async with served(gateway) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        head = b"POST /?key=wrong HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        reader, writer = await sending(url, head)
        async with asyncio.timeout(PATIENCE_S):
            assert (await reader.readline()).split()[1] == b"401"
        assert (await client.get(f"/?{QUERY}&key={KEY}")).status_code == 200
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /?id=truck-17 HTTP/1.1\r\nX: ",
        b"POST /?key=wrong HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    ],
)
async def test_a_connection_without_a_whole_request_is_closed(
    gateway: TrackerGateway, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(server, "HEAD_S", 0.05)
    async with served(gateway) as url:
        reader, writer = await sending(url, sent)
        with suppress(ConnectionResetError):
            async with asyncio.timeout(PATIENCE_S):
                await reader.read()  # to its end
        writer.close()


async def test_over_a_real_connection(gateway: TrackerGateway, broker: Broker) -> None:
    """Also what a library between would hide: a head without end, and a body that says another length."""
    async with served(gateway) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as client:
        assert (await client.get(f"/?{QUERY}&key={KEY}")).status_code == 200
        with pytest.raises(httpx.HTTPError):
            (await client.get("/?id=" + "1" * 60_000)).raise_for_status()
        body = json.dumps({"device_id": "truck-17"}).encode()
        assert (await client.post(f"/?key={KEY}", content=body)).status_code == 200
        assert "server" not in (await client.get("/healthz")).headers
    assert [device_named(payload) for _, _, payload in broker.kept] == ["truck-17"] * 2
