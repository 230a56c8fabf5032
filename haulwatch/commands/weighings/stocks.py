"""`haulwatch weighings state-stocks` and `haulwatch weighings stocks`."""

import csv
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from devices.city.model import City
from devices.spelling import did_you_mean
from haulwatch.commands.programme.spans import FirstDay, LastDay
from haulwatch.commands.shared import (
    By,
    JsonFlag,
    acting_name,
    exits_on_error,
    fail,
    local_minute,
    out,
    print_json,
    print_table,
)
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_registry, people_zone
from haulwatch.wiring.desk.weighings import open_stocks
from rules.stocks.store import MAX_REASON, StatedDay

MAX_LINES: Final = 10_000
_MAX_FAULTS: Final = 20


@exits_on_error
def state_stocks(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV: day,site,stock_kg,stock_change_kg,residue_kg,error_kg; see the manual.",
        ),
    ],
    reason: Annotated[str, typer.Option(prompt=True, help="By what, as a survey or a level; it stays for ever.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is wrong, and change nothing.")] = False,
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """State what lay at sites at the end of days, or how it changed, and what left them without a ticket.

    All lines are taken or none. The last statement of a site and day holds; earlier ones stay. `haulwatch ledger city`
    balances sites by them.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        fail(f"--reason: write 1 to {MAX_REASON} characters")
    settings, actor = settings_with_data(), acting_name(by)
    with open_registry(settings) as registry:
        city = registry.load_city()
    found = read_lines(file, city)
    if not dry_run:
        with open_stocks(settings) as store:
            store.state(found, actor, reason.strip(), now_ms())
    if as_json:
        print_json({"days": len(found), "stated": not dry_run})
        return
    out.print(f"{len(found)} days of sites {'can be' if dry_run else 'are'} stated", markup=False, highlight=False)


@exits_on_error
def stocks(
    from_: FirstDay,
    to: LastDay,
    as_json: JsonFlag = False,
) -> None:
    """List what is stated of the stock of sites, by day and site: what holds, by whom and why."""
    settings = settings_with_data()
    zone = people_zone(settings)
    with open_stocks(settings) as store:
        found = store.entered(from_, to)
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    figures = ("stock t", "change t", "residue t", "± t")
    rows = [
        (
            one.stated.day.isoformat(),
            one.stated.site,
            *(_tonnes(kg) for kg in (one.stated.stock_kg, one.stated.stock_change_kg)),
            _tonnes(one.stated.residue_kg),
            _tonnes(one.stated.error_kg),
            one.actor,
            local_minute(one.at, zone),
            one.reason,
        )
        for one in found
    ]
    print_table("stocks 库存", ("day", "site", *figures, "by", "at", "reason"), rows, right=figures)


def read_lines(file: Path, city: City) -> list[StatedDay]:
    """The lines of the file. Ends with a message that names each faulty one."""
    found: list[StatedDay] = []
    named: set[tuple[str, date]] = set()
    faults: list[str] = []
    with file.open(encoding="utf-8-sig", newline="") as opened:
        for number, row in enumerate(csv.DictReader(opened), 2):
            if number > MAX_LINES:
                fail(f"{file.name}: more than {MAX_LINES} lines: split it")
            given = {
                str(name): value.strip() for name, value in row.items() if isinstance(value, str) and value.strip()
            }
            try:
                one = StatedDay.model_validate(given)
            except ValidationError as exc:
                error = exc.errors()[0]
                field = ".".join(map(str, error["loc"])) or "line"
                faults.append(f"line {number}: {field}: {error['msg'].removeprefix('Value error, ')}")
                continue
            if one.site not in city.sites:
                guess = did_you_mean(one.site, list(city.sites))
                faults.append(f"line {number}: site: no site {one.site!r}{guess and f': {guess}'}")
            elif (one.site, one.day) in named:
                faults.append(f"line {number}: day: give each day and site once")
            else:
                named.add((one.site, one.day))
                found.append(one)
    if faults or not found:
        fail("\n".join([f"{file.name}: nothing is stated", *(faults[:_MAX_FAULTS] or ["it has no lines"])]))
    return found


def _tonnes(kg: float | None) -> str | None:
    return None if kg is None else f"{kg / 1000:,.3f}"
