"""Spans of days on the command line: `--from` and `--to`, or a quarter."""

import re
from datetime import date, timedelta
from typing import Annotated, Final

import typer

from devices.city.model import City
from haulwatch.commands.shared import fail
from haulwatch.commands.weighings.city_ledger import day
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_registry
from rules.indicators.loads import MAX_DAYS
from rules.weighing.balance import Calendar

_QUARTER: Final = re.compile(r"(20[0-9]{2})-?[Qq]([1-4])\Z")
_MONTHS: Final = 3

FirstDay = Annotated[date, typer.Option("--from", parser=day, metavar="DAY", help="First day, by the city's calendar.")]
LastDay = Annotated[date, typer.Option("--to", parser=day, metavar="DAY", help="Last day.")]


def city_of_span(settings: Settings, first: date, last: date, now: int) -> City:
    """The registered city. Ends with a message if there can be no figures of these days."""
    with open_registry(settings) as registry:
        city = registry.load_city()
    if last < first:
        fail("--to: must not be before --from")
    if (last - first).days >= MAX_DAYS:
        fail(f"--to: ask for at most {MAX_DAYS} days")
    today = Calendar(city.timezone).day(now)
    if first.isoformat() > today:
        fail(f"--from: it is {today}: give this day or one before")
    return city


def quarter(text: str) -> tuple[date, date]:
    """Parse an option's value: the first and the last day of a quarter. Raises typer.BadParameter."""
    found = _QUARTER.match(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no quarter: write it as 2026Q3")
    year, number = int(found[1]), int(found[2])
    first = date(year, _MONTHS * (number - 1) + 1, 1)
    after = date(year + 1, 1, 1) if number == _LAST else date(year, _MONTHS * number + 1, 1)
    return first, after - timedelta(days=1)


_LAST: Final = 4
