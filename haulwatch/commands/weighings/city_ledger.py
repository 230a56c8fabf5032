"""`haulwatch ledger city`: tonnes by day, site, stream, district and haulier, and the mass balance of sites."""

import csv
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from haulwatch.commands.csv_output import write_csv
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json, print_table
from haulwatch.commands.weighings.deposited import FLOW, DepositLine, deposit_lines, summed
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.desk.weighings import open_sessions, open_stocks
from rules.weighing.balance import (
    Calendar,
    Heading,
    LateChange,
    SiteBalance,
    Stocks,
    Tonnage,
    balances,
    filled_sites,
    late_changes,
    ledger_of,
    totals,
)
from rules.weighing.model import SessionFilter

MAX_DAYS: Final = 366


class By(StrEnum):
    """What tonnes are summed by."""

    STREAM = "stream"
    DISTRICT = "district"
    SITE = "site"
    HAULIER = "haulier"
    DAY = "day"


def day(text: str) -> date:
    """Parse an option's value. Raises typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is no day: write it as 2026-03-01") from exc


_BY: Final = (By.DAY, By.SITE, By.STREAM)


@exits_on_error
def city_ledger(
    from_: Annotated[
        date, typer.Option("--from", parser=day, metavar="DAY", help="First day, by the city's calendar.")
    ],
    to: Annotated[date, typer.Option("--to", parser=day, metavar="DAY", help="Last day.")],
    by: Annotated[
        list[By] | None,
        typer.Option("--by", help="Sum by this; more than once for several. Default: day, site, stream."),
    ] = None,
    stocks: Annotated[
        Path | None,
        typer.Option(
            help="What sites say of their days, CSV: day,site,stock_change_kg,residue_kg. It adds to what is stated.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: JsonFlag = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all lines as CSV.")] = False,
) -> None:
    """Tonnes that came to sites and left them, from weighing sessions, and the mass balance of each site and day.

    A load is in the day of the weighing that completes it. Sums are of sessions that weighed gross and tare; those with
    a registered or estimated tare are counted apart. Late and corrected tickets change the day that they belong to:
    `late` says by how much since the day was over. What comes to a disposal site or landfill stays there, unless
    `haulwatch weighings state-stocks` or `--stocks` says otherwise. What people deposit at smart points, as these weigh
    it, stands apart (`deposits`; in CSV the flow `deposit`): trucks fetch the same weight, so nobody may add them up.
    """
    if to < from_:
        fail("--to: must not be before --from")
    if (to - from_).days >= MAX_DAYS:
        fail(f"--to: a ledger has at most {MAX_DAYS} days, ask for a shorter time")
    if as_json and as_csv:
        fail("--csv: leave it out, or --json")
    settings = settings_with_data()
    with open_registry(settings) as registry:
        city = registry.load_city()
    with open_stocks(settings) as stock_store:
        kept = stock_store.changes(from_, to)
    stated = {key: Stocks(one.change_kg, one.residue_kg, one.error_kg) for key, one in kept.items()}
    of_file = read_stocks(stocks) if stocks is not None else {}
    for day_, site in of_file:
        if site not in city.sites:
            fail(f"--stocks: no site {site!r} ({day_}): `haulwatch city export` shows the ids")
    stated |= of_file
    stated = {key: one for key, one in stated.items() if from_.isoformat() <= key[0] <= to.isoformat()}
    calendar = Calendar(city.timezone)
    start, end = calendar.start_ms(from_), calendar.start_ms(to + timedelta(days=1))
    days = [from_ + timedelta(days=n) for n in range((to - from_).days + 1)]
    closed_at = {one.isoformat(): calendar.start_ms(one + timedelta(days=1)) for one in days}
    with open_sessions(settings, lambda: city) as store:
        lines = ledger_of(store.every(SessionFilter(start=start, end=end)), city, calendar)
        late = late_changes(store.changes_since(min(closed_at.values()), start=start, end=end), calendar, closed_at)
    of_sites = balances(lines, stated, filled_sites(city))
    deposited = deposit_lines(settings, city, from_, to)
    if as_csv:
        rows = [_line(heading, line) for heading, line in lines.items()]
        write_csv(sys.stdout, (*Heading._fields, *Tonnage.__slots__), [*rows, *map(_deposit_row, deposited)])
    elif as_json:
        print_json(as_data(from_, to, lines, of_sites, late, deposited))
    else:
        _print_tables(lines, tuple(by or _BY), of_sites, late, deposited)


def read_stocks(path: Path) -> dict[tuple[str, str], Stocks]:
    """What sites say of their days, by day and site. Fails at the first line that says nothing."""
    found: dict[tuple[str, str], Stocks] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                key = date.fromisoformat(row["day"]).isoformat(), row["site"]
                kg = [float(row.get(name) or 0) for name in ("stock_change_kg", "residue_kg")]
            except (KeyError, TypeError, ValueError):
                fail(f"--stocks: line {number}: write day,site,stock_change_kg,residue_kg, as 2026-03-01,tip,12000,0")
            if not all(map(isfinite, kg)) or key in found:
                fail(f"--stocks: line {number}: give each day and site once, with weights in kg")
            found[key] = Stocks(*kg)
    return found


def as_data(
    from_: date,
    to: date,
    lines: dict[Heading, Tonnage],
    of_sites: list[SiteBalance],
    late: dict[str, LateChange],
    deposited: Sequence[DepositLine] = (),
) -> dict[str, Any]:
    """The ledger as JSON; weights in kg."""
    return {
        "from": from_.isoformat(),
        "to": to.isoformat(),
        "lines": [_line(heading, line) for heading, line in lines.items()],
        "balances": [
            {name: getattr(one, name) for name in one.__slots__}
            | {"difference_kg": one.difference_kg, "explained": one.is_explained}
            for one in of_sites
        ],
        "late": {day_: {"revisions": one.revisions, "net_kg": one.net_kg} for day_, one in late.items()},
        "deposits": [line._asdict() for line in deposited],
    }


def _line(heading: Heading, line: Tonnage) -> dict[str, Any]:
    return {**heading._asdict(), "flow": str(heading.flow)} | {name: getattr(line, name) for name in line.__slots__}


def _deposit_row(line: DepositLine) -> dict[str, Any]:
    """A row of CSV like those of loads."""
    place = {"day": line.day, "site": line.site, "district": line.district, "stream": line.stream, "haulier": ""}
    counts = dict.fromkeys(Tonnage.__slots__, 0) | {"sessions": line.deposits, "net_kg": line.kg}
    return place | {"flow": FLOW} | counts


def _print_tables(
    lines: dict[Heading, Tonnage],
    by: tuple[By, ...],
    of_sites: list[SiteBalance],
    late: dict[str, LateChange],
    deposited: Sequence[DepositLine],
) -> None:
    columns = (*by, "", "loads", "tonnes", "estimated", "t estimated", "not known")
    rows = [
        (*heading, total.sessions, f"{total.net_kg / 1000:,.3f}", total.estimated, f"{total.estimated_kg / 1000:,.3f}",
         total.unknown)
        for heading, total in totals(lines, *by, "flow").items()
    ]  # fmt: skip
    figures = ("loads", "tonnes", "estimated", "t estimated", "not known")
    print_table("tonnes", columns, rows, right=figures)
    if deposited:
        counted = ("deposits", "tonnes")
        print_table("deposits at smart points 投放", (*by, *counted), summed(deposited, by), right=counted)
    weights = ("in t", "out t", "stays on site t", "not explained t", "± t")
    balance_rows = [
        (one.day, one.site, *(f"{kg / 1000:,.3f}" for kg in (
            one.in_kg, one.out_kg, one.stock_change_kg, one.difference_kg, one.band_kg
        )))
        for one in of_sites
    ]  # fmt: skip
    print_table("mass balance", ("day", "site", *weights), balance_rows, right=weights)
    for day_, one in late.items():
        out.print(f"{day_}: {one.revisions} late changes, {one.net_kg:+,.0f} kg since the day was over", markup=False)
