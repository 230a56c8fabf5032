"""Deduplication asks the store as little as possible: a live fleet costs it no question."""

from collections.abc import Collection, Mapping, Sequence

from devices.readings.models import Reading
from devices.readings.series import FieldValue, SeriesKey, series_key
from ingest.log.records import RawMessage, ReadingLocation
from ingest.recorder.accepted import AcceptedReading, SeriesState
from ingest.recorder.deduplicate import Deduplicator, Disposition, content_digest
from ingest.recorder.line import measured
from ingest.store import Instant
from tests.ingest.recorder.parts import fill, position
from tests.points import content

NEW, DUPLICATE, CONFLICT = Disposition.NEW, Disposition.DUPLICATE, Disposition.CONFLICT


class AskedStore:
    """Holds readings and records the questions."""

    def __init__(self, *readings: Reading) -> None:
        self.held = {instant(reading): content(reading) | {"seq": 1} for reading in readings}
        self.asked: list[Instant | SeriesKey] = []

    async def stored_fields(self, instants: Sequence[Instant]) -> Mapping[Instant, Mapping[str, FieldValue]]:
        self.asked += instants
        return {instant: self.held[instant] for instant in instants if instant in self.held}

    async def newest(self, series: Collection[SeriesKey]) -> Mapping[SeriesKey, int]:
        self.asked += series
        times = {key: [held.ts for held in self.held if held.series == key] for key in series}
        return {key: max(found) for key, found in times.items() if found}


def instant(reading: Reading) -> Instant:
    return Instant(series_key(reading), reading.ts)


def nothing_refused(_instant: Instant, _digest: bytes) -> bool:
    return False


class Fleet:
    """Makes accepted readings: one object for each series."""

    def __init__(self, newest: Reading | None = None) -> None:
        """`newest` stands in its series already."""
        self._series: dict[SeriesKey, SeriesState] = {}
        if newest is not None:
            self.series(newest).newest_ts = newest.ts

    def series(self, reading: Reading) -> SeriesState:
        key = series_key(reading)
        return self._series.setdefault(key, SeriesState(key))

    def accepted(self, *readings: Reading) -> list[AcceptedReading]:
        message = RawMessage("", b"", 0)
        return [
            AcceptedReading(self.series(reading), reading.ts, measured(reading), "", ReadingLocation(1, 0), message)
            for reading in readings
        ]


async def classify_and_remember(
    deduplicator: Deduplicator, fleet: Fleet, store: AskedStore, *readings: Reading
) -> list[Disposition]:
    deduplicated = await deduplicator.classify(fleet.accepted(*readings), store, nothing_refused)
    deduplicator.remember(deduplicated)
    return list(deduplicated.dispositions)


async def test_a_live_fleet_asks_the_store_nothing() -> None:
    first = position(0)
    store, fleet, deduplicator = AskedStore(), Fleet(first), Deduplicator()
    for second in range(1, 50):
        assert await classify_and_remember(deduplicator, fleet, store, position(second)) == [NEW]
    assert store.asked == []


async def test_the_past_of_a_new_series_is_asked_for_once() -> None:
    store, fleet, deduplicator = AskedStore(position(9)), Fleet(), Deduplicator()
    assert await classify_and_remember(deduplicator, fleet, store, position(10), position(11)) == [NEW, NEW]
    assert await classify_and_remember(deduplicator, fleet, store, position(12)) == [NEW]
    assert store.asked == [series_key(position(0))]


async def test_a_recent_instant_is_remembered_and_an_old_one_asked_for() -> None:
    store, fleet, deduplicator = AskedStore(position(1)), Fleet(position(5)), Deduplicator(capacity=2)
    assert await classify_and_remember(deduplicator, fleet, store, position(6), position(7)) == [NEW, NEW]
    assert await classify_and_remember(deduplicator, fleet, store, position(7), position(6, lat=36.0)) == [
        DUPLICATE,
        CONFLICT,
    ]
    assert store.asked == []
    assert await classify_and_remember(deduplicator, fleet, store, position(1), position(2)) == [DUPLICATE, NEW]
    assert store.asked == [instant(position(1)), instant(position(2))]


async def test_memory_is_bounded_and_keeps_the_last_instants() -> None:
    store, fleet, deduplicator = AskedStore(), Fleet(position(0)), Deduplicator(capacity=2)
    await classify_and_remember(deduplicator, fleet, store, position(1), position(2))
    await classify_and_remember(deduplicator, fleet, store, position(1))
    await classify_and_remember(deduplicator, fleet, store, position(3))
    store.held = {instant(reading): content(reading) for reading in (position(1), position(2), position(3))}
    assert await classify_and_remember(deduplicator, fleet, store, position(1), position(3)) == [DUPLICATE, DUPLICATE]
    assert store.asked == []
    assert await classify_and_remember(deduplicator, fleet, store, position(2)) == [DUPLICATE]
    assert store.asked == [instant(position(2))]


async def test_the_last_two_batches_are_remembered_however_large() -> None:
    """One of them is being written: the store cannot be asked for it."""
    store, fleet, deduplicator = AskedStore(), Fleet(position(0)), Deduplicator(capacity=1)
    first, second = [position(second) for second in (1, 2, 3)], [position(second) for second in (4, 5, 6)]
    await classify_and_remember(deduplicator, fleet, store, *first)
    await classify_and_remember(deduplicator, fleet, store, *second)
    assert await classify_and_remember(deduplicator, fleet, store, *first, *second) == [DUPLICATE] * 6
    assert store.asked == []


async def test_a_batch_that_is_not_committed_leaves_no_memory() -> None:
    store, fleet, deduplicator = AskedStore(), Fleet(), Deduplicator()
    for _ in range(2):
        deduplicated = await deduplicator.classify(fleet.accepted(position(1), position(1)), store, nothing_refused)
        assert deduplicated.dispositions == [NEW, DUPLICATE]
        assert deduplicated.newest_by_series == {fleet.series(position(1)): position(1).ts}


async def test_compartments_and_kinds_are_series_of_their_own() -> None:
    store, fleet, deduplicator = AskedStore(), Fleet(), Deduplicator()
    assert await classify_and_remember(
        deduplicator, fleet, store, fill(1, "glass", 5.0), fill(1, "paper", 6.0), position(1)
    ) == [
        NEW,
        NEW,
        NEW,
    ]
    assert await classify_and_remember(deduplicator, fleet, store, fill(1, "glass", 5.0), fill(1, "paper", 5.0)) == [
        DUPLICATE,
        CONFLICT,
    ]


async def test_a_conflict_that_is_a_dead_letter_already_is_a_duplicate_of_it() -> None:
    refused = position(1, lat=36.0)
    store, fleet, deduplicator = AskedStore(position(1)), Fleet(), Deduplicator()
    key = (instant(refused), content_digest(measured(refused)))
    deduplicated = await deduplicator.classify(
        fleet.accepted(refused, position(1, lat=37.0)), store, lambda contended, digest: (contended, digest) == key
    )
    assert deduplicated.dispositions == [DUPLICATE, CONFLICT]


async def test_what_the_store_rejected_is_asked_for_again() -> None:
    store, fleet, deduplicator = AskedStore(), Fleet(), Deduplicator()
    assert await classify_and_remember(deduplicator, fleet, store, position(1)) == [NEW]
    deduplicator.forget(fleet.series(position(1)), position(1).ts)
    assert await classify_and_remember(deduplicator, fleet, store, position(1)) == [NEW]


def test_the_digest_is_of_what_was_measured_not_of_how_it_was_sent() -> None:
    digests = [content_digest(measured(reading)) for reading in (position(1, seq=1), position(1, seq=2))]
    assert digests[0] == digests[1] != content_digest(measured(position(1, lat=36.0)))
