"""The doctor and the store: it vouches for what it has written and read back, on real servers and on a pretender."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast
from uuid import uuid4

import httpx
import pytest

from devices.readings.series import Point
from haulwatch.health import doctor
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.process.current_city import CurrentCity
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.recorder import recorder_parts
from haulwatch.wiring.stores import prove_store
from ingest.store import Row
from ingest.store.influx import InfluxStore
from ingest.store.probe import MEASUREMENT, StoreForgets, prove
from ingest.store.sqlite import SqliteStore
from tests.servers.influxdb import InfluxServer
from tests.waiting import PATIENCE_S


def settings_for(url: str, bucket: str, home: Path) -> Settings:
    return load_settings(
        {
            "HAULWATCH_DATA_DIR": str(home),
            "HAULWATCH_INFLUX_URL": url,
            "HAULWATCH_INFLUX_TOKEN": "haulwatch:a-secret-of-16-chars",
            "HAULWATCH_INFLUX_ORG": "haulwatch",
            "HAULWATCH_INFLUX_BUCKET": bucket,
        }
    )


def asked(server: InfluxServer, statement: str, user: str = "") -> None:
    """Change the database as its administrator does."""
    form, login = {"q": statement}, (user, user) if user else None
    httpx.post(f"{server.url}/query", data=form, auth=login, timeout=PATIENCE_S).raise_for_status()


async def looked_at(settings: Settings) -> CheckResult:
    return await doctor.check_store(lambda: prove_store(settings), embedded=settings.store.embedded)


@pytest.mark.real
async def test_a_real_influxdb_is_written_and_read_and_holds_one_point_an_hour(
    influx_server: InfluxServer, influx_database: str, influx_store: InfluxStore, tmp_path: Path
) -> None:
    settings = settings_for(influx_server.url, influx_database, tmp_path)
    for _ in range(3):
        found = await looked_at(settings)
        assert (found.status, found.hint) == (CheckStatus.OK, "")
        assert "a point was written and read back" in found.detail
    assert await influx_store.count(MEASUREMENT) in {1, 2}  # 2: an hour began in between


@pytest.mark.real
async def test_a_deleted_bucket_is_a_failure(influx_server: InfluxServer, influx_database: str, tmp_path: Path) -> None:
    settings = settings_for(influx_server.url, influx_database, tmp_path)
    assert (await looked_at(settings)).status is CheckStatus.OK
    await asyncio.to_thread(asked, influx_server, f'DROP DATABASE "{influx_database}"')
    found = await looked_at(settings)
    assert found.status is CheckStatus.FAIL
    assert "database not found" in found.detail
    assert "HAULWATCH_INFLUX_TOKEN, _ORG and _BUCKET" in found.hint


@pytest.fixture
def guarded_influx(tmp_path: Path) -> Iterator[InfluxServer]:
    """An InfluxDB that asks who writes."""
    server = InfluxServer(tmp_path / "influxdb", {"INFLUXDB_HTTP_AUTH_ENABLED": "true"})
    try:
        server.start()
        server.start_nginx()
        asked(server, "CREATE USER admin WITH PASSWORD 'admin' WITH ALL PRIVILEGES")
        asked(server, "CREATE DATABASE haulwatch", user="admin")
        yield server
    finally:
        server.close()


@pytest.mark.real
async def test_a_wrong_token_is_a_failure_although_the_ping_is_answered(
    guarded_influx: InfluxServer, tmp_path: Path
) -> None:
    settings = settings_for(guarded_influx.url, "haulwatch", tmp_path)
    assert (await asyncio.to_thread(guarded_influx.version)).startswith("1.")
    found = await looked_at(settings)
    assert found.status is CheckStatus.FAIL
    assert "401" in found.detail
    assert "a-secret-of-16-chars" not in str(found)


@asynccontextmanager
async def pretender(answer_to_query: bytes) -> AsyncIterator[str]:
    """A server that confirms every write with 204, as VictoriaMetrics does, and keeps nothing that InfluxQL finds."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next((int(v) for k, v in _headers(head) if k == "content-length"), 0)
                await reader.readexactly(length)
                if b" /query" in head.split(b"\r\n")[0]:
                    body, status = answer_to_query, "200 OK"
                else:
                    body, status = b"", "204 No Content"
                writer.write(
                    f"HTTP/1.1 {status}\r\nX-Influxdb-Version: 1.8.0\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                )
                writer.write(body)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()


NO_CITY = cast("CurrentCity", None)
"""The recorder does not come so far."""
DATABASES = b'{"results":[{"name":"databases","series":[{"name":"databases","columns":["name"],"values":[["_"]]}]}]}'
"""What such a server answers to whatever it is asked in InfluxQL."""
ANSWERS = [DATABASES, b'{"results":[{"series":[{"values":[]}]}]}', b'{"results":[{}]}', b'{"results":[]}', b"ok", b"{}"]


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_server_that_confirms_everything_and_counts_nothing_is_refused(answer: bytes, tmp_path: Path) -> None:
    async with pretender(answer) as url:
        found = await looked_at(settings_for(url, "haulwatch", tmp_path))
    assert found.status is CheckStatus.FAIL
    assert found.hint


async def test_the_recorder_does_not_start_on_such_a_server(tmp_path: Path) -> None:
    async with pretender(DATABASES) as url:
        settings = settings_for(url, f"b-{uuid4().hex}", tmp_path)
        with pytest.raises(StoreForgets, match="is not InfluxDB"):
            async with recorder_parts(settings, NO_CITY):
                pass


async def test_the_embedded_store_is_proved_and_never_made_in_a_directory_that_is_not_there(tmp_path: Path) -> None:
    there = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})
    assert (await looked_at(there)).status is CheckStatus.OK
    found = await looked_at(load_settings({"HAULWATCH_DATA_DIR": str(tmp_path / "typo")}))
    assert found.status is CheckStatus.FAIL
    assert "no such data directory" in found.detail
    assert not (tmp_path / "typo").exists()


class Crowded(SqliteStore):
    """Other processes prove the same store in the same moment."""

    others = 2

    async def rows(
        self, kind: str, device_id: str, start: int, end: int, *, limit: int, part: str | None = None
    ) -> list[Row]:
        if self.others:
            self.others -= 1
            await self.write([Point(kind, (("device", device_id),), {"mark": "of another"}, start)])
        return await super().rows(kind, device_id, start, end, limit=limit, part=part)


async def test_processes_that_prove_a_store_at_once_all_find_that_it_keeps_what_it_confirms(tmp_path: Path) -> None:
    store = Crowded(tmp_path / "points.db")
    await prove(store, 1_700_000_000_000)
    assert store.others == 0
    await store.close()
