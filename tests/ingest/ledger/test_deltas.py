"""Ledger deltas against the naive sum: any deltas, compacted at any moments, cut short anywhere."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.readings.refusals import Reason, Refusal
from ingest.ledger import compaction
from ingest.ledger.compaction import Compaction
from ingest.ledger.corrected import corrected_of
from ingest.ledger.deltas import LedgerDelta, current_totals
from ingest.ledger.device_health import DeviceHealth, updated_health
from ingest.ledger.refused import RefusedReading
from ingest.ledger.totals import DeviceTotals, ReadingEntry
from ingest.recorder.state import BatchCommit, RecorderState, WriteTimes
from tests.ingest.recorder.parts import T0

DEVICE_IDS = ("", "truck-1", "truck-2", "truck-3", "truck-4")

device_id = st.sampled_from(DEVICE_IDS)
small = st.integers(0, 5)
reading = st.tuples(
    device_id,
    st.none() | small.map(lambda n: T0 + 9_000 + n),
    st.none() | st.integers(0, 12),
    st.none() | st.integers(0, 12).map(lambda n: T0 + n * 1000),
).flatmap(lambda entry: st.booleans().map(lambda accepted: (*entry, accepted and entry[3] is not None)))
delta = st.builds(
    LedgerDelta,
    st.lists(reading, max_size=8),
    st.dictionaries(device_id, st.tuples(small, small), max_size=3),
    st.lists(st.tuples(device_id, small.map(lambda n: T0 + n), small.map(lambda n: T0 + 50 + n), small), max_size=2),
    st.dictionaries(device_id, small.map(lambda n: T0 + n * 3000), max_size=2),
    st.dictionaries(
        device_id, st.dictionaries(st.sampled_from(["hdop", "fill_pct=100"]), st.integers(1, 5)), max_size=2
    ),
)
refused = st.lists(device_id, min_size=1, max_size=3)
COMPACT, RESTART = "compact a slice", "lose power"
action = delta | refused | st.sampled_from([COMPACT, COMPACT, COMPACT, RESTART])


def naive(written: Sequence[LedgerDelta]) -> dict[str, DeviceTotals]:
    """Totals of each device, one reading after the other."""
    found: dict[str, DeviceTotals] = {}
    for one in written:
        for entry in one.entries:
            found[entry[0]] = _with_entry(found.get(entry[0], DeviceTotals(entry[0])), entry)
        for name, first_at, last_at, messages in one.floods:
            totals = found.get(name, DeviceTotals(name))
            found[name] = _with_times(totals, first_at, last_at)._replace(
                received=totals.received + messages, stored=totals.stored + messages
            )
        for name, (duplicate, quarantined) in one.others.items():
            totals = found.get(name, DeviceTotals(name))
            stored = totals.stored - duplicate - quarantined
            found[name] = totals._replace(duplicate=totals.duplicate + duplicate, stored=stored)
        for name, ts in one.newest.items():
            totals = found.get(name, DeviceTotals(name))
            found[name] = totals._replace(newest=max(ts, totals.newest or ts))
        for name, at in one.heard.items():
            totals = found.get(name, DeviceTotals(name))
            found[name] = totals._replace(heard_at=max(at, totals.heard_at or at))
        for name, more in one.corrected.items():
            totals = found.get(name, DeviceTotals(name))
            counts = Counter(json.loads(totals.corrected or "{}")) + Counter(more)
            found[name] = totals._replace(corrected=json.dumps(counts))
    return found


def _with_entry(totals: DeviceTotals, entry: ReadingEntry) -> DeviceTotals:
    name, received_at, seq, ts, accepted = entry
    if received_at is not None:
        totals = _with_times(totals, received_at)
    if accepted and ts is not None:
        totals = totals._replace(newest=max(ts, totals.newest or ts))
    health = totals.health
    if name and (seq is not None or ts is not None):
        health = updated_health(health, [(seq, ts, -1 if received_at is None else received_at)])
    return totals._replace(received=totals.received + 1, stored=totals.stored + 1, health=health)


def _with_times(totals: DeviceTotals, *moments: int) -> DeviceTotals:
    first = min(totals.first_seen or moments[0], *moments)
    return totals._replace(first_seen=first, last_seen=max(totals.last_seen or 0, *moments))


def visible(found: Sequence[DeviceTotals]) -> dict[str, tuple[object, ...]]:
    """What readers of the ledger see."""
    return {
        totals.device_id: (
            *totals[1:7],
            totals.heard_at,
            DeviceHealth(totals.health).gaps,
            DeviceHealth(totals.health).clock_offset_ms,
            corrected_of(totals.corrected),
        )
        for totals in found
    }


def write(state: RecorderState, change: LedgerDelta | list[str]) -> LedgerDelta:
    if isinstance(change, LedgerDelta):
        state.commit(BatchCommit({}, [], [], [], [], change))
        return change
    refusal = Refusal(Reason.REJECTED_BY_STORE, "no")
    state.confirm(0, [RefusedReading(name, name, refusal, "", b"", 0) for name in change], WriteTimes(1.0, 1.0))
    return LedgerDelta(others={name: (0, count) for name, count in Counter(change).items()})


@pytest.mark.long
@settings(max_examples=150)
@given(actions=st.lists(action, max_size=25), rows=st.integers(1, 3), readings=st.integers(1, 20))
def test_any_deltas_compacted_at_any_moments_are_the_naive_sum(
    actions: list[LedgerDelta | list[str] | str], rows: int, readings: int
) -> None:
    limits = patch.multiple(
        compaction, SLICE_ROWS=rows, _SLICE_READINGS=readings, MAX_READINGS=2 * readings, MIN_READINGS=1
    )
    with TemporaryDirectory() as folder, limits:
        path = Path(folder) / "recorder.db"
        state, written = RecorderState(path), list[LedgerDelta]()
        compacting = Compaction(state, lambda: 0.0)
        for change in actions:
            if change == RESTART:
                state.close()
                state = RecorderState(path)
                compacting = Compaction(state, lambda: 0.0)
            elif change == COMPACT:
                compacting.appended(1)
                next(compacting.compact_due(), None)
            elif not isinstance(change, str):
                written.append(write(state, change))
            with state.changing() as db:
                assert visible(current_totals(db)) == visible(list(naive(written).values()))
        compacting.compact_all()
        with closing(state), state.reading() as db:
            assert db.execute("SELECT count(*) FROM daybook").fetchone() == (0,)
            assert visible(current_totals(db)) == visible(list(naive(written).values()))
