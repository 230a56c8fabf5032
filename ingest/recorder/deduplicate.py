"""Deduplicate step: finds which readings are new, duplicates or conflicts (decisions 2 and 4 of ARCHITECTURE.md).

A reading is looked up in this order, and no further than needed: the batch itself; the newest instant of its series (a
later reading is new without a question); a bounded memory of recent instants; the store.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import blake2b
from typing import Final, Protocol

from pydantic_core import to_json

from devices.readings.models import Kind
from devices.readings.series import FieldValue, SeriesKey
from ingest.recorder.accepted import AcceptedReading, SeriesState
from ingest.recorder.line import measured_before
from ingest.store import Instant, StoreOverasked
from ingest.store.line_protocol import decode_fields

MEMORY_INSTANTS: Final = 20_000
"""About 10 MB: what a broker sends again after a lost acknowledgement, and the last minute of a fleet."""
_PARTS: Final = 8
"""The oldest eighth of the memory is dropped at once."""
_LAST_BATCHES: Final = 2
"""Never dropped, however large: what is being written is not in the store yet, so it must be remembered."""


_SeriesInstant = tuple[SeriesState, int]
"""A series and a device time, ms."""


class StoredReadings(Protocol):
    """The part of a store that the recorder asks for stored readings."""

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]: ...

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]: ...


class Disposition(Enum):
    """A reading compared with those before it."""

    NEW = auto()
    DUPLICATE = auto()
    """Same instant, same content."""
    CONFLICT = auto()
    """Same instant, other content."""
    NOT_COMPARED = auto()
    """The store was not asked what stands at its instant, since its device sent too many scattered ones."""


@dataclass(frozen=True, slots=True)
class DeduplicatedBatch:
    """Dispositions of a batch, in its order, and what to remember once it is committed."""

    dispositions: Sequence[Disposition]
    newest_by_series: Mapping[SeriesState, int]
    """Of each series whose newest instant has moved, device time, ms."""
    new_series: Sequence[SeriesState]
    """Those without a newest instant before."""
    content_at: dict[_SeriesInstant, str] = field(repr=False)
    """Content that stands at the instants of the batch."""


def _session(measured: str) -> int:
    found = decode_fields(measured).get("session")
    return found if isinstance(found, int) else -1


def content_digest(measured: str) -> bytes:
    """Return 16 bytes that two readings share only if they measured the same."""
    return blake2b(to_json(sorted(decode_fields(measured).items())), digest_size=16).digest()


class Deduplicator:
    """Remembers the contents of recent instants; `SeriesState.newest_ts` holds the newest instant of each series."""

    def __init__(self, capacity: int = MEMORY_INSTANTS) -> None:
        self.capacity = capacity
        self._recent: deque[dict[_SeriesInstant, str]] = deque()
        """Contents by batch, the newest last, small batches joined."""

    async def classify(
        self,
        readings: Sequence[AcceptedReading],
        store: StoredReadings,
        is_quarantined: Callable[[Instant, bytes], bool],
    ) -> DeduplicatedBatch:
        """Find the disposition of each reading.

        Has no side effect before `remember`: a failed batch can be classified again. `is_quarantined` returns
        whether a conflict at this instant with this content digest is a dead letter already: then the reading is a
        duplicate of that one. Raises what the store raises.
        """
        doubtful = [
            reading
            for reading in readings
            if reading.series.newest_ts is None or reading.ts <= reading.series.newest_ts
        ]
        new_series = list(dict.fromkeys([reading.series for reading in doubtful if reading.series.newest_ts is None]))
        # The recorder's file can be younger than the store, so a new series may have a past there: its first reading is
        # not new before the store has answered where that past ends.
        stored_newest = await store.newest([series.key for series in new_series]) if new_series else {}
        moved = {series: stored_newest[series.key] for series in new_series if series.key in stored_newest}
        content_at, unknown = await self._contents_at(doubtful, moved, store) if doubtful else ({}, frozenset())
        refused: set[tuple[Instant, bytes]] = set()
        dispositions = []
        new = Disposition.NEW  # Python 3.11 looks up a member by a call
        for reading in readings:
            series, ts = reading.series, reading.ts
            newest_ts = moved.get(series) or series.newest_ts
            if newest_ts is None or ts > newest_ts:  # later than every reading of its series so far
                moved[series] = ts
                content_at[series, ts] = reading.measured
                dispositions.append(new)
                continue
            content = content_at.get((series, ts))
            if content is None and unknown and Instant(series.key, ts) in unknown:
                dispositions.append(Disposition.NOT_COMPARED)
            elif content is None:
                content_at[series, ts] = reading.measured
                dispositions.append(new)
            elif content == reading.measured:
                dispositions.append(Disposition.DUPLICATE)
            elif series.key.kind is Kind.STATUS and _session(reading.measured) > _session(content):
                content_at[series, ts] = reading.measured  # connected again in the same second: the newer one stands
                dispositions.append(new)
            else:
                key = (Instant(series.key, ts), content_digest(reading.measured))
                is_refused = key in refused or is_quarantined(*key)
                refused.add(key)
                dispositions.append(Disposition.DUPLICATE if is_refused else Disposition.CONFLICT)
        return DeduplicatedBatch(dispositions, moved, new_series, content_at)

    def remember(self, deduplicated: DeduplicatedBatch) -> None:
        """Remember a batch that is committed."""
        for series, ts in deduplicated.newest_by_series.items():
            series.newest_ts = ts
        recent, content_at = self._recent, deduplicated.content_at
        if recent and len(recent[-1]) + len(content_at) <= self.capacity // _PARTS:
            recent[-1].update(content_at)
        else:
            recent.append(content_at)
        while len(recent) > _LAST_BATCHES and sum(map(len, recent)) > self.capacity:
            recent.popleft()

    def forget(self, series: SeriesState, ts: int) -> None:
        """Forget a reading that the store rejected: if it comes again, the store is asked."""
        for part in self._recent:
            part.pop((series, ts), None)

    async def _contents_at(
        self, doubtful: Sequence[AcceptedReading], moved: Mapping[SeriesState, int], store: StoredReadings
    ) -> tuple[dict[_SeriesInstant, str], Collection[Instant]]:
        """Contents at the instants of these readings, from memory or else the store; and which it was not asked for."""
        content_at: dict[_SeriesInstant, str] = {}
        unknown: Collection[Instant] = ()
        questions: dict[Instant, _SeriesInstant] = {}
        for reading in doubtful:
            series, at = reading.series, (reading.series, reading.ts)
            newest_ts = series.newest_ts or moved.get(series)
            if newest_ts is None or reading.ts > newest_ts or at in content_at:
                continue
            remembered = next((part[at] for part in reversed(self._recent) if at in part), None)
            if remembered is None:
                questions[Instant(series.key, reading.ts)] = at
            else:
                content_at[at] = remembered
        if questions:
            try:
                found = await store.stored_fields(list(questions))
            except StoreOverasked as exc:
                found, unknown = exc.found, exc.unanswered
            for instant, fields in found.items():
                content_at[questions[instant]] = measured_before(instant.series.kind, fields)
        return content_at, unknown
