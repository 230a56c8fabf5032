"""Admit step: each decoded reading is accepted, with its series and line, or becomes a dead letter; all are counted."""

from typing import Final

from devices.city.model import City
from devices.codecs.codec import CorrectedItems, Flaw
from devices.readings.models import Reading, Weighing
from devices.readings.refusals import Reason, Refusal
from ingest.admission import admit, within_region
from ingest.ledger.corrected import OUTSIDE_REGION, count_names, name_of
from ingest.ledger.refused import RefusedReading
from ingest.log.flood_record import Flood
from ingest.log.records import ReadingLocation
from ingest.recorder.accepted import AcceptedBatch, AcceptedReading
from ingest.recorder.decode import Decoded, DecodedMessage, FloodRecord
from ingest.recorder.line import measured, whole_line
from ingest.recorder.refuse import (
    SINGLE_LETTERS,
    flood_device,
    join_letters,
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

    def __init__(self, series: SeriesIndex, unregistered: set[str]) -> None:
        """`unregistered`: unregistered ids that have a line of their own in the ledger."""
        self._series = series
        self._unregistered = unregistered

    def add(self, batch: AcceptedBatch, decoded: Decoded, city: City) -> None:
        """Add all readings of a message. Every message passes here."""
        if isinstance(decoded, DecodedMessage):
            self._add_message(batch, decoded, city)
            batch.offset = decoded.record.offset
            return
        if isinstance(decoded, FloodRecord):
            self._add_flood(batch, decoded.flood, city)
        else:
            batch.letters.append(refuse_spoiled(decoded.refusal))
            batch.entries.append(("", None, None, None, False))
        batch.offset = decoded.offset

    def _add_message(self, batch: AcceptedBatch, decoded: DecodedMessage, city: City) -> None:
        message = decoded.record.message
        received_at = message.received_at
        counted_as = self._counted_as(decoded.device_id, city)
        corrections = decoded.items.corrections if isinstance(decoded.items, CorrectedItems) else {}
        letters: list[RefusedReading] = []
        for index, item in enumerate(decoded.items):
            if isinstance(item, Flaw):
                letters.append(refuse_flaw(message, item, decoded.device_id, counted_as))
                batch.entries.append((counted_as, received_at, *number_and_time(item), False))
                continue
            reading = within_region(item, city)
            accepted = self._accept(reading, decoded, index, city)
            if not isinstance(accepted, Refusal):
                batch.accepted.append(accepted)
                if index in corrections:
                    count_names(batch.corrected, counted_as, map(name_of, corrections[index]))
                if reading is not item:
                    count_names(batch.corrected, counted_as, [OUTSIDE_REGION])
                batch.entries.append((counted_as, received_at, item.seq, item.ts, True))
                continue
            letters.append(refuse_reading(message, index, accepted, counted_as))
            # The number and time of another device say nothing about this one.
            own = accepted.reason is not Reason.FOREIGN_DEVICE
            batch.entries.append((counted_as, received_at, item.seq if own else None, item.ts if own else None, False))
        if letters:
            batch.letters += letters if len(letters) <= SINGLE_LETTERS else join_letters(message, letters)

    def _accept(self, reading: Reading, decoded: DecodedMessage, index: int, city: City) -> AcceptedReading | Refusal:
        record, ts = decoded.record, reading.ts
        series = self._series.find(reading)
        registered = (series.device if series is not None else None) or city.devices.get(decoded.device_id)
        device = admit(reading, record.message.received_at, decoded.device_id, registered)
        if isinstance(device, Refusal):
            return device
        if series is None or series.device is None:
            assigned = self._series.assign(reading, device)
            if isinstance(assigned, Refusal):
                return assigned
            series = assigned
        fields = measured(reading)
        line = whole_line(series.line_head, fields, reading.seq, ts)
        weighing = reading if type(reading) is Weighing else None
        location = ReadingLocation(record.offset, index)
        return AcceptedReading(series, ts, fields, line, location, record.message, weighing)

    def _add_flood(self, batch: AcceptedBatch, flood: Flood, city: City) -> None:
        counted_as = self._counted_as(flood_device(flood), city)
        batch.floods.append((counted_as, flood.first_at, flood.last_at, flood.messages))
        batch.letters.append(refuse_flood(flood, counted_as))

    def _counted_as(self, device_id: str, city: City) -> str:
        """Line of the ledger: the device id, or empty for unregistered ids beyond `MAX_UNREGISTERED`."""
        if device_id in city.devices or device_id in self._unregistered:
            return device_id
        if len(self._unregistered) >= MAX_UNREGISTERED:
            return ""
        self._unregistered.add(device_id)
        return device_id
