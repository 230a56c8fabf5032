"""Stated stocks: what lies at a site at the end of a day, or by how much that changed; residue that nobody weighed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from math import hypot
from typing import Annotated, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Engine, insert, select

from devices.db.database import transaction
from devices.readings.text import ShortText
from rules.stocks.tables import site_stock

MAX_REASON: Final = 500
"""Characters."""
MAX_KG: Final = 1e11
"""100 million tonnes: more than any spoil ground holds."""
_Kg = Annotated[float, Field(ge=-MAX_KG, le=MAX_KG, allow_inf_nan=False)]
_Positive = Annotated[float, Field(ge=0, le=MAX_KG, allow_inf_nan=False)]


class StatedDay(BaseModel):
    """What somebody states of one site and day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: ShortText
    day: date
    """Of the city's calendar."""
    stock_kg: _Positive | None = None
    """What lies there at its end, as measured: a survey, a level × a density."""
    stock_change_kg: _Kg | None = None
    """By how much that grew during the day; negative: it fell."""
    residue_kg: _Positive = 0.0
    """What left without a ticket: burnt, evaporated, drained, sorted out."""
    error_kg: _Positive = 0.0
    """Standard error of the stock, or of its change."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.stock_kg is not None and self.stock_change_kg is not None:
            raise ValueError("give stock_kg or stock_change_kg, not both")
        if self.stock_kg is None and self.stock_change_kg is None and not self.residue_kg:
            raise ValueError("give stock_kg, stock_change_kg or residue_kg")
        return self


class EnteredDay(BaseModel):
    """An entry that holds, with who made it."""

    model_config = ConfigDict(frozen=True)

    stated: StatedDay
    actor: str
    reason: str
    at: int


class StockChange(NamedTuple):
    """What the stock of a site did in one day, kg."""

    change_kg: float | None
    """None: only the stock at its end is stated, and none of the day before."""
    residue_kg: float
    error_kg: float


class StockStore:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def state(self, days: Sequence[StatedDay], actor: str, reason: str, now: int) -> None:
        """Add entries, all or none. `now`: wall clock, ms."""
        with transaction(self._engine) as connection:
            for one in days:
                values = one.model_dump() | {"site_id": one.site, "day": one.day.isoformat()}
                del values["site"]
                connection.execute(insert(site_stock).values(actor=actor, reason=reason, at=now, **values))

    def entered(self, first: date, last: date) -> list[EnteredDay]:
        """The entries that hold of these days, by day and site."""
        row = site_stock.c
        query = select(site_stock).where(row.day.between(first.isoformat(), last.isoformat())).order_by(row.no)
        found: dict[tuple[str, str], EnteredDay] = {}
        names = set(StatedDay.model_fields) - {"site"}
        with transaction(self._engine) as connection:
            for values in connection.execute(query).mappings():
                stated = StatedDay(site=values["site_id"], **{name: values[name] for name in names})
                found[values["day"], values["site_id"]] = EnteredDay(
                    stated=stated, actor=values["actor"], reason=values["reason"], at=values["at"]
                )
        return [found[key] for key in sorted(found)]

    def changes(self, first: date, last: date) -> dict[tuple[str, str], StockChange]:
        """By day and site: what stocks did on these days, as far as it is stated."""
        before = first - timedelta(days=1)
        stated = changes_of(one.stated for one in self.entered(before, last))
        return {key: one for key, one in stated.items() if key[0] >= first.isoformat()}


def changes_of(days: Iterable[StatedDay]) -> dict[tuple[str, str], StockChange]:
    """By day and site. A stock that is measured at the end of two days in a row gives the change of the second."""
    by_day: Mapping[tuple[str, date], StatedDay] = {(one.site, one.day): one for one in days}
    found: dict[tuple[str, str], StockChange] = {}
    for (site, day), one in by_day.items():
        change_kg, error_kg = one.stock_change_kg, one.error_kg
        if one.stock_kg is not None:
            before = by_day.get((site, day - timedelta(days=1)))
            if before is None or before.stock_kg is None:
                change_kg, error_kg = None, 0.0
            else:
                change_kg = round(one.stock_kg - before.stock_kg, 3)
                error_kg = hypot(one.error_kg, before.error_kg)
        found[day.isoformat(), site] = StockChange(change_kg, one.residue_kg, round(error_kg, 3))
    return found
