"""Which questions are asked, and of whom: a live fleet costs the store none."""

from collections.abc import Collection, Mapping, Sequence

from devices.readings.models import Reading
from devices.readings.series import FieldValue, SeriesKey, content, series_key
from ingest.log.records import RawMessage, ReadingLocation
from ingest.recorder.accepted import AcceptedReading, SeriesState
from ingest.recorder.deduplicate import Deduplicator, Disposition, content_digest
from ingest.recorder.line import measured
from ingest.store import Instant
from tests.ingest.recorder.parts import fill, position

NEW, DUPLICATE, CONFLICT = Disposition.NEW, Disposition.DUPLICATE, Disposition.CONFLICT


class AskedStore:
    """Holds readings and notes what it was asked."""

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
    """Readings as the intake hands them on: one object for a series."""

    def __init__(self, newest: Reading | None = None) -> None:
        """`newest` stands in its series already."""
        self._series: dict[SeriesKey, SeriesState] = {}
        if newest is not None:
            self.series(newest).newest = newest.ts

    def series(self, reading: Reading) -> SeriesState:
        key = series_key(reading)
        return self._series.setdefault(key, SeriesState(key))

    def said(self, *readings: Reading) -> list[AcceptedReading]:
        message = RawMessage("", b"", 0)
        return [
            AcceptedReading(self.series(reading), reading.ts, measured(reading), "", ReadingLocation(1, 0), message)
            for reading in readings
        ]


async def settle(identity: Deduplicator, fleet: Fleet, store: AskedStore, *readings: Reading) -> list[Disposition]:
    classified = await identity.classify(fleet.said(*readings), store, nothing_refused)
    identity.remember(classified)
    return list(classified.verdicts)


async def test_a_live_fleet_asks_the_store_nothing() -> None:
    first = position(0)
    store, fleet, identity = AskedStore(), Fleet(first), Deduplicator()
    for second in range(1, 50):
        assert await settle(identity, fleet, store, position(second)) == [NEW]
    assert store.asked == []


async def test_a_series_never_met_is_asked_for_its_past_once() -> None:
    store, fleet, identity = AskedStore(position(9)), Fleet(), Deduplicator()
    assert await settle(identity, fleet, store, position(10), position(11)) == [NEW, NEW]
    assert await settle(identity, fleet, store, position(12)) == [NEW]
    assert store.asked == [series_key(position(0))]


async def test_a_recent_instant_is_remembered_and_an_old_one_asked_for() -> None:
    store, fleet, identity = AskedStore(position(1)), Fleet(position(5)), Deduplicator(capacity=2)
    assert await settle(identity, fleet, store, position(6), position(7)) == [NEW, NEW]
    assert await settle(identity, fleet, store, position(7), position(6, lat=36.0)) == [DUPLICATE, CONFLICT]
    assert store.asked == []
    assert await settle(identity, fleet, store, position(1), position(2)) == [DUPLICATE, NEW]
    assert store.asked == [instant(position(1)), instant(position(2))]


async def test_memory_is_bounded_and_keeps_what_was_met_last() -> None:
    store, fleet, identity = AskedStore(), Fleet(position(0)), Deduplicator(capacity=2)
    await settle(identity, fleet, store, position(1), position(2))
    await settle(identity, fleet, store, position(1))
    await settle(identity, fleet, store, position(3))
    store.held = {instant(reading): content(reading) for reading in (position(1), position(2), position(3))}
    assert await settle(identity, fleet, store, position(1), position(3)) == [DUPLICATE, DUPLICATE]
    assert store.asked == []
    assert await settle(identity, fleet, store, position(2)) == [DUPLICATE]
    assert store.asked == [instant(position(2))]


async def test_the_last_two_batches_are_remembered_however_large() -> None:
    """One of them is being written: the store cannot be asked for it."""
    store, fleet, identity = AskedStore(), Fleet(position(0)), Deduplicator(capacity=1)
    first, second = [position(second) for second in (1, 2, 3)], [position(second) for second in (4, 5, 6)]
    await settle(identity, fleet, store, *first)
    await settle(identity, fleet, store, *second)
    assert await settle(identity, fleet, store, *first, *second) == [DUPLICATE] * 6
    assert store.asked == []


async def test_a_batch_that_is_not_settled_leaves_no_memory() -> None:
    store, fleet, identity = AskedStore(), Fleet(), Deduplicator()
    for _ in range(2):
        classified = await identity.classify(fleet.said(position(1), position(1)), store, nothing_refused)
        assert classified.verdicts == [NEW, DUPLICATE]
        assert classified.marks == {fleet.series(position(1)): position(1).ts}


async def test_compartments_and_kinds_are_series_of_their_own() -> None:
    store, fleet, identity = AskedStore(), Fleet(), Deduplicator()
    assert await settle(identity, fleet, store, fill(1, "glass", 5.0), fill(1, "paper", 6.0), position(1)) == [
        NEW,
        NEW,
        NEW,
    ]
    assert await settle(identity, fleet, store, fill(1, "glass", 5.0), fill(1, "paper", 5.0)) == [DUPLICATE, CONFLICT]


async def test_a_conflict_that_is_a_dead_letter_already_is_a_duplicate_of_it() -> None:
    refused = position(1, lat=36.0)
    store, fleet, identity = AskedStore(position(1)), Fleet(), Deduplicator()
    key = (instant(refused), content_digest(measured(refused)))
    classified = await identity.classify(
        fleet.said(refused, position(1, lat=37.0)), store, lambda contended, digest: (contended, digest) == key
    )
    assert classified.verdicts == [DUPLICATE, CONFLICT]


async def test_what_the_store_refused_is_asked_for_again() -> None:
    store, fleet, identity = AskedStore(), Fleet(), Deduplicator()
    assert await settle(identity, fleet, store, position(1)) == [NEW]
    identity.forget(fleet.series(position(1)), position(1).ts)
    assert await settle(identity, fleet, store, position(1)) == [NEW]


def test_the_digest_is_of_what_was_measured_not_of_how_it_was_sent() -> None:
    digests = [content_digest(measured(reading)) for reading in (position(1, seq=1), position(1, seq=2))]
    assert digests[0] == digests[1] != content_digest(measured(position(1, lat=36.0)))
