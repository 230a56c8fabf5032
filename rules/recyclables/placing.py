"""Where, when and for how much a deposit counts: by the registry and the tariffs at its time. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from devices.city.model import City, DeviceRole
from devices.readings.instants import DAY_MS
from devices.readings.models import MAX_AHEAD_MS
from rules.recyclables.model import IdKind, Refusal, ReportedDeposit
from rules.recyclables.tariff import Earned, Tariffs, material_of

MAX_AGE_MS: Final = 400 * DAY_MS
"""An older deposit is of a clock that was never set: points upload what they buffered within weeks."""


class Identity(NamedTuple):
    """By what a person is identified. Its `repr` hides the number."""

    kind: IdKind
    number: SecretStr


@dataclass(frozen=True, slots=True)
class PlacedDeposit:
    """A deposit that counts."""

    device_id: str
    number: str
    ts: int
    """Device time, corrected by the registry, ms."""
    day: str
    """Of the city's calendar."""
    site_id: str
    """Empty where the point has none."""
    material: str
    grams: int
    earned: Earned | None
    who: Identity | None


def place(
    device_id: str, index: int, reported: ReportedDeposit, city: City, tariffs: Tariffs, received_at: int
) -> PlacedDeposit | Refusal:
    """`received_at`: wall clock, ms. `index`: of the deposit in its message."""
    device = city.devices.get(device_id)
    if device is None or device.role is not DeviceRole.RECYCLING_POINT:
        return Refusal(index=index, field="device", hint="is no registered recycling point: register it first")
    ts = reported.ts + device.clock_correction_s * 1000
    if ts > received_at + MAX_AHEAD_MS:
        return Refusal(index=index, field="ts", hint="lies in the future: set the clock of the point")
    if ts < received_at - MAX_AGE_MS:
        return Refusal(index=index, field="ts", hint="is more than 400 days old: set the clock of the point")
    if not device.validity.covers(ts):
        return Refusal(index=index, field="device", hint="was not in service then: correct its registration")
    grams = round(reported.weight_kg * 1000)
    if not grams:
        return Refusal(index=index, field="weight_kg", hint="is less than a gram")
    local = datetime.fromtimestamp(ts / 1000, ZoneInfo(city.timezone))
    site, material = city.site_of(device, ts), material_of(reported.material)
    earned = tariffs.earned(material, grams, local.date(), site, local.hour * 60 + local.minute)
    day, site_id = local.date().isoformat(), site.id if site is not None else ""
    return PlacedDeposit(device_id, reported.number, ts, day, site_id, material, grams, earned, _identity(reported))


def _identity(reported: ReportedDeposit) -> Identity | None:
    if reported.card is not None:
        return Identity(IdKind.CARD, reported.card)
    return None if reported.code is None else Identity(IdKind.CODE, reported.code)
