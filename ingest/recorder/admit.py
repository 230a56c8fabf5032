"""Admit step: each decoded reading is accepted, with its series and line, or becomes a dead letter; all are counted."""

from collections.abc import Iterator
from typing import Final

from devices.city.model import City, Device
from devices.codecs.codec import CorrectedItems, Flaw
from devices.readings.models import Position, Reading, Weighing
from devices.readings.refusals import Reason, Refusal
from ingest.admission import admit, at_corrected_time, by_sensors, refusal_of_flaw, within_region
from ingest.ledger.corrected import CLOCK_CORRECTED, OUTSIDE_REGION, count_names, name_of
from ingest.ledger.refused import RefusedReading
from ingest.log.records import ReadingLocation
from ingest.recorder.accepted import AcceptedBatch, AcceptedReading
from ingest.recorder.decode import Decoded, DecodedMessage, FloodRecord, SpoiledRecord
from ingest.recorder.line import measured, whole_line
from ingest.recorder.refuse import (
    flood_device,
    letters_of,
    number_and_time,
    refuse_flaw,
    refuse_flood,
    refuse_reading,
    refuse_spoiled,
)
from ingest.recorder.series_index import SeriesIndex

MAX_UNREGISTERED: Final = 1_000
"""Unregistered ids with a ledger line of their own; more are counted together, so that made-up ids fill no table."""


class AdmitStage:
    """Adds decoded messages to a batch, in the city as it is now."""

    def __init__(self, series: SeriesIndex, city: City, unregistered: set[str]) -> None:
        """`unregistered`: unregistered ids that have a line of their own in the ledger."""
        self._series = series
        self._unregistered = unregistered
        self.max_unregistered = MAX_UNREGISTERED
        self.use_city(city)

    def use_city(self, city: City) -> None:
        """Admit by this revision of the city from now on."""
        self._city = city
        self._devices = city.devices
        self._region = city.region
        self._has_plain_sensors = city.has_plain_sensors
        self._series.use_city(city)

    def add(self, batch: AcceptedBatch, decoded: Decoded) -> None:
        """Add all readings of a message. Every message passes here: rare cases are methods, and no `isinstance` fails
        for an ordinary reading, which takes several times as long as one that holds.
        """
        if not isinstance(decoded, DecodedMessage):
            self._add_other(batch, decoded)
            return
        message, device_id, items = decoded.message, decoded.device_id, decoded.items
        received_at = message.received_at
        device = self._devices.get(device_id)
        counted_as = device_id if device is not None else self._counted_as(device_id)
        correction_s = device.clock_correction_s if device is not None else 0
        items = at_corrected_time(items, correction_s) if correction_s else items
        letters: list[RefusedReading] = []
        for index, item in enumerate(items):
            if type(item) is Flaw:
                refusal = refusal_of_flaw(item, device_id, device, message.dialect)
                letters.append(refuse_flaw(message, Flaw(item.raw, refusal), device_id, counted_as))
                batch.entries.append((counted_as, received_at, *number_and_time(item, correction_s), False))
                continue
            reading = item
            if type(item) is Position and not (self._has_plain_sensors and self._region.covers(item.lat, item.lon)):
                reading = within_region(by_sensors(item, device, self._city), self._city)
            accepted = self._accept(reading, decoded, index)
            if isinstance(accepted, AcceptedReading):
                batch.accepted.append(accepted)
                batch.entries.append((counted_as, received_at, item.seq, item.ts, True))
                if reading is not item:
                    count_names(batch.corrected, counted_as, _changes(item, reading))
                if correction_s:
                    count_names(batch.corrected, counted_as, [CLOCK_CORRECTED])
                if type(items) is CorrectedItems and index in items.corrections:
                    count_names(batch.corrected, counted_as, map(name_of, items.corrections[index]))
                continue
            letters.append(refuse_reading(message, index, accepted, counted_as))
            # The number and time of another device say nothing about this one.
            own = accepted.reason is not Reason.FOREIGN_DEVICE
            batch.entries.append((counted_as, received_at, item.seq if own else None, item.ts if own else None, False))
        if letters:
            batch.letters += letters_of(message, letters)

    def _accept(self, reading: Reading, decoded: DecodedMessage, index: int) -> AcceptedReading | Refusal:
        message, device_id, ts = decoded.message, decoded.device_id, reading.ts
        series = self._series.find(reading)
        registered = (series.device if series is not None else None) or self._devices.get(device_id)
        device = admit(reading, message.received_at, device_id, registered, message.dialect)
        if not isinstance(device, Device):
            return device
        if series is None or series.device is None:
            assigned = self._series.assign(reading, device)
            if isinstance(assigned, Refusal):
                return assigned
            series = assigned
        fields = measured(reading)
        line = whole_line(series.line_head, fields, reading.seq, ts)
        weighing = reading if type(reading) is Weighing else None
        location = ReadingLocation(decoded.place, index)
        return AcceptedReading(series, ts, fields, line, location, message, weighing)

    def _add_other(self, batch: AcceptedBatch, decoded: FloodRecord | SpoiledRecord) -> None:
        if isinstance(decoded, FloodRecord):
            flood, device_id = decoded.flood, flood_device(decoded.flood)
            counted_as = device_id if device_id in self._devices else self._counted_as(device_id)
            batch.floods.append((counted_as, flood.first_at, flood.last_at, flood.messages))
            batch.letters.append(refuse_flood(flood, counted_as))
        else:
            batch.letters.append(refuse_spoiled(decoded.refusal))
            batch.entries.append(("", None, None, None, False))

    def _counted_as(self, device_id: str) -> str:
        """Row of the ledger for an unregistered id: its own, or that of the empty id beyond the bound."""
        if device_id in self._unregistered:
            return device_id
        if len(self._unregistered) >= self.max_unregistered:
            return ""
        self._unregistered.add(device_id)
        return device_id


def _changes(sent: Reading, taken: Reading) -> Iterator[str]:
    """Names of what was changed or left out of a position."""
    if type(sent) is Position and type(taken) is Position:
        if sent.located and not taken.located:
            yield OUTSIDE_REGION
        if sent.load_kg is not None and taken.load_kg is None:
            yield "load_kg"
