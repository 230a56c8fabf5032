"""Many open live streams, some of whose clients read nothing, while alerts change."""

import asyncio
import contextlib
import json
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import insert

from api.access.authentication import COOKIE
from devices.db.database import open_database, transaction
from devices.people.accounts import Accounts
from devices.people.model import Person, Role
from devices.people.sessions import Session, session_values
from devices.people.tables import person_session
from haulwatch.wiring.databases import open_journal, open_registry
from tests.bench import BenchFailed
from tests.bench.console.api import RunningApi, running_api
from tests.bench.console.journal import change, write_alerts
from tests.bench.console.measures import Streams
from tests.bench.environment import BenchEnvironment, BenchInstallation
from tests.bench.fleet import city_of
from tests.bench.measures import percentiles

_EVERY_S: Final = 0.5
"""Between two changes: a busy minute of a city has one in ten seconds."""
_LIMIT_S: Final = 120.0
_REQUEST: Final = "GET /api/v1/alerts/stream{after} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n"
_OF_ONE: Final = 3
"""Sessions of one person."""
_DEAF_BYTES: Final = 4_096
_SHIFT_MS: Final = 12 * 3_600_000
_PASSWORD: Final = "a password of the bench"


@dataclass
class _Listener:
    """One stream, read to the end of each event."""

    seen: dict[str, float] = field(default_factory=dict)
    """When each alert arrived, monotonic."""
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, port: int, cookie: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        try:
            writer.write(_REQUEST.format(after="", cookie=cookie).encode())
            while line := await reader.readline():
                if line.startswith(b": alert changes"):
                    self.begun.set()
                elif line.startswith(b"data:"):
                    self.seen.setdefault(json.loads(line[5:])["change"]["alert_id"], time.monotonic())
        finally:
            writer.close()


def streams(environment: BenchEnvironment) -> Iterator[Streams]:
    """A row of streams while nobody has an account, and one of people who are signed in. Raises BenchFailed."""
    for signed_in in (False, True):
        yield _streams(environment, signed_in=signed_in)


def _streams(environment: BenchEnvironment, *, signed_in: bool) -> Streams:
    sizes, installation = environment.sizes, environment.installation()
    with open_registry(installation.settings) as registry:
        registry.import_city(city_of(sizes.devices))
    write_alerts(installation.settings, sizes.missed, sizes.devices)
    wanted, deaf = sizes.streams, max(1, sizes.streams // 25)
    cookies = _cookies(installation, wanted + deaf) if signed_in else [""] * (wanted + deaf)
    limits = {
        "HAULWATCH_API_MAX_STREAMS": str(wanted + deaf),
        "HAULWATCH_API_MAX_CONNECTIONS": str(2 * (wanted + deaf)),
        "HAULWATCH_API_MAX_CONNECTIONS_PER_ADDRESS": str(2 * (wanted + deaf)),
    }
    with (
        running_api(installation, limits) as api,
        closing(open_journal(installation.settings)) as journal,
        _deaf_clients(api, cookies[wanted:]) as deaf_clients,
    ):
        numbers = iter(range(1_000_000))
        newest = time.time_ns() // 1_000_000

        def record(count: int) -> list[str]:
            changes = [change(n, sizes.devices, opened_at=newest + n) for n in (next(numbers) for _ in range(count))]
            journal.record(changes, recorded_at=newest)
            return [one.alert_id for one in changes]

        async def measure() -> Streams:
            listeners = [_Listener() for _ in range(wanted)]
            async with asyncio.timeout(_LIMIT_S * 3), asyncio.TaskGroup() as tasks:
                listening = [
                    tasks.create_task(one.listen(api.port, cookie), name="stream")
                    for one, cookie in zip(listeners, cookies, strict=False)
                ]
                environment.progress(f"opening {wanted} streams, {'signed in' if signed_in else 'without accounts'}")
                for one in listeners:
                    await one.begun.wait()
                await asyncio.to_thread(record, 1)
                await _until_seen(listeners, 1)
                before_mb, cpu_before = api.memory_mb(), api.cpu_s()
                environment.progress(f"{sizes.changes} changes")
                at: dict[str, float] = {}
                for _ in range(sizes.changes):
                    [alert_id] = await asyncio.to_thread(record, 1)
                    at[alert_id] = time.monotonic()
                    await asyncio.sleep(_EVERY_S)
                await _until_seen(listeners, 1 + sizes.changes)
                cpu_ms = (api.cpu_s() - cpu_before) / sizes.changes * 1000
                delays = [(one.seen[alert_id] - sent) * 1000 for one in listeners for alert_id, sent in at.items()]
                cut_off = await _cut_off(deaf_clients, sizes.deaf_s)
                after_mb = api.memory_mb()
                for task in listening:
                    task.cancel()
            return Streams(
                streams=wanted,
                signed_in=signed_in,
                changes=sizes.changes,
                deaf=deaf,
                cut_off=cut_off,
                delay_ms=percentiles(delays),
                cpu_ms=round(cpu_ms, 1),
                memory_before_mb=before_mb,
                memory_mb=after_mb,
            )

        try:
            return asyncio.run(measure())
        except* TimeoutError:
            raise BenchFailed("the streams did not bring every change") from None
        except* OSError as group:
            raise BenchFailed(f"a stream broke: {group.exceptions[0]!r}") from group


def _cookies(installation: BenchInstallation, count: int) -> list[str]:
    """Headers of so many sessions, written as signing in writes them: checking a password takes a tenth of a second."""
    now = time.time_ns() // 1_000_000
    engine = open_database(installation.settings.database_url.get_secret_value())
    found = []
    try:
        accounts = Accounts(engine)
        for number in range(-(-count // _OF_ONE)):
            accounts.add(Person(f"person.{number}", f"Person {number}", Role.VIEWER, created_at=now), _PASSWORD)
        people = {one.name: one for one in accounts.all()}
        with transaction(engine) as connection:
            for number in range(count):
                session = Session(people[f"person.{number // _OF_ONE}"], now + _SHIFT_MS, secrets.token_urlsafe(32))
                connection.execute(insert(person_session).values(session_values(session, now)))
                found.append(f"Cookie: {COOKIE}={session.secret}\r\n")
    finally:
        engine.dispose()
    return found


async def _until_seen(listeners: list[_Listener], count: int) -> None:
    while True:
        if all(len(one.seen) >= count for one in listeners):
            return
        await asyncio.sleep(0.05)


@contextmanager
def _deaf_clients(api: RunningApi, cookies: Sequence[str]) -> Iterator[list[socket.socket]]:
    """Clients that ask for the stream from its beginning and read nothing of it."""
    clients = []
    try:
        for cookie in cookies:
            client = socket.socket()
            clients.append(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DEAF_BYTES)
            client.connect(("127.0.0.1", api.port))
            client.sendall(_REQUEST.format(after="?after=0", cookie=cookie).encode())
        yield clients
    finally:
        for client in clients:
            client.close()


async def _cut_off(clients: list[socket.socket], within_s: float) -> int:
    """How many the server has closed within this time."""
    give_up_at = time.monotonic() + within_s
    while True:
        closed = sum(_is_closed(client) for client in clients)
        if closed == len(clients) or time.monotonic() > give_up_at:
            return closed
        await asyncio.sleep(0.5)


def _is_closed(client: socket.socket) -> bool:
    """The state of the connection as the kernel has it (tcp(7), TCP_INFO): reading would make room for more."""
    with contextlib.suppress(OSError):
        state = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        established = 1
        return state != established
    return True
