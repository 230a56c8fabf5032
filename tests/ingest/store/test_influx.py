"""InfluxStore against HTTP answers of a server that follows a script."""

import gzip
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from devices.readings.models import Kind
from devices.readings.series import Point, SeriesKey
from ingest.store import (
    Instant,
    StoreFailing,
    StoreMisconfigured,
    StoreOverasked,
    StoreRejected,
    StoreUnavailable,
)
from ingest.store.influx import InfluxStore
from ingest.store.line_protocol import encode_point
from tests.servers import free_port

INFLUX_ERROR = '{"error": "partial write: field type conflict dropped=1"}'


def line(number: int) -> Point:
    return Point("position", (("device", "truck-1"),), {"lat": float(number)}, 1_700_000_000_000 + number)


@dataclass
class ScriptedInflux:
    """Accepts a write unless `answer` returns an answer for its lines."""

    answer: Callable[[list[str]], web.Response | None]
    taken: list[str] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)

    async def write(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        body = await request.read()
        lines = (body if body[:1] == b"p" else gzip.decompress(body)).decode().split("\n")
        answer = self.answer(lines)
        if answer is None:
            self.taken += lines
            return web.Response(status=204)
        return answer

    async def query(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        form = await request.post()
        return self.answer([str(form["q"])]) or web.json_response({"results": [{"statement_id": 0}]})


Scripted = Callable[[Callable[[list[str]], web.Response | None]], "ScriptedStore"]


@dataclass
class ScriptedStore:
    server: ScriptedInflux
    http: TestServer
    store: InfluxStore | None = None

    async def open(self, compress: bool | None = None) -> InfluxStore:
        await self.http.start_server()
        self.store = InfluxStore(str(self.http.make_url("")), "secret", "city", "readings", compress=compress)
        return self.store


@pytest_asyncio.fixture
async def scripted() -> AsyncIterator[Scripted]:
    made: list[ScriptedStore] = []

    def make(answer: Callable[[list[str]], web.Response | None]) -> ScriptedStore:
        server = ScriptedInflux(answer)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/api/v2/write", server.write)
        app.router.add_post("/query", server.query)
        made.append(ScriptedStore(server, TestServer(app)))
        return made[-1]

    yield make
    for scene in made:
        if scene.store is not None:
            await scene.store.close()
        await scene.http.close()


async def test_a_write_is_gzipped_line_protocol_in_milliseconds_with_the_token(scripted: Scripted) -> None:
    scene = scripted(lambda _: None)
    await (await scene.open(compress=True)).write([line(1), line(2)])
    [request] = scene.server.requests
    assert dict(request.query) == {"org": "city", "bucket": "readings", "precision": "ms"}
    assert request.headers["Authorization"] == "Token secret"
    assert request.headers["Content-Encoding"] == "gzip"
    assert scene.server.taken == [
        "position,device=truck-1 lat=1.0 1700000000001",
        "position,device=truck-1 lat=2.0 1700000000002",
    ]


async def test_nothing_is_gzipped_for_a_store_on_this_machine(scripted: Scripted) -> None:
    scene = scripted(lambda _: None)
    await (await scene.open()).write_lines([encode_point(line(1))])
    [request] = scene.server.requests
    assert "Content-Encoding" not in request.headers
    assert scene.server.taken == ["position,device=truck-1 lat=1.0 1700000000001"]


async def test_nothing_to_write_makes_no_request(scripted: Scripted) -> None:
    scene = scripted(lambda _: None)
    await (await scene.open()).write([])
    assert scene.server.requests == []


async def test_too_large_a_body_is_split_until_it_fits(scripted: Scripted) -> None:
    scene = scripted(lambda lines: web.Response(status=413) if len(lines) > 3 else None)
    await (await scene.open()).write([line(number) for number in range(10)])
    assert len(scene.server.taken) == 10
    assert len(set(scene.server.taken)) == 10


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("poison", [{0}, {9}, {3, 4}, set(range(10))])
async def test_poison_lines_are_found_and_all_others_written(scripted: Scripted, status: int, poison: set[int]) -> None:
    def answer(lines: list[str]) -> web.Response | None:
        bad = any(f"lat={number}.0 " in text for text in lines for number in poison)
        return web.Response(status=status, text=INFLUX_ERROR) if bad else None

    scene = scripted(answer)
    points = [line(number) for number in range(10)]
    with pytest.raises(StoreRejected) as caught:
        await (await scene.open()).write(points)
    assert [index for index, _ in caught.value.rejected] == sorted(poison)
    assert all("field type conflict" in reason for _, reason in caught.value.rejected)
    assert len(scene.server.taken) == 10 - len(poison)


async def test_a_point_that_cannot_be_encoded_is_rejected_and_the_others_written(scripted: Scripted) -> None:
    scene = scripted(lambda _: None)
    unencodable = Point("position", (("device", "truck-1\\"),), {"lat": 1.0}, 5)
    with pytest.raises(StoreRejected) as caught:
        await (await scene.open()).write([line(1), unencodable, line(2)])
    assert [index for index, _ in caught.value.rejected] == [1]
    assert len(scene.server.taken) == 2


async def test_a_400_from_a_proxy_rejects_no_reading(scripted: Scripted) -> None:
    page = "<html>400 The plain HTTP request was sent to HTTPS port</html>"
    scene = scripted(lambda _: web.Response(status=400, text=page, content_type="text/html"))
    with pytest.raises(StoreMisconfigured, match="plain HTTP"):
        await (await scene.open()).write([line(1)])


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_wrong_settings_reject_nothing_and_alarm_an_operator(scripted: Scripted, status: int) -> None:
    scene = scripted(lambda _: web.Response(status=status, text=INFLUX_ERROR))
    store = await scene.open()
    with pytest.raises(StoreMisconfigured, match=f"{status}"):
        await store.write([line(1)])
    with pytest.raises(StoreMisconfigured, match=f"{status}"):
        await store.latest("position", "truck-1")


async def test_a_redirect_to_a_login_page_is_not_a_write(scripted: Scripted) -> None:
    """A gateway before InfluxDB redirects unknown clients to a page, which answers 200."""

    def answer(_: list[str]) -> web.Response | None:
        return web.Response(status=302, headers={"Location": "/login"})

    scene = scripted(answer)
    with pytest.raises(StoreMisconfigured, match="HTTP 302"):
        await (await scene.open()).write([line(1)])
    assert len(scene.server.requests) == 1, "the token is sent to no other server"


@pytest.mark.parametrize("status", [200, 202])
async def test_a_2xx_other_than_204_is_not_a_write(scripted: Scripted, status: int) -> None:
    scene = scripted(lambda _: web.Response(status=status, text="<html>Welcome</html>"))
    with pytest.raises(StoreMisconfigured, match=f"HTTP {status} to a write, InfluxDB answers 204"):
        await (await scene.open()).write([line(1)])


@pytest.mark.parametrize("body", ["<html>Welcome</html>", "[]", "{}", '{"results": []}', '{"results": [7]}'])
async def test_an_answer_that_is_not_of_influxdb_alarms_an_operator(scripted: Scripted, body: str) -> None:
    scene = scripted(lambda _: web.Response(text=body))
    with pytest.raises(StoreMisconfigured, match="not an answer of InfluxDB"):
        await (await scene.open()).latest("position", "truck-1")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), (None, None), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("²", None)]
)
async def test_an_unavailable_store_passes_its_retry_after_on(
    scripted: Scripted, status: int, header: str | None, seconds: float | None
) -> None:
    headers = {"Retry-After": header} if header else {}
    scene = scripted(lambda _: web.Response(status=status, headers=headers))
    store = await scene.open()
    # After HTTP 500 the points of a write are tried one by one: perhaps it fails at one alone.
    of_write = StoreFailing if status == 500 else StoreUnavailable
    for ask, error in ((store.write([line(1)]), of_write), (store.latest("position", "truck-1"), StoreUnavailable)):
        with pytest.raises(StoreUnavailable) as caught:
            await ask
        assert type(caught.value) is error
        assert caught.value.retry_after == seconds


async def test_an_outage_in_the_middle_of_halving_rejects_nothing(scripted: Scripted) -> None:
    def answer(lines: list[str]) -> web.Response | None:
        if len(lines) > 1:
            return web.Response(status=400, text=INFLUX_ERROR)
        return web.Response(status=503) if "lat=3.0" in lines[0] else None

    scene = scripted(answer)
    with pytest.raises(StoreUnavailable):
        await (await scene.open()).write([line(number) for number in range(4)])


async def test_no_server_at_the_address(unused_store: InfluxStore) -> None:
    for ask in (unused_store.write([line(1)]), unused_store.ping(), unused_store.count("position")):
        with pytest.raises(StoreUnavailable):
            await ask


@pytest_asyncio.fixture
async def unused_store() -> AsyncIterator[InfluxStore]:
    store = InfluxStore(f"http://127.0.0.1:{free_port()}", "secret", "city", "readings")
    yield store
    await store.close()


@pytest.mark.parametrize(
    ("result", "raised"),
    [
        ({"error": "database not found: readings"}, StoreMisconfigured),
        ({"error": "max-concurrent-queries limit exceeded"}, StoreUnavailable),
        ({"series": [{"name": "position", "columns": ["time"], "values": [], "partial": True}]}, StoreMisconfigured),
    ],
)
async def test_an_error_inside_an_answer_is_not_read_as_no_rows(
    scripted: Scripted, result: dict[str, object], raised: type[Exception]
) -> None:
    scene = scripted(lambda _: web.json_response({"results": [result]}))
    with pytest.raises(raised):
        await (await scene.open()).stored_fields([Instant(SeriesKey(Kind.POSITION, "truck-1", ""), 1_700_000_000_000)])


async def test_instants_are_queried_by_window_and_by_hundreds_of_devices(scripted: Scripted) -> None:
    statements: list[str] = []
    scene = scripted(lambda lines: statements.append(lines[0]))
    day = 86_400_000
    instants = [
        Instant(SeriesKey(Kind.POSITION, f"truck-{number}", ""), days * day + number)
        for number in range(150)
        for days in (1, 2)
    ]
    await (await scene.open()).stored_fields(instants)
    assert len(statements) == 4
    assert all(";" not in statement and statement.count('"device" =') <= 100 for statement in statements)


def scattered(count: int, every_ms: int = 600_000) -> list[Instant]:
    return [Instant(SeriesKey(Kind.POSITION, "truck-1", ""), 1_000_000_000_000 + n * every_ms) for n in range(count)]


async def test_scattered_times_of_one_device_are_one_query_where_little_stands(scripted: Scripted) -> None:
    """A sensor that sends its buffer of two weeks, or a device with times from 2001: each once cost a query."""
    statements: list[str] = []
    scene = scripted(lambda lines: statements.append(lines[0]))
    other = Instant(SeriesKey(Kind.POSITION, "truck-2", ""), 1_700_000_000_000)
    assert await (await scene.open()).stored_fields([*scattered(2_000), other]) == {}
    assert len(statements) == 2


async def test_scattered_times_among_many_rows_are_looked_up_in_bounds(scripted: Scripted) -> None:
    """The other devices have their answer, and who asks is told what has none."""
    asked, queries = scattered(2_000), list[str]()

    def rows_from(lines: list[str]) -> web.Response:
        """A row a second, in full pages."""
        queries.append(lines[0])
        device = "truck-2" if "truck-2" in lines[0] else "truck-1"
        start = int(lines[0].split("time >= ")[1].split("ms")[0])
        values = [[start + n * 1_000, float(n)] for n in range(2_000 if device == "truck-1" else 1)]
        series = {"name": "position", "tags": {"device": device}, "columns": ["time", "lat"], "values": values}
        return web.json_response({"results": [{"series": [series]}]})

    other = Instant(SeriesKey(Kind.POSITION, "truck-2", ""), 1_700_000_000_000)
    store = await scripted(rows_from).open()
    with pytest.raises(StoreOverasked) as caught:
        await store.stored_fields([*asked, other])
    assert len(queries) == 21
    found, unanswered = caught.value.found, set(caught.value.unanswered)
    assert found[other] == {"lat": 0.0}
    assert unanswered | found.keys() == {*asked, other}
    assert not unanswered & found.keys()
    assert found.keys() - {other} == set(asked[: len(found) - 1]), "the oldest first"


async def test_points_older_than_the_retention_are_known_by_their_number(scripted: Scripted) -> None:
    def keep_newest_three(lines: list[str]) -> web.Response:
        error = f"partial write: points beyond retention policy dropped={len(lines) - 3}"
        return web.json_response({"error": error}, status=400)

    scene = scripted(keep_newest_three)
    points = [line(number) for number in (7, 1, 9, 2, 3, 8, 4)]
    with pytest.raises(StoreRejected) as caught:
        await (await scene.open()).write(points)
    assert [index for index, _ in caught.value.rejected] == [1, 3, 4, 6]
    assert len(scene.server.requests) == 1
