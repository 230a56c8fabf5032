"""Deposits of recyclables at smart points in a span, summed in the database: what points themselves weighed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from rules.recyclables.tables import deposit

_GRAMS_OF_KG: Final = 1_000


class DayDeposits(NamedTuple):
    """The deposits of one material on one day."""

    day: str
    stream: str
    """As `devices.readings.streams` has it; the point's own word where it is none of these."""
    deposits: int
    grams: int


@dataclass(frozen=True, slots=True)
class Deposits:
    """The deposits of a span at some points."""

    days: tuple[DayDeposits, ...] = ()
    points: frozenset[str] = frozenset()
    """Devices at which somebody deposited."""

    def of(self, streams: frozenset[str]) -> "Deposits":
        return replace(self, days=tuple(one for one in self.days if one.stream in streams))

    def on(self, days: frozenset[str]) -> "Deposits":
        return replace(self, days=tuple(one for one in self.days if one.day in days))

    @property
    def count(self) -> int:
        return sum(one.deposits for one in self.days)

    @property
    def kg(self) -> float:
        return sum(one.grams for one in self.days) / _GRAMS_OF_KG


NO_DEPOSITS: Final = Deposits()


def deposits_of(
    connection: Connection,
    days: Sequence[str],
    sites: Sequence[str] | None = None,
    devices: frozenset[str] | None = None,
) -> Deposits:
    """The deposits of these days. `sites`: only of points there; `devices`: only of these points; None: of all."""
    if not days:
        return NO_DEPOSITS
    row = deposit.c
    where = [row.day >= min(days), row.day <= max(days)]
    if sites is not None:
        where.append(row.site_id.in_(sorted(sites)))
    if devices is not None:
        where.append(row.device_id.in_(sorted(devices)))
    sums = select(row.day, row.material, func.count(), func.sum(row.grams)).where(*where)
    found = connection.execute(sums.group_by(row.day, row.material).order_by(row.day, row.material)).all()
    points = connection.execute(select(row.device_id).where(*where).distinct()).scalars()
    return Deposits(
        tuple(DayDeposits(day, stream, int(count), int(grams)) for day, stream, count, grams in found),
        frozenset(points),
    )
