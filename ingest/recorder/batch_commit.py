"""Builds a batch commit of a deduplicated batch: lines for the store, dead letters, and a delta for the ledger."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from devices.readings.refusals import Reason, Refusal
from ingest.ledger.deltas import LedgerDelta
from ingest.ledger.refused import RefusedReading, count_refused
from ingest.log.records import ReadingLocation
from ingest.recorder.accepted import AcceptedBatch, AcceptedReading
from ingest.recorder.deduplicate import DeduplicatedBatch, Disposition, content_digest
from ingest.recorder.refuse import refuse_reading
from ingest.recorder.state import BatchCommit
from ingest.recorder.tickets import ArrivedWeighing
from ingest.store import Instant

_STANDS: Final = frozenset({Disposition.NEW, Disposition.DUPLICATE})


def batch_commit_of(batch: AcceptedBatch, deduplicated: DeduplicatedBatch, positions: Mapping[int, int]) -> BatchCommit:
    """New readings leave as lines, duplicates are counted, conflicts become dead letters.

    `positions`: those of the log after the batch.
    """
    lines: list[str] = []
    locations: list[ReadingLocation] = []
    letters = list(batch.letters)
    weighings: list[ArrivedWeighing] = []
    duplicates: Counter[str] = Counter()
    heard: dict[str, int] = {}
    new = Disposition.NEW  # Python 3.11 looks up a member by a call
    for reading, disposition in zip(batch.accepted, deduplicated.dispositions, strict=True):
        if reading.weighing is not None and disposition in _STANDS:
            new_line = len(lines) if disposition is new else None
            weighings.append(ArrivedWeighing(reading.weighing, reading.series.line_head, reading.measured, new_line))
        if disposition is new:
            lines.append(reading.line)
            locations.append(reading.location)
            message = reading.message
            if not message.retained:
                heard[reading.series.key.device_id] = message.received_at
        elif disposition is Disposition.DUPLICATE:
            duplicates[reading.series.key.device_id] += 1
        elif disposition is Disposition.CONFLICT:
            letters.append(_conflict(reading))
        else:
            letters.append(_not_compared(reading))
    delta = LedgerDelta(
        batch.entries,
        _others(duplicates, letters),
        batch.floods,
        _newest_by_device(deduplicated),
        batch.corrected,
        heard,
    )
    new_series = [series.key for series in deduplicated.new_series]
    return BatchCommit(positions, lines, locations, letters, new_series, delta, weighings, batch.city)


def _conflict(reading: AcceptedReading) -> RefusedReading:
    instant = Instant(reading.series.key, reading.ts)
    device_id = instant.series.device_id
    refusal = Refusal(
        Reason.CONFLICT,
        f"ts: a different reading of {device_id} with ts {instant.ts} is already stored or queued",
        "ts",
    )
    refused = refuse_reading(reading.message, reading.location.index, refusal, device_id)
    return replace(refused, conflict=(instant, content_digest(reading.measured)))


def _not_compared(reading: AcceptedReading) -> RefusedReading:
    device_id = reading.series.key.device_id
    detail = (
        f"ts: {device_id} sent readings of so many scattered times at once that not all could be compared with the"
        " store: redrive this one"
    )
    return refuse_reading(
        reading.message, reading.location.index, Refusal(Reason.NOT_COMPARED, detail, "ts"), device_id
    )


def _others(duplicates: Mapping[str, int], letters: Sequence[RefusedReading]) -> dict[str, tuple[int, int]]:
    refused = count_refused(letters)
    return {key: (duplicates.get(key, 0), refused[key]) for key in duplicates.keys() | refused.keys()}


def _newest_by_device(deduplicated: DeduplicatedBatch) -> dict[str, int]:
    """Newest instants of devices with new series: these may have a past in the store (decision 10)."""
    newest: dict[str, int] = {}
    for series in deduplicated.new_series:
        ts, device_id = deduplicated.newest_by_series[series], series.key.device_id
        newest[device_id] = max(ts, newest.get(device_id, ts))
    return newest
