"""InfluxDB behind the store port: writes line protocol through influxdb-client, reads InfluxQL over httpx.

`influx_answers` sorts its HTTP answers. The deployment creates databases and buckets; this module never does.
"""

import asyncio
import gzip
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import httpx
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from devices.readings.models import Kind
from devices.readings.series import FieldValue, Point, SeriesKey
from ingest.store import (
    Bounds,
    Instant,
    Row,
    StoreFailing,
    StoreMisconfigured,
    StoreOverasked,
    StoreRejected,
    StoreUnavailable,
    page,
)
from ingest.store.influx_answers import InfluxAnswer, dropped_oldest, first_result, retry_after_s, shown, sort_answer
from ingest.store.influxql import Series, count_all, read_series, select
from ingest.store.line_protocol import Unencodable, encode_point

_LINES_PER_WRITE: Final = 5_000
"""InfluxDB's own advice; about 1.5 MB before compression."""
_DEVICES_PER_QUERY: Final = 100
_WINDOW_MS: Final = 300_000
"""One query asks for the instants of one window: 100 devices with one reading every 10 s are 3,000 rows."""
_MOST_WINDOWS: Final = 4
"""Instants of one device in more windows are looked up page by page instead."""
_PAGE_ROWS: Final = 2_000
"""Of each series of the device."""
_MOST_PAGES: Final = 20
"""For one device at once: half a day of rows once a second. Old times without end must not cost a query each."""
_MAX_CONCURRENT_QUERIES: Final = 8
_TIMEOUT_S: Final = 30.0
_GZIP_LEVEL: Final = 1
_STATUS_WRITTEN: Final = 204
_STATUS_FAILED: Final = 500

_Rejected = list[tuple[int, str]]


class InfluxStore:
    """InfluxDB 1.8, 2.x or 3 at `url`; `token` is `user:password` for 1.8. Implements Store, LineStore and History.

    `database` is the name of the bucket in InfluxQL: the bucket's own name unless a DBRP mapping gives another. Bodies
    are compressed unless the store is on this machine, where compressing takes longer than sending.
    """

    def __init__(
        self, url: str, token: str, org: str, bucket: str, *, database: str | None = None, compress: bool | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._org = org
        self._bucket = bucket
        self._compress = not _is_this_machine(url) if compress is None else compress
        self._writer: InfluxDBClientAsync | None = None
        self._database = database or bucket
        self._reader = self._new_reader()
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT_QUERIES)

    def _new_reader(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._url,
            params={"db": self._database, "epoch": "ms"},
            headers={"Authorization": f"Token {self._token}"},
            timeout=_TIMEOUT_S,
        )

    async def _trust_anew(self, error: Exception) -> None:
        """After a failure of TLS, read the authorities again for the next attempt: they may have been renewed."""
        if "SSL" in repr(error) or "CERTIFICATE" in repr(error).upper():
            await self.close()
            self._reader = self._new_reader()

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.close()  # type: ignore[no-untyped-call]
            self._writer = None
        await self._reader.aclose()

    async def ping(self) -> str:
        answer = await self._ask("GET", "/ping")
        return f"InfluxDB {answer.headers.get('X-Influxdb-Version', 'of unknown version')}"

    # Writing

    async def write(self, points: Sequence[Point]) -> None:
        lines, indices, rejected = [], [], []
        for index, point in enumerate(points):
            try:
                lines.append(encode_point(point))
                indices.append(index)
            except Unencodable as exc:
                rejected.append((index, str(exc)))
        try:
            await self.write_lines(lines)
        except StoreRejected as exc:
            rejected += [(indices[line], reason) for line, reason in exc.rejected]
        if rejected:
            raise StoreRejected(sorted(rejected))

    async def write_lines(self, lines: Sequence[str]) -> None:
        rejected: _Rejected = []
        for start in range(0, len(lines), _LINES_PER_WRITE):
            rejected += await self._write(lines, start, min(start + _LINES_PER_WRITE, len(lines)))
        if rejected:
            raise StoreRejected(rejected)

    async def _write(self, lines: Sequence[str], start: int, end: int) -> _Rejected:
        """Write the lines from `start` up to `end`, and return those that the store rejects."""
        try:
            await self._post("\n".join(lines[start:end]).encode())
        except ApiException as exc:
            detail = f"HTTP {exc.status}: {shown(exc.body)}"
            if (dropped := dropped_oldest(exc.body or b"")) and dropped <= end - start:
                oldest = sorted(range(start, end), key=lambda index: _ts_of(lines[index]))[:dropped]
                return [(index, detail) for index in oldest]
            match sort_answer(exc.status, exc.body or b""):
                case InfluxAnswer.SPLIT | InfluxAnswer.POISON if end - start == 1:
                    return [(start, detail)]
                case InfluxAnswer.SPLIT | InfluxAnswer.POISON:
                    middle = (start + end) // 2
                    return await self._write(lines, start, middle) + await self._write(lines, middle, end)
                case InfluxAnswer.RETRY:
                    error = StoreFailing if exc.status == _STATUS_FAILED else StoreUnavailable
                    raise error(detail, retry_after_s(exc.retry_after)) from exc
                case _:
                    raise StoreMisconfigured(f"{detail}: check URL, token, organisation and bucket") from exc
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            await self._trust_anew(exc)
            raise StoreUnavailable(f"{self._url}: {exc!r}") from exc
        return []

    async def _post(self, body: bytes) -> None:
        if self._writer is None:  # here, not in __init__: it needs the running event loop
            self._writer = InfluxDBClientAsync(
                self._url,
                self._token,
                self._org,
                timeout=int(_TIMEOUT_S * 1000),
                allow_redirects=False,  # a redirect may end at a login page that answers 200
            )
        encoding = {}
        if self._compress:
            # Not by the client, which uses the highest level: five times as long for a tenth less.
            body = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL)
            encoding = {"content_encoding": "gzip"}
        writing: Any = WriteService(self._writer.api_client)  # type: ignore[no-untyped-call]
        _, status, _ = await writing.post_write_async(
            self._org, self._bucket, body, precision=WritePrecision.MS, _return_http_data_only=False, **encoding
        )
        if status != _STATUS_WRITTEN:
            raise StoreMisconfigured(f"{self._url}: HTTP {status} to a write, InfluxDB answers 204: check the URL")

    # Instants that are stored

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        wanted = frozenset(instants)
        by_device: defaultdict[tuple[str, str], list[Instant]] = defaultdict(list)
        for instant in wanted:
            by_device[instant.series.kind, instant.series.device_id].append(instant)
        together, scattered = list[Instant](), list[list[Instant]]()
        for asked in by_device.values():
            windows_of_device = {instant.ts // _WINDOW_MS for instant in asked}
            if len(windows_of_device) > _MOST_WINDOWS:
                scattered.append(asked)
            else:
                together += asked
        found = await self._in_windows(together, wanted)
        unanswered: set[Instant] = set()
        for of_device, missed in await asyncio.gather(*map(self._scattered, scattered)):
            found |= of_device
            unanswered |= missed
        if unanswered:
            raise StoreOverasked(found, unanswered)
        return found

    async def _scattered(
        self, asked: Sequence[Instant]
    ) -> tuple[dict[Instant, Mapping[str, FieldValue]], set[Instant]]:
        """Fields at instants of one kind and device that lie far apart, and the instants that were not looked up.

        Each query returns a page of whatever stands from an instant on, which is little where the device sent little.
        """
        kind, device_id = asked[0].series.kind, asked[0].series.device_id
        wanted, times = frozenset(asked), sorted({instant.ts for instant in asked})
        found: dict[Instant, Mapping[str, FieldValue]] = {}
        at = 0
        for _ in range(_MOST_PAGES):
            if at == len(times):
                break
            statement = select(
                "*::field", kind, devices=[device_id], start=times[at], end=times[-1] + 1, limit=_PAGE_ROWS
            )
            complete_until = times[-1]
            for series in await self._select(kind, statement):
                if len(series.rows) >= _PAGE_ROWS:
                    complete_until = min(complete_until, series.rows[-1][0])
                key = SeriesKey(Kind(kind), series.device_id, series.part)
                found |= {Instant(key, ts): fields for ts, fields in series.rows if Instant(key, ts) in wanted}
            at = bisect_right(times, complete_until)
        missed = {instant for instant in wanted if at < len(times) and instant.ts >= times[at]}
        return {instant: fields for instant, fields in found.items() if instant not in missed}, missed

    async def _in_windows(
        self, instants: Iterable[Instant], wanted: Collection[Instant]
    ) -> dict[Instant, Mapping[str, FieldValue]]:
        windows: defaultdict[tuple[str, int], list[Instant]] = defaultdict(list)
        for instant in instants:
            windows[instant.series.kind, instant.ts // _WINDOW_MS].append(instant)
        statements = []
        for (kind, _), in_window in windows.items():
            start, end = min(instant.ts for instant in in_window), max(instant.ts for instant in in_window) + 1
            for devices in _by_hundreds({instant.series.device_id for instant in in_window}):
                statement = select("*::field", kind, devices=devices, start=start, end=end)
                statements.append((kind, statement))
        found: dict[Instant, Mapping[str, FieldValue]] = {}
        for key, ts, fields in await self._select_all(statements):
            instant = Instant(key, ts)
            if instant in wanted:
                found[instant] = fields
        return found

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]:
        kinds: defaultdict[str, set[str]] = defaultdict(set)
        for key in series:
            kinds[key.kind].add(key.device_id)
        statements = [
            (kind, select("*::field", kind, devices=chunk, newest_first=True, limit=1))
            for kind, devices in kinds.items()
            for chunk in _by_hundreds(devices)
        ]
        wanted = frozenset(series)
        return {key: ts for key, ts, _ in await self._select_all(statements) if key in wanted}

    async def _select_all(
        self, statements: Iterable[tuple[str, str]]
    ) -> list[tuple[SeriesKey, int, Mapping[str, FieldValue]]]:
        async def select_rows(kind: str, statement: str) -> list[tuple[SeriesKey, int, Mapping[str, FieldValue]]]:
            return [
                (SeriesKey(Kind(kind), series.device_id, series.part), ts, fields)
                for series in await self._select(kind, statement)
                for ts, fields in series.rows
            ]

        answers = await asyncio.gather(*(select_rows(kind, statement) for kind, statement in statements))
        return [row for answer in answers for row in answer]

    # History

    async def latest(self, kind: str, device_id: str) -> list[Row]:
        return await self.latest_of(kind, [device_id])

    async def latest_of(self, kind: str, device_ids: Collection[str]) -> list[Row]:
        statements = [
            select("*::field", kind, devices=chunk, newest_first=True, limit=1)
            for chunk in _by_hundreds(set(device_ids))
        ]
        answers = await asyncio.gather(*(self._select(kind, statement) for statement in statements))
        rows = _rows(series for answer in answers for series in answer)
        return sorted(rows, key=lambda row: row.device_id)  # stable: rows of one device stay in the order of time

    async def latest_located(self, device_ids: Collection[str]) -> list[Row]:
        statements = [
            select("*::field", Kind.POSITION, devices=chunk, located=True, newest_first=True, limit=1)
            for chunk in _by_hundreds(set(device_ids))
        ]
        answers = await asyncio.gather(*(self._select(Kind.POSITION, statement) for statement in statements))
        return sorted(_rows(series for answer in answers for series in answer), key=lambda row: row.device_id)

    async def positions_within(
        self, device_ids: Collection[str], start: int, end: int, box: Bounds, *, limit: int
    ) -> list[Row]:
        found: list[Row] = []
        for chunk in _by_hundreds(set(device_ids)):
            left = limit + 1 - len(found)
            # Counted first: the limit of a statement is one for each device, and a hundred may stand there for days.
            counting = select('count("lat")', Kind.POSITION, devices=chunk, start=start, end=end, box=box)
            counted = {one.device_id: one.rows[0][1]["count"] for one in await self._select(Kind.POSITION, counting)}
            devices, total = list[str](), 0
            for device_id in sorted(counted):
                if total < left:
                    devices.append(device_id)
                    total += int(counted[device_id])
            if devices:
                statement = select(
                    "*::field", Kind.POSITION, devices=devices, start=start, end=end, box=box, limit=left
                )
                rows = _rows(await self._select(Kind.POSITION, statement))
                found += sorted(rows, key=lambda row: (row.device_id, row.ts))[:left]
            if len(found) > limit:
                break
        return found

    async def rows(
        self, kind: str, device_id: str, start: int, end: int, *, limit: int, part: str | None = None
    ) -> list[Row]:
        statement = select("*::field", kind, devices=[device_id], part=part, start=start, end=end, limit=limit + 1)
        return page(_rows(await self._select(kind, statement)), limit)

    async def downsampled(
        self, kind: str, device_id: str, start: int, end: int, *, every_ms: int, limit: int
    ) -> list[Row]:
        statement = select(
            "mean(*)", kind, devices=[device_id], start=start, end=end, every_ms=every_ms, limit=limit + 1
        )
        return page(_rows(await self._select(kind, statement, prefix="mean_")), limit)

    async def count(self, kind: str) -> int:
        result = await self._query(count_all(kind))
        counts = [value for series in result.get("series", ()) for row in series["values"] for value in row[1:]]
        return max((value for value in counts if value is not None), default=0)

    # HTTP

    async def _select(self, kind: str, statement: str, prefix: str = "") -> list[Series]:
        return list(read_series(await self._query(statement), kind, prefix))

    async def _query(self, statement: str) -> Mapping[str, Any]:
        async with self._slots:
            answer = await self._ask("POST", "/query", {"q": statement})
        result = first_result(answer.content)
        error = result.get("error")
        if error is not None:
            raise (StoreMisconfigured if "not found" in error else StoreUnavailable)(
                f"{error} in answer to {statement}"
            )
        if result.get("partial") or any(series.get("partial") for series in result.get("series", ())):
            raise StoreMisconfigured("InfluxDB cut its answer short: set [http] max-row-limit = 0")
        return result

    async def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> httpx.Response:
        try:
            answer = await self._reader.request(method, path, data=form)
        except httpx.HTTPError as exc:
            await self._trust_anew(exc)
            raise StoreUnavailable(f"{self._url}: {exc!r}") from exc
        match sort_answer(answer.status_code, answer.content):
            case InfluxAnswer.DONE:
                return answer
            case InfluxAnswer.RETRY:
                detail = f"HTTP {answer.status_code}: {shown(answer.content)}"
                raise StoreUnavailable(detail, retry_after_s(answer.headers.get("Retry-After")))
            case _:
                raise StoreMisconfigured(f"HTTP {answer.status_code} to {path}: {shown(answer.content)}")


def _ts_of(line: str) -> int:
    return int(line.rpartition(" ")[2])


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _rows(found: Iterable[Series]) -> list[Row]:
    rows = [Row(ts, series.device_id, series.part, fields) for series in found for ts, fields in series.rows]
    return sorted(rows, key=lambda row: (row.ts, row.part))


def _by_hundreds(devices: Collection[str]) -> Iterable[list[str]]:
    ordered = iter(sorted(devices))
    while chunk := list(islice(ordered, _DEVICES_PER_QUERY)):
        yield chunk
