"""Half-sent requests, unread answers and the number of connections, against the real server on a free port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from httpx import AsyncClient

from api.app import create_app
from api.http.connections import BoundedConnection, ConnectionLimits, Connections
from api.http.server import serve
from api.ports import ApiOptions, ApiParts
from rules.alerts.journal import AlertJournal
from tests.api.fakes import NOW, change
from tests.servers import free_port
from tests.waiting import PATIENCE_S

HALF: bytes = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
WHOLE: bytes = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
NEVER_S = 10 * PATIENCE_S
OPEN = ApiOptions(version="1")
WITH_TOKEN = ApiOptions(version="1", token="write-token-for-tests")


class Caller:
    """One open connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        """Status of the next answer; its body must follow at once and is skipped."""
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
        [length] = [line.split(b":")[1] for line in head.lower().splitlines() if line.startswith(b"content-length")]
        await asyncio.wait_for(self._reader.readexactly(int(length)), PATIENCE_S)
        return int(head.split()[1])

    async def closed(self) -> None:
        """Return when the server has closed the connection; whatever it sent before is skipped."""
        with suppress(ConnectionError):
            while await asyncio.wait_for(self._reader.read(65_536), PATIENCE_S):
                pass


class Served:
    """A running API, and the connections to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def call(self, data: bytes = b"", *, source: str = "127.0.0.1") -> Caller:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self._writers.append(writer)
        caller = Caller(reader, writer)
        await caller.send(data)
        return caller

    async def healthy(self) -> bool:
        async with AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE_S) as client:
            return (await client.get("/healthz")).status_code == 200

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def served(parts: ApiParts, limits: ConnectionLimits, options: ApiOptions = OPEN) -> AsyncIterator[Served]:
    stop, ready, port = asyncio.Event(), asyncio.Event(), free_port()
    app = create_app(parts, options)
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop, ready=ready, limits=limits))
    api = Served(port)
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE_S)
        yield api
    finally:
        api.hang_up()
        stop.set()
        await asyncio.wait_for(serving, PATIENCE_S)


@pytest.mark.parametrize(
    "sent", [b"", HALF, b"POST /api/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc"]
)
async def test_a_request_that_never_ends_is_hung_up_on(parts: ApiParts, sent: bytes) -> None:
    async with served(parts, ConnectionLimits(request_s=0.2)) as api:
        await (await api.call(sent)).closed()


async def test_a_request_that_trickles_is_hung_up_on(parts: ApiParts) -> None:
    async with served(parts, ConnectionLimits(request_s=0.2)) as api:
        caller = await api.call(HALF)

        async def trickle() -> None:
            with suppress(ConnectionError):
                while True:
                    await caller.send(b"x")
                    await asyncio.sleep(0.02)  # what a slow client does

        trickling = asyncio.create_task(trickle())
        await caller.closed()
        trickling.cancel()


async def trickled(caller: Caller, for_s: float) -> None:
    """Send 100 bytes fifty times a second, until then or until the connection is closed."""
    loop = asyncio.get_running_loop()
    end = loop.time() + for_s
    with suppress(ConnectionError):
        while loop.time() < end:
            await caller.send(b"x" * 100)
            await asyncio.sleep(0.02)  # what a slow client does


def file_of(length: int, head: str = "Authorization: Bearer write-token-for-tests\r\n") -> bytes:
    path = f"/api/v1/alerts/{change().alert_id}/attachments?name=a.pdf&actor=li"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {length}\r\n\r\n".encode()


async def test_a_file_may_take_longer_while_it_arrives(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record([change()], NOW)
    limits = ConnectionLimits(request_s=0.5, file_bytes=100)
    async with served(parts, limits, WITH_TOKEN) as api:
        caller = await api.call(file_of(1_000_000))
        await trickled(caller, 3 * limits.request_s)
        await caller.send(b"x" * 1_000_000)
        assert await caller.status() == 422, "it arrived whole, and is no PDF"


@pytest.mark.parametrize(
    ("limits", "request_"),
    [
        (ConnectionLimits(request_s=0.2, file_bytes=1_000_000), file_of(1_000_000)),
        (ConnectionLimits(request_s=0.2, file_bytes=1, file_s=0.5), file_of(1_000_000)),
        (ConnectionLimits(request_s=0.2, file_bytes=1), file_of(1_000_000, head="")),
        (ConnectionLimits(request_s=0.2, file_bytes=1), file_of(1_000_000).replace(b"attachments", b"comment")),
    ],
    ids=["slower than allowed", "longer than allowed", "answered already: not signed in", "not a file"],
)
async def test_a_body_that_trickles_is_hung_up_on(
    parts: ApiParts, journal: AlertJournal, limits: ConnectionLimits, request_: bytes
) -> None:
    journal.record([change()], NOW)
    async with served(parts, limits, WITH_TOKEN) as api:
        caller = await api.call(request_)
        trickling = asyncio.create_task(trickled(caller, PATIENCE_S))
        await caller.closed()
        trickling.cancel()


async def test_a_half_sent_second_request_is_hung_up_on(parts: ApiParts) -> None:
    async with served(parts, ConnectionLimits(request_s=0.2)) as api:
        caller = await api.call(WHOLE)
        assert await caller.status() == 200
        await caller.send(HALF)
        await caller.closed()


async def test_beyond_the_limit_of_an_address_its_longest_waiting_connection_is_closed(parts: ApiParts) -> None:
    async with served(parts, ConnectionLimits(total=50, per_address=8, request_s=NEVER_S)) as api:
        other = await api.call(HALF, source="127.0.0.2")
        half_sent = [await api.call(HALF) for _ in range(20)]
        assert await api.healthy()
        for caller in half_sent[:13]:  # twenty and the one that asked leave eight
            await caller.closed()
        for caller in [other, *half_sent[13:]]:
            await caller.send(b"1\r\n\r\n")
            assert await caller.status() == 200


async def test_beyond_the_limit_in_all_the_longest_waiting_connection_is_closed(parts: ApiParts) -> None:
    async with served(parts, ConnectionLimits(total=8, per_address=8, request_s=NEVER_S)) as api:
        half_sent = [await api.call(HALF, source=f"127.0.0.{n}") for n in range(2, 22)]
        assert await api.healthy()
        for caller in half_sent[:13]:
            await caller.closed()


async def test_a_connection_that_is_answered_is_never_closed_for_another(
    parts: ApiParts, caplog: pytest.LogCaptureFixture
) -> None:
    stream = b"GET /api/v1/alerts/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with served(parts, ConnectionLimits(total=50, per_address=3)) as api:
        streams = [await api.call(stream) for _ in range(3)]
        for one in streams:
            await one._reader.readuntil(b"alert changes")
        refused = await api.call()
        assert await refused.status() == 503
        await refused.closed()
        assert await (await api.call(WHOLE, source="127.0.0.2")).status() == 200
        streams[0].writer.close()
        async with asyncio.timeout(PATIENCE_S):
            while await (await api.call(WHOLE)).status() != 200:
                pass
    assert "HAULWATCH_API_MAX_CONNECTIONS_PER_ADDRESS" in caplog.text
    assert caplog.text.count("maximum of connections reached") == 1, "once a minute is enough"


async def to_its_end(connection: socket.socket) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.get_running_loop().sock_recv(connection, 65_536):
            pass


async def test_an_answer_that_nobody_reads_is_given_up(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record([change(n, subject=f"truck-{n}") for n in range(200)], recorded_at=NOW)
    request = b"GET /api/v1/alerts?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with served(parts, ConnectionLimits(per_address=1, unread_s=0.2, request_s=NEVER_S)) as api:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", api.port))
            await asyncio.get_running_loop().sock_sendall(deaf, request * 100)  # more than the kernel keeps
            await asyncio.get_running_loop().sock_recv(deaf, 1)  # it is being answered
            async with asyncio.timeout(PATIENCE_S):
                while True:  # 503, until its place is free
                    with suppress(ConnectionError, asyncio.IncompleteReadError):
                        if await (await api.call(WHOLE)).status() == 200:
                            break
            with pytest.raises(ConnectionResetError):  # the kernel keeps nothing for it either
                await to_its_end(deaf)


async def test_no_write_waits_for_the_acknowledgement_of_the_one_before(
    parts: ApiParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nagle's algorithm held the body of a small answer back until the client's delayed acknowledgement: 40 ms."""
    options: list[int] = []
    take_in = Connections.add

    def add(self: Connections, connection: BoundedConnection, address: str) -> bool:
        accepted = connection.transport.get_extra_info("socket")
        options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return take_in(self, connection, address)

    monkeypatch.setattr(Connections, "add", add)
    async with served(parts, ConnectionLimits()) as api:
        assert await (await api.call(WHOLE)).status() == 200
    assert options == [1]
