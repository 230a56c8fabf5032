"""Points that the store rejects become dead letters, with their bytes from the raw log."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from devices.codecs.registry import codec_of
from devices.readings.models import Kind
from devices.readings.refusals import Reason, Refusal
from devices.readings.series import PART_TAG, Point, SeriesKey
from ingest.ledger.refused import RefusedReading
from ingest.log.ports import Log
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import ReadingLocation
from ingest.recorder.refuse import refuse_reading
from ingest.recorder.state import OutboxBatch
from ingest.store.line_protocol import decode_line

_log = logging.getLogger(__name__)


class RejectedPoint(NamedTuple):
    """A point that the store will never accept."""

    series: SeriesKey
    ts: int
    """Device time, ms."""
    letter: RefusedReading


def rejected_points(log: Log, outgoing: OutboxBatch, reasons: Mapping[int, str]) -> list[RejectedPoint]:
    """`reasons`: why the store rejected a line, by its index. Raises RawLogError."""
    rejected: list[RejectedPoint] = []
    for index, reason in reasons.items():
        point = decode_line(outgoing.lines[index])
        series = series_of(point)
        letter = _letter(log, outgoing.locations[index], series.device_id, reason)
        rejected.append(RejectedPoint(series, point.ts, letter))
    return rejected


def series_of(point: Point) -> SeriesKey:
    """The series of a point of a reading."""
    tags = dict(point.tags)
    kind = Kind(point.measurement)
    return SeriesKey(kind, tags["device"], tags.get(PART_TAG.get(kind, ""), ""))


def _letter(log: Log, location: ReadingLocation, device_id: str, reason: str) -> RefusedReading:
    refusal = Refusal(Reason.REJECTED_BY_STORE, reason)
    with suppress(RawLogCorrupt):
        record = log.find(location.offset)
        if record is not None and codec_of(record.message.dialect).device_of(record.message.topic) == device_id:
            return refuse_reading(record.message, location.index, refusal, device_id)
    _log.error(
        "recorder: record %d of the raw log is gone; the reading of %s that the store rejected is kept without its"
        " bytes and cannot be redriven",
        location.offset,
        device_id,
    )
    return RefusedReading(device_id, device_id, refusal, "", b"", 0)
