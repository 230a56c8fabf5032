"""What is new, what a duplicate, what a conflict: decisions 2 and 4 of ARCHITECTURE.md.

A reading is asked for, in this order and no further than needed: among the batch's own readings; against the newest
instant of its series (a later one is new without a question); in a bounded memory of recent instants; in the store.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import blake2b
from typing import Final, Protocol

from pydantic_core import to_json

from devices.readings.series import FieldValue, SeriesKey
from ingest.recorder.accepted import AcceptedReading, SeriesState
from ingest.recorder.line import measured_before
from ingest.store import Instant
from ingest.store.line_protocol import decode_fields

MEMORY_INSTANTS: Final = 20_000
"""About 10 MB; holds what a broker sends again after a lost acknowledgement, and a fleet's last minute."""
_PARTS: Final = 8
"""The oldest eighth of the memory is given up at once."""
_LAST_BATCHES: Final = 2
"""Never given up, however large: what is being written is not in the store yet, so it has to be remembered."""


_At = tuple[SeriesState, int]
"""An instant of a series."""


class StoredReadings(Protocol):
    """The part of a store that knows what it holds."""

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]: ...

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]: ...


class Disposition(Enum):
    """What a reading is beside those that stand."""

    NEW = auto()
    DUPLICATE = auto()
    CONFLICT = auto()


@dataclass(frozen=True, slots=True)
class DeduplicatedBatch:
    """A batch's verdicts, in its order, and what to remember of it once it is settled."""

    verdicts: Sequence[Disposition]
    marks: Mapping[SeriesState, int]
    """The newest instant of each series whose mark has moved, device time, ms."""
    new_series: Sequence[SeriesState]
    """Those that had no mark."""
    seen: dict[_At, str] = field(repr=False)
    """What stands at the instants the batch speaks of."""


def content_digest(measured: str) -> bytes:
    """16 bytes that two readings share only if they measured the same."""
    return blake2b(to_json(sorted(decode_fields(measured).items())), digest_size=16).digest()


class Deduplicator:
    """The recorder's memory of what stands: the marks of series, and the contents of recent instants."""

    def __init__(self, capacity: int = MEMORY_INSTANTS) -> None:
        self._capacity = capacity
        self._recent: deque[dict[_At, str]] = deque()
        """Batches, the newest last, small ones joined."""

    async def classify(
        self,
        readings: Sequence[AcceptedReading],
        store: StoredReadings,
        is_quarantined: Callable[[Instant, bytes], bool],
    ) -> DeduplicatedBatch:
        """Judge a batch.

        Nothing is remembered before `remember`, so that a failed batch is judged afresh. `is_quarantined` tells
        whether a conflict of this instant with this content digest is a dead letter already: then the reading is a
        duplicate of that one. Raises what the store raises.
        """
        doubtful = [said for said in readings if said.series.newest is None or said.ts <= said.series.newest]
        new_series = list(dict.fromkeys([said.series for said in doubtful if said.series.newest is None]))
        # They may have a past: the recorder's file can be younger than the store, so the first reading is not new
        # before the store has said where that ends.
        ends = await store.newest([series.key for series in new_series]) if new_series else {}
        moved = {series: ends[series.key] for series in new_series if series.key in ends}
        seen = await self._standing(doubtful, moved, store) if doubtful else {}
        refused: set[tuple[Instant, bytes]] = set()
        verdicts = []
        for said in readings:
            series, ts = said.series, said.ts
            newest = moved.get(series) or series.newest
            if newest is None or ts > newest:  # so it is later than all that is seen of its series
                moved[series] = ts
                seen[series, ts] = said.measured
                verdicts.append(Disposition.NEW)
                continue
            stands = seen.get((series, ts))
            if stands is None:
                seen[series, ts] = said.measured
                verdicts.append(Disposition.NEW)
            elif stands == said.measured:
                verdicts.append(Disposition.DUPLICATE)
            else:
                key = (Instant(series.key, ts), content_digest(said.measured))
                known = key in refused or is_quarantined(*key)
                refused.add(key)
                verdicts.append(Disposition.DUPLICATE if known else Disposition.CONFLICT)
        return DeduplicatedBatch(verdicts, moved, new_series, seen)

    def remember(self, classified: DeduplicatedBatch) -> None:
        """The batch is settled."""
        for series, ts in classified.marks.items():
            series.newest = ts
        recent = self._recent
        if recent and len(recent[-1]) + len(classified.seen) <= self._capacity // _PARTS:
            recent[-1].update(classified.seen)
        else:
            recent.append(classified.seen)
        while len(recent) > _LAST_BATCHES and sum(map(len, recent)) > self._capacity:
            recent.popleft()

    def forget(self, series: SeriesState, ts: int) -> None:
        """The store has refused the reading of this instant after all: should it come again, it is asked."""
        for part in self._recent:
            part.pop((series, ts), None)

    async def _standing(
        self, doubtful: Sequence[AcceptedReading], ends: Mapping[SeriesState, int], store: StoredReadings
    ) -> dict[_At, str]:
        seen: dict[_At, str] = {}
        questions: dict[Instant, _At] = {}
        for said in doubtful:
            series, at = said.series, (said.series, said.ts)
            mark = series.newest or ends.get(series)
            if mark is None or said.ts > mark or at in seen:
                continue
            recent = next((part[at] for part in reversed(self._recent) if at in part), None)
            if recent is None:
                questions[Instant(series.key, said.ts)] = at
            else:
                seen[at] = recent
        if questions:
            for instant, fields in (await store.stored_fields(list(questions))).items():
                seen[questions[instant]] = measured_before(instant.series.kind, fields)
        return seen
