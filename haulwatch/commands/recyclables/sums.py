"""`haulwatch deposits sums` and `haulwatch deposits refused`."""

import sys
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Final

import typer

from devices.city.model import City
from devices.readings.streams import stream_name
from haulwatch.commands.csv_output import write_csv
from haulwatch.commands.programme.spans import FirstDay, LastDay
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, local_minute, print_json, print_table
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_registry, people_zone
from haulwatch.wiring.desk.recyclables import open_deposits
from rules.recyclables.model import By, DepositFilter, SumLine, Unit

_COUNTS: Final = ("deposits", "weight_kg", "identified", "without_tariff")


def nobody() -> City:
    """For who only reads deposits: where they were made was found out when they came."""
    raise RuntimeError("who reads deposits asks for no city")


@exits_on_error
def sums(
    from_: FirstDay,
    to: LastDay,
    by: Annotated[
        list[By] | None,
        typer.Option("--by", help="Sum by this; more than once for several. Default: day, site, material."),
    ] = None,
    as_json: JsonFlag = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Sum deposits by day, site and material: weight, and what was credited for it.

    A deposit is in the day on which it was made, by the city's calendar, whenever it came.
    """
    if as_json and as_csv:
        fail("--csv: leave it out, or --json")
    if to < from_:
        fail("--to: must not be before --from")
    settings, keys = settings_with_data(), tuple(dict.fromkeys(by or By))
    with open_registry(settings) as registry:
        registry.load_city()
    with open_deposits(settings, nobody) as store:
        lines = store.sums(DepositFilter(from_.isoformat(), to.isoformat()), keys)
    if as_json:
        print_json([line.model_dump(mode="json") for line in lines])
    elif as_csv:
        write_csv(sys.stdout, (*keys, *_COUNTS, *Unit), _csv_rows(lines, keys))
    else:
        print_lines(lines, keys, _title(from_, to))


def print_lines(lines: list[SumLine], keys: tuple[By, ...], title: str) -> None:
    """As a table."""
    figures = ("deposits", "kg", "with account", "without tariff", "points 积分", "CNY 元")
    rows = [
        (
            *(_shown(line, one) for one in keys),
            line.deposits,
            f"{line.weight_kg:,.3f}",
            line.identified,
            line.without_tariff,
            *(_amount(line, unit) for unit in Unit),
        )
        for line in lines
    ]
    print_table(title, (*keys, *figures), rows, right=figures)


@exits_on_error
def refused(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100, as_json: JsonFlag = False
) -> None:
    """List deposits that came over MQTT and could not be taken: of which point, and why.

    Nothing of the messages is kept, as they may hold the numbers of cards.
    """
    settings = settings_with_data()
    zone = people_zone(settings)
    with open_deposits(settings, nobody) as store:
        found = store.refusals(limit)
    names = ("device", "received_at", "field", "hint", "deposits")
    if as_json:
        print_json([dict(zip(names, one, strict=True)) for one in found])
        return
    rows = [(local_minute(at, zone), device, count, field, hint) for device, at, field, hint, count in found]
    print_table("refused deposits", ("came", "device", "deposits", "field", "what to do"), rows, right=("deposits",))


def _title(first: date, last: date) -> str:
    return f"deposits 投放 {first} to {last}"


def _shown(line: SumLine, by: By) -> str:
    value = str(getattr(line, by) or "")
    if by is not By.MATERIAL:
        return value
    name = stream_name(value)
    return name.en if name.en == name.zh else f"{name.zh} {name.en}"


def _amount(line: SumLine, unit: Unit) -> str | None:
    return next((f"{one.amount:,.2f}" for one in line.credits if one.unit is unit), None)


def _csv_rows(lines: list[SumLine], keys: tuple[By, ...]) -> Iterator[dict[str, Any]]:
    for line in lines:
        earned = {str(one.unit): one.amount for one in line.credits}
        yield (
            {str(one): getattr(line, one) for one in keys}
            | {name: getattr(line, name) for name in _COUNTS}
            | {str(unit): earned.get(unit) for unit in Unit}
        )
