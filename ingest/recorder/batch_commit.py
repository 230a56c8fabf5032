"""A batch and the verdicts on it → what is settled: lines for the store, letters, a page for the ledger."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from devices.readings.refusals import Reason, Refusal
from ingest.ledger.deltas import LedgerDelta
from ingest.log.records import ReadingLocation
from ingest.recorder.accepted import AcceptedReading
from ingest.recorder.decode import DecodedBatch, refused_reading
from ingest.recorder.deduplicate import DeduplicatedBatch, Disposition, content_digest
from ingest.recorder.state import BatchCommit, RefusedReading, quarantined
from ingest.store import Instant


def batch_commit_of(batch: DecodedBatch, classified: DeduplicatedBatch) -> BatchCommit:
    """New readings go out as lines; the others are counted, or kept with their bytes."""
    lines: list[str] = []
    places: list[ReadingLocation] = []
    letters = list(batch.letters)
    duplicates: Counter[str] = Counter()
    for admitted, verdict in zip(batch.admitted, classified.verdicts, strict=True):
        if verdict is Disposition.NEW:
            lines.append(admitted.line)
            places.append(admitted.place)
        elif verdict is Disposition.DUPLICATE:
            duplicates[admitted.series.key.device_id] += 1
        else:
            letters.append(_conflict(admitted))
    page = LedgerDelta(batch.entries, _others(duplicates, letters), batch.floods, _newest(classified))
    new_series = [series.key for series in classified.new_series]
    return BatchCommit(batch.offset, lines, places, letters, new_series, page)


def _conflict(admitted: AcceptedReading) -> RefusedReading:
    instant = Instant(admitted.series.key, admitted.ts)
    device_id = instant.series.device_id
    refusal = Refusal(Reason.CONFLICT, f"ts: another reading of {device_id} stands at {instant.ts}", "ts")
    refused = refused_reading(admitted.message, admitted.place.index, refusal, device_id)
    return replace(refused, conflict=(instant, content_digest(admitted.measured)))


def _others(duplicates: Mapping[str, int], letters: Sequence[RefusedReading]) -> dict[str, tuple[int, int]]:
    refused = quarantined(letters)
    return {line: (duplicates.get(line, 0), refused[line]) for line in duplicates.keys() | refused.keys()}


def _newest(classified: DeduplicatedBatch) -> dict[str, int]:
    """Of devices with series that are new to the recorder: these may have a past in the store (decision 10)."""
    newest: dict[str, int] = {}
    for series in classified.new_series:
        ts, device_id = classified.marks[series], series.key.device_id
        newest[device_id] = max(ts, newest.get(device_id, ts))
    return newest
