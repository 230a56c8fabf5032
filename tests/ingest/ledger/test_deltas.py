"""The daybook against the naive sum: any pages, posted at any moments, cut short anywhere."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.readings.refusals import Reason, Refusal
from ingest.ledger import compaction as posting
from ingest.ledger.compaction import Compaction
from ingest.ledger.deltas import LedgerDelta, current_totals
from ingest.ledger.device_health import DeviceHealth, heard
from ingest.ledger.totals import DeviceTotals, ReadingEntry
from ingest.recorder.state import BatchCommit, RecorderState, RefusedReading, WriteTimes
from tests.ingest.recorder.parts import T0

LINES = ("", "truck-1", "truck-2", "truck-3", "truck-4")

line = st.sampled_from(LINES)
small = st.integers(0, 5)
reading = st.tuples(
    line,
    st.none() | small.map(lambda n: T0 + 9_000 + n),
    st.none() | st.integers(0, 12),
    st.none() | st.integers(0, 12).map(lambda n: T0 + n * 1000),
).flatmap(lambda said: st.booleans().map(lambda admitted: (*said, admitted and said[3] is not None)))
page = st.builds(
    LedgerDelta,
    st.lists(reading, max_size=8),
    st.dictionaries(line, st.tuples(small, small), max_size=3),
    st.lists(st.tuples(line, small.map(lambda n: T0 + n), small.map(lambda n: T0 + 50 + n), small), max_size=2),
    st.dictionaries(line, small.map(lambda n: T0 + n * 3000), max_size=2),
)
refused = st.lists(line, min_size=1, max_size=3)
POST, RESTART = "post a slice", "lose power"
action = page | refused | st.sampled_from([POST, POST, POST, RESTART])


def naive(written: Sequence[LedgerDelta]) -> dict[str, DeviceTotals]:
    """Each line's account, one reading after the other."""
    found: dict[str, DeviceTotals] = {}
    for one in written:
        for entry in one.entries:
            found[entry[0]] = _heard(found.get(entry[0], DeviceTotals(entry[0])), entry)
        for name, first_at, last_at, messages in one.floods:
            known = found.get(name, DeviceTotals(name))
            found[name] = _seen(known, first_at, last_at)._replace(
                received=known.received + messages, stored=known.stored + messages
            )
        for name, (duplicate, quarantined) in one.others.items():
            known = found.get(name, DeviceTotals(name))
            stored = known.stored - duplicate - quarantined
            found[name] = known._replace(duplicate=known.duplicate + duplicate, stored=stored)
        for name, ts in one.newest.items():
            known = found.get(name, DeviceTotals(name))
            found[name] = known._replace(newest=max(ts, known.newest or ts))
    return found


def _heard(known: DeviceTotals, entry: ReadingEntry) -> DeviceTotals:
    name, received_at, seq, ts, admitted = entry
    if received_at is not None:
        known = _seen(known, received_at)
    if admitted and ts is not None:
        known = known._replace(newest=max(ts, known.newest or ts))
    watch = known.watch
    if name and (seq is not None or ts is not None):
        watch = heard(watch, [(seq, ts, -1 if received_at is None else received_at)])
    return known._replace(received=known.received + 1, stored=known.stored + 1, watch=watch)


def _seen(known: DeviceTotals, *moments: int) -> DeviceTotals:
    first = min(known.first_seen or moments[0], *moments)
    return known._replace(first_seen=first, last_seen=max(known.last_seen or 0, *moments))


def told(found: Sequence[DeviceTotals]) -> dict[str, tuple[object, ...]]:
    """What a reader can see."""
    return {
        account.line: (*account[1:7], DeviceHealth(account.watch).gaps, DeviceHealth(account.watch).clock_offset_ms)
        for account in found
    }


def write(state: RecorderState, said: LedgerDelta | list[str]) -> LedgerDelta:
    if isinstance(said, LedgerDelta):
        state.settle(BatchCommit(0, [], [], [], [], said))
        return said
    refusal = Refusal(Reason.REJECTED_BY_STORE, "no")
    state.clear(0, [RefusedReading(name, name, refusal, "", b"", 0) for name in said], WriteTimes(1.0, 1.0))
    return LedgerDelta(others={name: (0, count) for name, count in Counter(said).items()})


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(action, max_size=25), rows=st.integers(1, 3), readings=st.integers(1, 20))
def test_any_pages_posted_at_any_moments_are_the_naive_sum(
    actions: list[LedgerDelta | list[str] | str], rows: int, readings: int
) -> None:
    limits = patch.multiple(
        posting, SLICE_ROWS=rows, _SLICE_READINGS=readings, MOST_READINGS=2 * readings, LEAST_READINGS=1
    )
    with TemporaryDirectory() as folder, limits:
        path = Path(folder) / "recorder.db"
        state, written = RecorderState(path), list[LedgerDelta]()
        posts = Compaction(state, lambda: 0.0)
        for done in actions:
            if done == RESTART:
                state.close()
                state = RecorderState(path)
                posts = Compaction(state, lambda: 0.0)
            elif done == POST:
                posts.written(1)
                next(posts.some(), None)
            elif not isinstance(done, str):
                written.append(write(state, done))
            with state.changing() as db:
                assert told(current_totals(db)) == told(list(naive(written).values()))
        posts.all()
        with closing(state), state.reading() as db:
            assert db.execute("SELECT count(*) FROM daybook").fetchone() == (0,)
            assert told(current_totals(db)) == told(list(naive(written).values()))
