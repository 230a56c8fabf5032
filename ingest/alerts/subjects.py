"""What the store's rows of an alert say of its subject: what people call it, and which board shows it."""

from collections.abc import Mapping
from typing import Final

from devices.city.labels import Label, labels_of
from devices.city.model import City, DeviceRole
from devices.readings.instants import HOUR_MS
from devices.readings.series import FieldValue

BOARD_OF_ROLE: Final = {
    DeviceRole.TRUCK: "trucks",
    DeviceRole.WEIGHBRIDGE: "weighbridges",
    DeviceRole.STATION_LINE: "weighbridges",
    DeviceRole.RECYCLING_POINT: "recycling",
}
BOARD_OF_OTHERS: Final = "enforcement"
"""For a subject that is no device of the city."""


class SubjectFields:
    """The fields that describe the subject of an alert. Keeps the labels of one revision of the city for an hour."""

    def __init__(self) -> None:
        self._city: City | None = None
        self._hour = 0
        self._labels: Mapping[str, Label] = {}

    def of(self, subject: str, city: City, at: int) -> dict[str, FieldValue]:
        """`SUBJECT_FIELDS` of a subject at a time, ms; one that is no device is called by its id."""
        hour = at // HOUR_MS if city.past_vehicles or city.past_sites else 0
        if city is not self._city or hour != self._hour:
            self._city, self._hour, self._labels = city, hour, labels_of(city, at)
        label = self._labels.get(subject, Label(subject, subject))
        device = city.devices.get(subject)
        board = BOARD_OF_ROLE[device.role] if device is not None else BOARD_OF_OTHERS
        return {"label": label.en, "label_zh": label.zh, "board": board}
