"""Finds the series of a reading: one object for each device, kind and part."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from devices.city.model import City, Device
from devices.readings.models import MODELS, Kind, Position, Reading
from devices.readings.refusals import Reason, Refusal
from devices.readings.series import MAX_COMPARTMENTS, SeriesKey, part_of, series_key
from ingest.recorder.accepted import SeriesState
from ingest.recorder.line import line_head
from ingest.store.line_protocol import Unencodable

_MODEL_OF: Final[Mapping[Kind, type[Reading]]] = MODELS


class SeriesIndex:
    """All series with a committed reading, and those of the current batch."""

    def __init__(self, newest_by_series: Mapping[SeriesKey, int]) -> None:
        """`newest_by_series`: series with committed readings, and the newest instant of each (device time, ms)."""
        self._city: City | None = None
        self._by_model: dict[type[Reading], dict[str, SeriesState]] = {model: {} for model in _MODEL_OF.values()}
        """By type of reading, whose hash costs nothing where that of `Kind` runs Python code; then by `_name`."""
        self._compartments: defaultdict[str, set[str]] = defaultdict(set)
        """By device."""
        for key, newest_ts in newest_by_series.items():
            self.get(key).newest_ts = newest_ts
            if key.kind is Kind.FILL:
                self._compartments[key.device_id].add(key.part)

    def use_city(self, city: City) -> None:
        """Forget the devices of the city's former revision."""
        if city is not self._city:
            self._city = city
            for by_name in self._by_model.values():
                for series in by_name.values():
                    series.device = None

    def find(self, reading: Reading) -> SeriesState | None:
        """The series of a reading; None if it is new. Every reading passes here."""
        name = reading.device_id
        if type(reading) is not Position and (part := part_of(reading)):
            name = f"{name}/{part}"
        return self._by_model[type(reading)].get(name)

    def get(self, key: SeriesKey) -> SeriesState:
        """The series with this key, created if it is new."""
        by_name, name = self._by_model[_MODEL_OF[key.kind]], _name(key)
        series = by_name.get(name)
        if series is None:
            series = by_name[name] = SeriesState(key)
        return series

    def assign(self, reading: Reading, device: Device) -> SeriesState | Refusal:
        """Give a reading a series, with the line head of its device; or return why it can have none."""
        key = series_key(reading)
        if key.kind is Kind.FILL and (refusal := self._refuse_compartment(key)):
            return refusal
        try:
            head = line_head(key, device)
        except Unencodable as exc:
            return Refusal(Reason.REJECTED_BY_STORE, f"{device.id}: {exc}")
        series = self.get(key)
        series.device, series.line_head = device, head
        return series

    def _refuse_compartment(self, key: SeriesKey) -> Refusal | None:
        """Accept the first so many compartments in the order of the log: a restart accepts the same ones."""
        compartments = self._compartments[key.device_id]
        if key.part in compartments:
            return None
        if len(compartments) >= MAX_COMPARTMENTS:
            detail = f"compartment: {key.part!r} would be one more than the {MAX_COMPARTMENTS} that a device may have"
            return Refusal(Reason.TOO_MANY_COMPARTMENTS, detail, field="compartment")
        compartments.add(key.part)
        return None


def _name(key: SeriesKey) -> str:
    """Device and part; a device id has no slash (`devices.readings.ids`)."""
    return f"{key.device_id}/{key.part}" if key.part else key.device_id
