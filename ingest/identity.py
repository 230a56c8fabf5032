"""What is new, what a duplicate, what a conflict: decisions 2 and 4 of ARCHITECTURE.md.

A reading is asked for, in this order and no further than needed: among the batch's own readings; against the newest
instant of its series (a later one is new without a question); in a bounded memory of recent instants; in the store.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import blake2b
from typing import Final, Protocol

from pydantic_core import to_json

from devices.series import FieldValue, SeriesKey
from ingest.reading_line import measured_before
from ingest.store import Instant
from ingest.store.line_protocol import decode_fields

MEMORY_INSTANTS: Final = 20_000
"""About 10 MB; holds what a broker sends again after a lost acknowledgement, and a fleet's last minute."""
_PARTS: Final = 8
"""The oldest eighth of the memory is given up at once."""
_LAST_BATCHES: Final = 2
"""Never given up, however large: what is being written is not in the store yet, so it has to be remembered."""


class Standing(Protocol):
    """The part of a store that knows what it holds."""

    async def standing(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]: ...

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]: ...


class Verdict(Enum):
    """What a reading is beside those that stand."""

    NEW = auto()
    DUPLICATE = auto()
    CONFLICT = auto()


@dataclass(frozen=True, slots=True)
class Classified:
    """A batch's verdicts, in its order, and what to remember of it once it is settled."""

    verdicts: Sequence[Verdict]
    marks: Mapping[SeriesKey, int]
    """The newest instant of each series whose mark has moved, device time, ms."""
    new_series: Sequence[SeriesKey]
    """Those among them that had none."""
    seen: dict[Instant, str] = field(repr=False)
    """What stands at the instants the batch speaks of."""


def content_digest(measured: str) -> bytes:
    """16 bytes that two readings share only if they measured the same."""
    return blake2b(to_json(sorted(decode_fields(measured).items())), digest_size=16).digest()


class Identity:
    """The recorder's memory of what stands. `marks`: no settled instant of a series is later than its mark."""

    def __init__(self, marks: Mapping[SeriesKey, int], capacity: int = MEMORY_INSTANTS) -> None:
        self._marks = dict(marks)
        self._capacity = capacity
        self._recent: deque[dict[Instant, str]] = deque()
        """Batches, the newest last, small ones joined."""

    async def classify(
        self,
        readings: Sequence[tuple[Instant, str]],
        store: Standing,
        is_quarantined: Callable[[Instant, bytes], bool],
    ) -> Classified:
        """Judge a batch of instants and what was measured at each (see `ingest.reading_line`).

        Nothing is remembered before `remember`, so that a failed batch is judged afresh. `is_quarantined` tells
        whether a conflict of this instant with this content digest is a dead letter already: then the reading is a
        duplicate of that one. Raises what the store raises.
        """
        marks = self._marks
        new_series = list(dict.fromkeys([instant.series for instant, _ in readings if instant.series not in marks]))
        # They may have a past: the recorder's file can be younger than the store, so the first reading is not new
        # before the store has said where that ends.
        moved = dict(await store.newest(new_series)) if new_series else {}
        seen = await self._standing(readings, moved, store)
        refused: set[tuple[Instant, bytes]] = set()
        verdicts = []
        for instant, measured in readings:
            series, ts = instant.series, instant.ts
            newest = moved.get(series) or marks.get(series)
            if newest is None or ts > newest:  # so it is later than all that is seen of its series
                moved[series] = ts
                seen[instant] = measured
                verdicts.append(Verdict.NEW)
                continue
            stands = seen.get(instant)
            if stands is None:
                seen[instant] = measured
                verdicts.append(Verdict.NEW)
            elif stands == measured:
                verdicts.append(Verdict.DUPLICATE)
            else:
                key = (instant, content_digest(measured))
                known = key in refused or is_quarantined(*key)
                refused.add(key)
                verdicts.append(Verdict.DUPLICATE if known else Verdict.CONFLICT)
        return Classified(verdicts, moved, new_series, seen)

    def remember(self, classified: Classified) -> None:
        """The batch is settled."""
        self._marks.update(classified.marks)
        recent = self._recent
        if recent and len(recent[-1]) + len(classified.seen) <= self._capacity // _PARTS:
            recent[-1].update(classified.seen)
        else:
            recent.append(classified.seen)
        while len(recent) > _LAST_BATCHES and sum(map(len, recent)) > self._capacity:
            recent.popleft()

    def forget(self, instants: Iterable[Instant]) -> None:
        """The store has refused these after all: should they come again, it is asked."""
        for instant in instants:
            for part in self._recent:
                part.pop(instant, None)

    async def _standing(
        self, readings: Sequence[tuple[Instant, str]], ends: Mapping[SeriesKey, int], store: Standing
    ) -> dict[Instant, str]:
        marks = self._marks
        seen: dict[Instant, str] = {}
        questions: dict[Instant, None] = {}
        for instant, _ in readings:
            mark = marks.get(instant.series) or ends.get(instant.series)
            if mark is None or instant.ts > mark or instant in seen:
                continue
            recent = next((part[instant] for part in reversed(self._recent) if instant in part), None)
            if recent is None:
                questions[instant] = None
            else:
                seen[instant] = recent
        if questions:
            for instant, fields in (await store.standing(list(questions))).items():
                seen[instant] = measured_before(instant.series.kind, fields)
        return seen
