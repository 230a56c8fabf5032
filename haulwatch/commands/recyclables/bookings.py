"""`haulwatch deposits spend`, `cancel`, `bookings` and `recredit`: what changes an account besides deposits."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from pydantic import ValidationError

from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.programme.spans import FirstDay, LastDay
from haulwatch.commands.recyclables.sums import nobody
from haulwatch.commands.shared import (
    JsonFlag,
    exits_on_error,
    fail,
    local_minute,
    machine_user,
    out,
    print_json,
    print_table,
)
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_registry, people_zone
from haulwatch.wiring.desk.recyclables import open_deposits
from rules.recyclables.model import Booking, NewBooking, Unit

Account = Annotated[int, typer.Argument(min=1, help="Number of the account.")]
Number = Annotated[str, typer.Option("--number", help="Of the booking; what is given again counts once.")]
Reason = Annotated[str, typer.Option("--reason", help="Kept with the booking.")]


@exits_on_error
def spend(
    account: Account,
    amount: Annotated[str, typer.Option("--amount", help="Points or yuan, with at most two digits.")],
    number: Number,
    reason: Reason,
    unit: Annotated[Unit, typer.Option(help="What the account has.")] = Unit.POINTS,
    as_json: JsonFlag = False,
) -> None:
    """Take points or yuan off an account that a person trades for goods; never below zero."""
    try:
        new = NewBooking(number=number, unit=unit, amount=Decimal(amount), reason=reason)
    except (InvalidOperation, ValidationError):
        fail("--amount: write points above 0 with at most two digits; --number and --reason: 1 to 64 characters")
    settings = settings_with_data()
    with open_deposits(settings, nobody) as store:
        made = store.spend(account, new, machine_user(), now_ms())
    write_entry(settings, "deposits spend", str(account))
    _print(made, as_json)


@exits_on_error
def cancel(
    booking: Annotated[str, typer.Argument(help="Number of the booking to take back.")],
    number: Number,
    reason: Reason,
    as_json: JsonFlag = False,
) -> None:
    """Take back spent points, once; to correct a booking, take it back and spend again."""
    settings = settings_with_data()
    with open_deposits(settings, nobody) as store:
        made = store.cancel(number, booking, machine_user(), reason, now_ms())
    write_entry(settings, "deposits cancel", str(made.account))
    _print(made, as_json)


@exits_on_error
def bookings(account: Account, as_json: JsonFlag = False) -> None:
    """List what was spent of an account, taken back, and changed by a mended tariff."""
    settings = settings_with_data()
    zone = people_zone(settings)
    with open_deposits(settings, nobody) as store:
        found = store.bookings(account)
    write_entry(settings, "deposits bookings", str(account))
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    rows = [
        (local_minute(one.at, zone), one.number, str(one.kind), f"{one.amount:+,.2f} {one.unit}", one.actor, one.reason)
        for one in found
    ]
    print_table("bookings 积分明细", ("at", "number", "kind", "amount", "by", "reason"), rows, right=("amount",))


@exits_on_error
def recredit(
    from_: FirstDay,
    to: LastDay,
    reason: Reason,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Book again what deposits earn by the file of tariffs as it is now, after it was mended: the difference to what
    was credited, for each account and day. No account falls below zero. A second run finds nothing to book.
    """
    if to < from_:
        fail("--to: must not be before --from")
    settings = settings_with_data()
    with open_registry(settings) as registry:
        city = registry.load_city()
    days = from_.isoformat(), to.isoformat()
    with open_deposits(settings, lambda: city) as store:
        changed = store.recredit(*days, machine_user(), reason, now_ms(), dry_run=dry_run)
    if not dry_run:
        write_entry(settings, "deposits recredit", " ".join(days))
    if as_json:
        print_json([one.model_dump(mode="json") for one in changed])
        return
    rows = [
        (one.account, one.day, str(one.unit), f"{one.credited:,.2f}", f"{one.due:,.2f}", f"{one.booked:+,.2f}")
        for one in changed
    ]
    title = "would be booked, dry run" if dry_run else "booked"
    figures = ("credited", "due", "booked")
    print_table(title, ("account", "day", "unit", *figures), rows, right=figures)


def _print(made: Booking, as_json: bool) -> None:
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    out.print(f"account {made.account}: {made.amount:+,.2f} {made.unit}, booking {made.number}", markup=False)
