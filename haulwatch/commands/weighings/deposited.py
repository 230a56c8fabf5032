"""What smart points took, as lines of the city's ledger: the points weigh it, and trucks fetch it later."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from devices.city.model import City
from devices.city.sites import version_at
from haulwatch.settings.load import Settings
from haulwatch.wiring.desk.recyclables import open_deposits
from rules.recyclables.model import DepositFilter
from rules.weighing.balance import UNKNOWN, Calendar

FLOW: Final = "deposit"
"""Beside `in` and `out` of loads: neither, since the same weight leaves the point as a load."""


class DepositLine(NamedTuple):
    """The deposits of one material at one site on one day."""

    day: str
    site: str
    district: str
    stream: str
    deposits: int
    kg: float


def deposit_lines(settings: Settings, city: City, first: date, last: date) -> list[DepositLine]:
    """Of these days, both included. Raises DatabaseError, TariffFileError."""
    calendar = Calendar(city.timezone)
    with open_deposits(settings, lambda: city) as store:
        sums = store.sums(DepositFilter(first.isoformat(), last.isoformat()))
    lines = []
    for one in sums:
        day, site_id = one.day or "", one.site or UNKNOWN
        site = version_at(city.versions_of_site(site_id), calendar.start_ms(date.fromisoformat(day)))
        district = (site.district if site is not None else None) or UNKNOWN
        lines.append(DepositLine(day, site_id, district, one.material or UNKNOWN, one.deposits, one.weight_kg))
    return lines


def summed(lines: Sequence[DepositLine], by: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows of a table: what they are summed by, deposits, tonnes. Nobody hauls a deposit: its haulier is empty."""
    found: dict[tuple[str, ...], tuple[int, float]] = {}
    for line in lines:
        key = tuple(str(getattr(line, name, "")) for name in by)
        deposits, kg = found.get(key, (0, 0.0))
        found[key] = deposits + line.deposits, round(kg + line.kg, 3)
    return [(*key, deposits, f"{kg / 1000:,.3f}") for key, (deposits, kg) in sorted(found.items())]
