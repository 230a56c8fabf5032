"""What the store's rows of an alert say of its subject: what people call it, and which board shows it."""

from collections.abc import Mapping
from typing import Final

from devices.city.labels import Label, labels_of
from devices.city.model import City, DeviceRole
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
    """The fields that describe the subject of an alert. Keeps the labels of one revision of the city."""

    def __init__(self) -> None:
        self._city: City | None = None
        self._labels: Mapping[str, Label] = {}

    def of(self, subject: str, city: City) -> dict[str, FieldValue]:
        """`SUBJECT_FIELDS` of a subject; one that is no device is called by its id."""
        if city is not self._city:
            self._city, self._labels = city, labels_of(city)
        label = self._labels.get(subject, Label(subject, subject))
        device = city.devices.get(subject)
        board = BOARD_OF_ROLE[device.role] if device is not None else BOARD_OF_OTHERS
        return {"label": label.en, "label_zh": label.zh, "board": board}
