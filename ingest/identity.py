"""What is new, what a duplicate, what a conflict: decisions 2 and 4 of ARCHITECTURE.md.

A reading is asked for, in this order and no further than needed: among the batch's own readings; against the newest
instant of its series (a later one is new without a question); in a bounded memory of recent instants; in the store.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import blake2b
from typing import Final, Protocol

from pydantic_core import to_json

from devices.readings import Kind, Reading
from devices.series import FieldValue, Point, SeriesKey, content, series_key
from ingest.store import Instant

MEMORY_INSTANTS: Final = 20_000
"""About 20 MB; holds what a broker sends again after a lost acknowledgement, and a fleet's last minute."""

Content = Mapping[str, FieldValue]


class Standing(Protocol):
    """The part of a store that knows what it holds."""

    async def standing(self, instants: Sequence[Instant]) -> Mapping[Instant, Content]: ...

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
    seen: Mapping[Instant, Content] = field(repr=False)
    """What stands at the instants the batch speaks of."""


def content_digest(reading: Reading) -> bytes:
    """16 bytes that two readings share only if they measured the same."""
    return blake2b(to_json(sorted(content(reading).items())), digest_size=16).digest()


class Identity:
    """The recorder's memory of what stands. `marks` are the newest instants by series, as they were settled last."""

    def __init__(self, marks: Mapping[SeriesKey, int], capacity: int = MEMORY_INSTANTS) -> None:
        self._marks = dict(marks)
        self._recent: OrderedDict[Instant, Content] = OrderedDict()
        self._capacity = capacity

    async def classify(
        self, readings: Sequence[Reading], store: Standing, is_quarantined: Callable[[Instant, bytes], bool]
    ) -> Classified:
        """Judge a batch; nothing is remembered before `remember`, so that a failed batch is judged afresh.

        `is_quarantined` tells whether a conflict of this instant with this content digest is a dead letter already:
        then the reading is a duplicate of that one. Raises what the store raises.
        """
        instants = [Instant(series_key(reading), reading.ts) for reading in readings]
        marks = await self._known_marks(instants, store)
        seen = await self._standing(instants, marks, store)
        refused: set[tuple[Instant, bytes]] = set()
        verdicts = []
        for reading, instant in zip(readings, instants, strict=True):
            measured = content(reading)
            stands = seen.get(instant)
            if stands is None:
                seen[instant] = measured
                marks[instant.series] = max(instant.ts, marks.get(instant.series, instant.ts))
                verdicts.append(Verdict.NEW)
            elif stands == measured:
                verdicts.append(Verdict.DUPLICATE)
            else:
                key = (instant, content_digest(reading))
                known = key in refused or is_quarantined(*key)
                refused.add(key)
                verdicts.append(Verdict.DUPLICATE if known else Verdict.CONFLICT)
        moved = {series: ts for series, ts in marks.items() if self._marks.get(series) != ts}
        return Classified(verdicts, moved, seen)

    def remember(self, classified: Classified) -> None:
        """The batch is settled."""
        self._marks.update(classified.marks)
        for instant, measured in classified.seen.items():
            self._recent[instant] = measured
            self._recent.move_to_end(instant)
        while len(self._recent) > self._capacity:
            self._recent.popitem(last=False)

    def forget(self, points: Iterable[Point]) -> None:
        """The store has refused these after all: should they come again, it is asked."""
        for point in points:
            tags = dict(point.tags)
            series = SeriesKey(Kind(point.measurement), tags["device"], tags.get("compartment", ""))
            self._recent.pop(Instant(series, point.ts), None)

    async def _known_marks(self, instants: Sequence[Instant], store: Standing) -> dict[SeriesKey, int]:
        """The marks of the batch's series.

        A series without one may have a past: the recorder's file can be younger
        than the store, so its first reading is not new before the store has said where that past ends.
        """
        marks = {series: self._marks[series] for series, _ in instants if series in self._marks}
        strangers = list(dict.fromkeys(series for series, _ in instants if series not in marks))
        return {**marks, **await store.newest(strangers)} if strangers else marks

    async def _standing(
        self, instants: Sequence[Instant], marks: Mapping[SeriesKey, int], store: Standing
    ) -> dict[Instant, Content]:
        seen: dict[Instant, Content] = {}
        questions = []
        for instant in dict.fromkeys(instants):
            mark = marks.get(instant.series)
            if mark is None or instant.ts > mark:
                continue
            recent = self._recent.get(instant)
            if recent is None:
                questions.append(instant)
            else:
                seen[instant] = recent
        if questions:
            for instant, fields in (await store.standing(questions)).items():
                seen[instant] = {name: value for name, value in fields.items() if name != "seq"}
        return seen
