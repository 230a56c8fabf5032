"""Which weighings of a bridge may be of one ticket: those with its number within a day, and what they correct. Pure.

Bridges use numbers again, some every day. So a number alone joins nothing: of two weighings with one number that lie
more than a day apart, the later one is of the earlier ticket only if it says that it corrects it.
"""

from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from devices.readings.instants import DAY_MS
from devices.readings.models import Weighing
from devices.readings.plates import comparable_plate
from devices.readings.tickets import REPEATED_WITHIN_MS, ticket_number, weights_of

CORRECTED_AFTER_MS: Final = 40 * DAY_MS
"""A correction names a weighing of the last so long, as the recorder takes it."""


class Numbered(NamedTuple):
    """What of a weighing says which others are of its ticket."""

    device_id: str
    ts: int
    number: str
    """As numbers are compared."""
    corrects: str | None
    """Likewise."""
    marks: tuple[Hashable, ...]
    """Weighings of a day with one number and one of these in common may be of one ticket: weights, plate, vehicle."""
    is_of_any_truck: bool
    """It has no plate."""


def numbered(weighing: Weighing, vehicle_id: str | None) -> Numbered:
    marks: list[Hashable] = [("kg", weights_of(weighing))]
    if weighing.plate is not None:
        marks.append(("plate", comparable_plate(weighing.plate)))
    if vehicle_id is not None:
        marks.append(("vehicle", vehicle_id))
    return Numbered(
        weighing.device_id,
        weighing.ts,
        ticket_number(weighing.ticket),
        None if weighing.corrects is None else ticket_number(weighing.corrects),
        tuple(marks),
        weighing.plate is None,
    )


def groups_of(weighings: Sequence[Numbered]) -> list[int]:
    """The group of each weighing, by index: no ticket has weighings of two groups. Weighings in any order."""
    above = list(range(len(weighings)))

    def top(index: int) -> int:
        while above[index] != index:
            above[index] = above[above[index]]
            index = above[index]
        return index

    last_of: dict[tuple[str, str], int] = {}
    marked: dict[tuple[str, str], dict[Hashable, int]] = {}
    for index in sorted(range(len(weighings)), key=lambda i: (weighings[i].ts, weighings[i].device_id)):
        one = weighings[index]
        key = one.device_id, one.number
        if one.corrects is not None:
            corrected = last_of.get((one.device_id, one.corrects))
            if corrected is not None and one.ts - weighings[corrected].ts <= CORRECTED_AFTER_MS:
                above[top(index)] = top(corrected)
        of_number = marked.setdefault(key, {})
        for mark in [mark for mark, at in of_number.items() if one.ts - weighings[at].ts > REPEATED_WITHIN_MS]:
            del of_number[mark]
        for mark in (*of_number,) if one.is_of_any_truck else (_ANY, *one.marks):
            if mark in of_number:
                above[top(index)] = top(of_number[mark])
        for mark in (_ANY, *one.marks) if one.is_of_any_truck else one.marks:
            of_number[mark] = index
        last_of[key] = index
    return [top(index) for index in range(len(weighings))]


_ANY: Final = "any"
