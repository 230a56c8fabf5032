"""What a weighing is by itself, and which weighings of one number count. The oracle is the words beside each case."""

import json
from typing import Any

import pytest
from msgspec import convert

from devices.codecs.registry import decode
from devices.readings.models import Weighing
from devices.readings.refusals import DecodeError, Reason
from devices.readings.tickets import TicketState, count_once, fault_of, net_kg, state_alone, ticket_weighing

T0 = 1_795_930_000_000
HOUR = 3_600_000
COUNTED, REPEATED, REPLACED = TicketState.COUNTED, TicketState.REPEATED, TicketState.REPLACED


def weighing(**changed: Any) -> Weighing:
    """18 t of a truck, weighed out."""
    body = {"device_id": "w-1", "ts": T0, "gross_kg": 31000.0, "tare_kg": 13000.0, "net_kg": 18000.0}
    body |= {"ticket": "A002", "direction": "out", "plate": "晋E·D0101", "material": "spoil"} | changed
    return convert(body, Weighing)


@pytest.mark.parametrize(
    ("changed", "state", "counts_kg"),
    [
        ({}, "counted", 18000.0),
        ({"net_kg": None}, "counted", 18000.0),
        ({"tare_kg": None}, "counted", 18000.0),
        ({"net_kg": 18040}, "counted", 18040.0),
        ({"gross_kg": 60000, "tare_kg": 20000, "net_kg": 40280}, "counted", 40280.0),
        ({"manual_entry": True}, "counted", 18000.0),
        ({"gross_kg": 13000, "tare_kg": 13000, "net_kg": 0}, "counted", 0.0),
        ({"stable": False}, "unsettled", None),
        ({"tare_kg": None, "net_kg": None}, "no_net", None),
        ({"tare_kg": 0, "net_kg": 31000}, "no_net", None),
        ({"tare_kg": 0, "net_kg": 0}, "no_net", None),
        ({"tare_kg": 0, "net_kg": None}, "no_net", None),
        ({"tare_kg": None, "net_kg": 31000}, "no_net", None),
        ({"tare_kg": None, "net_kg": 0}, "no_net", None),
        ({"gross_kg": 13000, "tare_kg": 31000}, "tare_above_gross", None),
        ({"gross_kg": 13000, "tare_kg": 13001, "net_kg": None}, "tare_above_gross", None),
        ({"net_kg": 81000}, "net_differs", None),
        ({"net_kg": 18200}, "net_differs", None),
        ({"net_kg": 0}, "net_differs", None),
        ({"net_kg": 18}, "net_differs", None),
        ({"tare_kg": None, "net_kg": 81000}, "net_differs", None),
    ],
)
def test_a_weighing_by_itself(changed: dict[str, Any], state: str, counts_kg: float | None) -> None:
    one = weighing(**changed)
    assert state_alone(one) == state
    if counts_kg is not None:
        assert net_kg(one) == counts_kg


def test_a_half_of_a_ticket_is_believed_although_it_does_not_count() -> None:
    assert fault_of(weighing(tare_kg=None, net_kg=None)) is None


def states(*weighings: Weighing) -> list[TicketState]:
    return count_once([ticket_weighing(one) for one in weighings])


A, B = weighing(), weighing(tare_kg=14000.0, net_kg=17000.0)


def at(one: Weighing, hours: float, **changed: Any) -> Weighing:
    fields = {name: getattr(one, name) for name in one.__struct_fields__}
    return convert(fields | {"ts": T0 + round(hours * HOUR)} | changed, Weighing)


@pytest.mark.parametrize(
    ("weighings", "expected"),
    [
        ([A, at(A, 0.1)], [COUNTED, REPEATED]),
        ([A, at(A, 23.9)], [COUNTED, REPEATED]),
        ([A, at(A, 24.1)], [COUNTED, COUNTED]),
        ([A, at(A, 1), at(A, 2)], [COUNTED, REPEATED, REPEATED]),
        ([A, at(B, 1)], [REPLACED, COUNTED]),
        ([A, at(B, 1), at(B, 2)], [REPLACED, COUNTED, REPEATED]),
        ([A, at(A, 0.5), at(B, 1)], [REPLACED, REPLACED, COUNTED]),
        ([A, at(B, 1), at(A, 2)], [REPLACED, REPLACED, COUNTED]),
        ([A, at(A, 1, material="site waste")], [REPLACED, COUNTED]),
        ([A, at(A, 1, plate="晋ED0101")], [COUNTED, REPEATED]),
        ([A, at(A, 1, plate="晋E·D0107")], [REPLACED, COUNTED]),
        ([A, at(B, 1, plate="晋E·D0107")], [COUNTED, COUNTED]),
        ([A, at(B, 1, plate=None)], [REPLACED, COUNTED]),
        ([A, at(B, 20)], [COUNTED, COUNTED]),
        ([A, at(B, 20, corrects="A002")], [REPLACED, COUNTED]),
        ([A, at(B, 400, plate="晋E·D0107", corrects="A002")], [REPLACED, COUNTED]),
    ],
)
def test_weighings_of_one_number(weighings: list[Weighing], expected: list[TicketState]) -> None:
    assert states(*weighings) == expected


def test_numbers_that_begin_anew_every_day_lose_no_load() -> None:
    """Thirty days of a bridge that gives number 7 to another load every day at about the same hour."""
    days = [at(A, 24 * day + day % 5, gross_kg=31000.0 + day, net_kg=18000.0 + day, plate=None) for day in range(30)]
    assert set(states(*days)) == {COUNTED}


@pytest.mark.parametrize("unit", ["lb", "lbs", "t", "g", "KGS ", "", 1])
def test_another_unit_is_refused_with_the_field_named(unit: object) -> None:
    body = {"ts": T0, "gross_kg": 1, "ticket": "1", "direction": "in", "unit": unit}
    with pytest.raises(DecodeError) as refused:
        decode("haulwatch/v1/w-1/weighing", json.dumps(body).encode())
    assert (refused.value.refusal.field, refused.value.refusal.reason) == ("unit", Reason.OUT_OF_BOUNDS)


@pytest.mark.parametrize("unit", ["kg", "KG", "公斤", None])
def test_kilograms_pass(unit: str | None) -> None:
    assert weighing(unit=unit).unit == unit
