"""The store sink: alert changes as points of the `alert` measurement, for the boards."""

import logging
from collections.abc import Callable, Sequence

from devices.city.model import City
from devices.readings.series import ALERT_MEASUREMENT, FieldValue, Point, area_tags
from ingest.alerts.publisher import SinkUnavailable
from ingest.alerts.subjects import SubjectFields
from ingest.store import Store, StoreRejected, StoreUnavailable
from rules.alerts.actions import JournalEntry
from rules.alerts.model import AlertChange

_log = logging.getLogger(__name__)


class StoreSink:
    """Writes alert changes to the time-series store. Implements AlertSink."""

    def __init__(self, store: Store, city: Callable[[], City]) -> None:
        self._store, self._city, self._subjects = store, city, SubjectFields()
        self.rejected = 0
        """Points that the store rejected; their changes stay in the journal."""

    async def deliver(self, entries: Sequence[JournalEntry]) -> Sequence[JournalEntry]:
        """Return none as refused: a point that the store rejects is on no board, and the journal has its change."""
        try:
            await self._store.write(alert_points(entries, self._city(), self._subjects))
        except StoreUnavailable as exc:
            raise SinkUnavailable(str(exc), exc.retry_after) from exc
        except StoreRejected as exc:
            self.rejected += len(exc.rejected)
            _log.error("alert publisher: the store rejected %d alert points, skipped: %s", len(exc.rejected), exc)
        return ()


def alert_points(entries: Sequence[JournalEntry], city: City, subjects: SubjectFields) -> list[Point]:
    """One point for each change, at the change's device time. A point whose series has one at this time already is
    moved on by 1 ms.
    """
    points: list[Point] = []
    taken: set[tuple[tuple[tuple[str, str], ...], int]] = set()
    for entry in entries:
        change = entry.change
        tags, ts = _tags(change, city), change.at
        while (tags, ts) in taken:
            ts += 1
        taken.add((tags, ts))
        points.append(
            Point(ALERT_MEASUREMENT, tags, {**_fields(entry), **subjects.of(change.subject, city, change.at)}, ts)
        )
    return points


def _tags(change: AlertChange, city: City) -> tuple[tuple[str, str], ...]:
    """Two alerts at one instant are two rows: they differ in device, rule, phase or compartment."""
    tags = {
        "device": change.subject,
        "phase": str(change.phase),
        "rule": change.rule,
        "severity": str(change.severity),
    }
    device = city.devices.get(change.subject)
    if device is not None:
        tags |= area_tags(device)
    compartment = change.evidence.measures.get("compartment")
    if isinstance(compartment, str):
        tags["compartment"] = compartment
    return tuple(sorted(tags.items()))


def _fields(entry: JournalEntry) -> dict[str, FieldValue]:
    change = entry.change
    fields: dict[str, FieldValue] = {
        "alert_id": change.alert_id,
        "revision": change.revision,
        "opened_at": change.opened_at,
        "title": change.title.en,
        "title_zh": change.title.zh,
        "learned_at": 0 if change.amendment is None else entry.recorded_at,
    }
    if change.lat is not None and change.lon is not None:
        fields |= {"lat": change.lat, "lon": change.lon}
    return fields
