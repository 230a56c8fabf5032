"""The city's tariffs of deposits: what a kilogram of each material earns, at which points, and when. YAML.

    tariffs:
      - name: points 2026
        valid_from: 2026-01-01          # midnight in the city; absent: always was
        valid_until: 2027-01-01         # first day no longer; absent: no end
        unit: points                    # or CNY
        per_kg: {paper: 80, plastic: 120, metal: 150, textile: 60, glass: 10}
        sites: [point-01]               # only at these; absent: at every point
        in_hours_only: true             # nothing for a deposit outside the deposit hours of the point
        most_kg: 50                     # nothing for a heavier one: a trader's, or a fault. Absent: no limit

Two tariffs never pay for the same deposit. A rate that ends stays in the file with its `valid_until`, so that a deposit
that comes late is paid by what was in force.
"""

from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.bounded_files import read_yaml_model
from devices.city.hours import is_within
from devices.city.model import City
from devices.city.sites import Site
from devices.errors import OperatorError
from devices.readings.streams import stream_of
from devices.readings.text import MAX_SHORT_CHARS, ShortText
from rules.recyclables.model import MAX_KG, Unit

_CENT: Final = Decimal("0.01")
_Rate = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=4, allow_inf_nan=False)]


class TariffFileError(OperatorError):
    """The file cannot be used; names each field and what to write."""


def material_of(text: str) -> str:
    """The material as it is kept: the word of its stream, else the text itself in one width and case."""
    return stream_of(text) or " ".join(text.casefold().split())[:MAX_SHORT_CHARS]


class Earned(NamedTuple):
    """What one deposit earned, and by which tariff."""

    tariff: str
    unit: Unit
    hundredths: int
    """Of a point or a yuan."""


class Tariff(BaseModel):
    """One tariff of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ShortText
    valid_from: date | None = None
    valid_until: date | None = None
    unit: Unit
    per_kg: Annotated[dict[ShortText, _Rate], Field(min_length=1, max_length=200)]
    sites: tuple[ShortText, ...] | None = Field(None, min_length=1, max_length=10_000)
    in_hours_only: bool = False
    most_kg: Annotated[float, Field(gt=0, le=MAX_KG, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        if self.valid_from is not None and self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("valid_until: not after valid_from: it is the first day no longer covered")
        if len(self.rates) < len(self.per_kg):
            raise ValueError("per_kg: names a material twice")
        return self

    @cached_property
    def rates(self) -> dict[str, Decimal]:
        """By material as it is kept."""
        return {material_of(material): rate for material, rate in self.per_kg.items()}

    def holds_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day < self.valid_until
        )

    def meets(self, other: "Tariff") -> str | None:
        """A material that both would pay for at one point on one day."""
        starts = max(self.valid_from or date.min, other.valid_from or date.min)
        ends = min(self.valid_until or date.max, other.valid_until or date.max)
        apart = self.sites is not None and other.sites is not None and not set(self.sites) & set(other.sites)
        if starts >= ends or apart:
            return None
        return next(iter(sorted(self.rates.keys() & other.rates.keys())), None)


class Tariffs(BaseModel):
    """The file, checked. Without a file nothing is paid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tariffs: tuple[Tariff, ...] = ()

    @model_validator(mode="after")
    def _never_pay_twice(self) -> Self:
        for one, other in combinations(self.tariffs, 2):
            if one.name == other.name:
                raise ValueError(f"two tariffs are called {one.name!r}: give each a name of its own")
            if (material := one.meets(other)) is not None:
                raise ValueError(
                    f"{one.name!r} and {other.name!r} both pay for {material}: end one with valid_until, or give "
                    "them other sites"
                )
        return self

    def earned(self, material: str, grams: int, day: date, site: Site | None, minute: int) -> Earned | None:
        """What a deposit earns; None where no tariff pays it. `minute`: of the city's day."""
        for one in self.tariffs:
            rate = one.rates.get(material)
            elsewhere = one.sites is not None and (site is None or site.id not in one.sites)
            if rate is None or elsewhere or not one.holds_on(day):
                continue
            hours = site.deposit_hours if site is not None else ()
            closed = one.in_hours_only and bool(hours) and not is_within(hours, minute)
            too_heavy = one.most_kg is not None and grams > round(one.most_kg * 1000)
            amount = Decimal(0) if closed or too_heavy else rate * grams / 1000
            return Earned(one.name, one.unit, int(amount.quantize(_CENT, ROUND_HALF_UP) * 100))
        return None

    def unknown_sites(self, city: City) -> Iterator[str]:
        """Sites that tariffs name and the registry does not have."""
        yield from sorted({site for one in self.tariffs for site in one.sites or ()} - city.sites.keys())


NO_TARIFFS: Final = Tariffs()


def read_tariffs(path: Path | None) -> Tariffs:
    """Read the file; None: there is none. Raises TariffFileError, OSError."""
    return NO_TARIFFS if path is None else read_yaml_model(path, Tariffs, TariffFileError, _fault)


def _fault(where: tuple[int | str, ...], message: str) -> str:
    field = ".".join(str(part) for part in where if part != "[key]") or "tariffs"
    return f"{field}: {message.removeprefix('Value error, ')}"
