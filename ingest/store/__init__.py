"""Time-series stores behind one port: InfluxDB in production, SQLite embedded.

StoreError
├── StoreUnavailable   keep everything and try again, for ever; `retry_after` seconds if the store said so
├── StoreMisconfigured keep everything, try again, and tell an operator: token, bucket or URL is wrong
└── StoreRejected      these points will never be taken: quarantine them, the others are written
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from devices.errors import OperatorError
from devices.readings.series import FieldValue, Point, SeriesKey


class StoreError(OperatorError):
    """The store did not take or give what it was asked."""


class StoreUnavailable(StoreError):
    """Network error, 408, 429, 5xx, locked or full disk."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StoreMisconfigured(StoreUnavailable):
    """401, 403, 404: nothing will be written until a person mends the settings."""


class StoreRejected(StoreError):
    """400, 422: the points at these places of the call are poison, and why; every other point of it is durable."""

    def __init__(self, rejected: Sequence[tuple[int, str]]) -> None:
        super().__init__(f"{len(rejected)} points rejected, the first: {rejected[0][1] if rejected else ''}")
        self.rejected = tuple(rejected)


class Instant(Struct, frozen=True, gc=False):
    """One series at one device time: what can be stored once. One is made for each reading."""

    series: SeriesKey
    ts: int


class Store(Protocol):
    """What those need who write points."""

    async def write(self, points: Sequence[Point]) -> None:
        """Return when every point is durable. Writing a point twice changes nothing.

        Raises StoreUnavailable, StoreMisconfigured, StoreRejected.
        """

    async def ping(self) -> str:
        """Say what answers (name and version). Raises StoreUnavailable, StoreMisconfigured."""

    async def close(self) -> None: ...


class LineStore(Protocol):
    """What the recorder needs."""

    async def write_lines(self, lines: Sequence[str]) -> None:
        """The same as `Store.write`, of points as `line_protocol` encodes them."""

    async def standing(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        """Fields of those instants that are stored already; the others are absent. Raises StoreUnavailable."""

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]:
        """Device time of the last stored reading of each series; a series without one is absent.

        Raises StoreUnavailable.
        """


class Row(NamedTuple):
    """One stored or aggregated reading, as read back."""

    ts: int
    device_id: str
    part: str
    """Compartment for fill, empty otherwise."""
    fields: Mapping[str, FieldValue]


class History(Protocol):
    """What the API needs. `kind` is a measurement name of devices.readings.series."""

    async def latest(self, kind: str, device_id: str) -> list[Row]:
        """The newest row of each series of the device (one per compartment for fill)."""

    async def latest_of(self, kind: str, device_ids: Collection[str]) -> list[Row]:
        """The same of many devices, in the order of their ids; a device without a row is absent."""

    async def rows(
        self, kind: str, device_id: str, start: int, end: int, *, limit: int, part: str | None = None
    ) -> list[Row]:
        """Rows with start <= ts < end, oldest first, at most `limit`; the next page starts at the last ts + 1.

        A page ends with an instant, so that no compartment is lost between two: it is shorter where it must be, and
        longer only if a single instant has more rows than `limit`.
        """

    async def downsampled(
        self, kind: str, device_id: str, start: int, end: int, *, every_ms: int, limit: int
    ) -> list[Row]:
        """Mean of every numeric field per window (window starts aligned to 1970, empty windows absent).

        Paged like rows; the next page starts at the last window + every_ms.
        """

    async def count(self, kind: str) -> int:
        """Number of stored readings of one kind."""


def page(rows: Sequence[Row], limit: int) -> list[Row]:
    """Cut ordered rows to a page of whole instants. Give it more than `limit` rows where there are more."""
    if len(rows) <= limit:
        return list(rows)
    cut = rows[limit].ts
    return [row for row in rows if row.ts < cut] or [row for row in rows if row.ts == cut]
