"""Time-series stores behind one port: points and lines enter, rows leave. InfluxDB in production, SQLite embedded.

Called by the recorder, the alert publisher and the board feed (writing), and by the API (reading).

StoreError
├── StoreUnavailable       keep everything and try again, for ever; `retry_after` seconds if the store named a time
│   ├── StoreFailing       HTTP 500: perhaps for one point alone, see `ingest.store.halving`
│   └── StoreMisconfigured keep everything, try again, and alarm an operator: token, bucket or URL is wrong
├── StoreOverasked         one device was asked for at too many times: the others' answers are in it
└── StoreRejected          the store rejects these points for good: quarantine them, the others are written
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from devices.errors import OperatorError
from devices.readings.series import FieldValue, Point, SeriesKey


class StoreError(OperatorError):
    """The store did not write or read."""


class StoreUnavailable(StoreError):
    """Network error, HTTP 408, 429 or 5xx, a locked file, a full disk."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StoreFailing(StoreUnavailable):
    """HTTP 500: the store failed at this call. Another call may succeed."""


class StoreMisconfigured(StoreUnavailable):
    """HTTP 401, 403, 404: nothing is written until a person corrects the settings."""


class StoreRejected(StoreError):
    """HTTP 400, 422: the store rejects some points of the call. Every other point of it is durable."""

    def __init__(self, rejected: Sequence[tuple[int, str]]) -> None:
        super().__init__(f"{len(rejected)} points rejected, the first: {rejected[0][1] if rejected else ''}")
        self.rejected = tuple(rejected)
        """Index in the call, and the reason."""


class StoreOverasked(StoreError):
    """The instants of a device lie so far apart that looking all of them up would hold up the others."""

    def __init__(self, found: "Mapping[Instant, Mapping[str, FieldValue]]", unanswered: "Collection[Instant]") -> None:
        super().__init__(f"{len(unanswered)} instants were not looked up")
        self.found = found
        """The answer as to the other instants."""
        self.unanswered = unanswered


class Instant(Struct, frozen=True, gc=False):
    """One series at one device time. It is stored once. One object is made for each reading."""

    series: SeriesKey
    ts: int


class Store(Protocol):
    """Port of everyone who writes points."""

    async def write(self, points: Sequence[Point]) -> None:
        """Return when every point is durable. Writing a point twice changes nothing.

        Raises StoreUnavailable, StoreMisconfigured, StoreRejected.
        """

    async def ping(self) -> str:
        """Name and version of the store that answers. Raises StoreUnavailable, StoreMisconfigured."""

    async def close(self) -> None: ...


class LineStore(Protocol):
    """Port of the recorder."""

    async def write_lines(self, lines: Sequence[str]) -> None:
        """As `Store.write`, for points that are encoded by `ingest.store.line_protocol` already."""

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        """Fields of the instants that are stored; the others are absent.

        Raises StoreUnavailable, StoreOverasked.
        """

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]:
        """Device time of the last stored reading of each series; a series without one is absent.

        Raises StoreUnavailable.
        """


class Bounds(NamedTuple):
    """A rectangle of degrees, edges included."""

    west: float
    south: float
    east: float
    north: float


class Row(NamedTuple):
    """One stored or aggregated reading."""

    ts: int
    device_id: str
    part: str
    """Compartment for fill, empty otherwise."""
    fields: Mapping[str, FieldValue]


class History(Protocol):
    """Port of the API. `kind` is a measurement name of `devices.readings.series`."""

    async def latest(self, kind: str, device_id: str) -> list[Row]:
        """The newest row of each series of the device (one per compartment for fill)."""

    async def latest_of(self, kind: str, device_ids: Collection[str]) -> list[Row]:
        """As `latest`, for many devices, in the order of their ids; a device without a row is absent."""

    async def latest_located(self, device_ids: Collection[str]) -> list[Row]:
        """The newest position of each device that is not stored as `located` false, in the order of their ids.

        A device without one is absent.
        """

    async def positions_within(
        self, device_ids: Collection[str], start: int, end: int, box: Bounds, *, limit: int
    ) -> list[Row]:
        """Positions with start <= ts < end whose coordinates, as they are stored, lie in a rectangle; ordered by device
        and time.

        At most `limit` + 1 rows: as many say that there are more, of devices later in the order as well.
        """

    async def rows(
        self, kind: str, device_id: str, start: int, end: int, *, limit: int, part: str | None = None
    ) -> list[Row]:
        """Rows with start <= ts < end, oldest first, at most `limit`; the next page starts at the last ts + 1.

        A page holds whole instants, so that no compartment is lost between two pages: it is shorter than `limit` where
        needed, and longer only if a single instant has more rows than `limit`.
        """

    async def downsampled(
        self, kind: str, device_id: str, start: int, end: int, *, every_ms: int, limit: int
    ) -> list[Row]:
        """Mean of every numeric field per window. Windows are aligned to 1970; empty windows are absent.

        Paged as `rows`; the next page starts at the last window + every_ms.
        """

    async def count(self, kind: str) -> int:
        """Number of stored readings of one kind."""


def page(rows: Sequence[Row], limit: int) -> list[Row]:
    """Cut ordered rows to a page of whole instants. Pass more than `limit` rows if there are more."""
    if len(rows) <= limit:
        return list(rows)
    cut = rows[limit].ts
    return [row for row in rows if row.ts < cut] or [row for row in rows if row.ts == cut]
