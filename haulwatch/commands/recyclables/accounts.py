"""`haulwatch deposits accounts`, `account` and `erase`. A card is typed in hidden, or comes by a pipe: never as an
argument, which other users of the machine can see.
"""

import sys
from typing import Annotated, Final

import typer

from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.recyclables.sums import nobody, print_lines
from haulwatch.commands.shared import (
    JsonFlag,
    exits_on_error,
    fail,
    local_minute,
    out,
    print_json,
    print_table,
)
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import people_zone
from haulwatch.wiring.desk.recyclables import open_deposits, pseudonym_key
from rules.recyclables.model import Account, By, DepositFilter, IdKind
from rules.recyclables.store import DepositStore

_BY: Final = tuple(By)

Number = Annotated[int | None, typer.Argument(min=1, metavar="[ACCOUNT]", help="Number of the account.")]
Of = Annotated[
    IdKind | None,
    typer.Option("--of", help="Find it by a card or a code, which is asked for, or read from standard input."),
]


@exits_on_error
def accounts(
    after: Annotated[int, typer.Option(min=0, help="Only numbers above this.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """List accounts, by number: what each deposited, and what was credited for it."""
    settings = settings_with_data()
    zone = people_zone(settings)
    with open_deposits(settings, nobody) as store:
        page = store.accounts(after, limit)
    if as_json:
        print_json(page.model_dump(mode="json"))
        return
    rows = [
        (one.account, local_minute(one.first_at, zone), one.deposits, f"{one.weight_kg:,.3f}", _credits(one))
        for one in page.items
    ]
    print_table("accounts 积分账户", ("account", "since", "deposits", "kg", "credited"), rows, right=("deposits", "kg"))
    if page.next_after is not None:
        out.print(f"more follow: --after {page.next_after}", markup=False)


@exits_on_error
def account(number: Number = None, of: Of = None, as_json: JsonFlag = False) -> None:
    """Show an account, with its sums by day, site and material."""
    settings = settings_with_data()
    with open_deposits(settings, nobody) as store:
        found = store.account(_chosen(store, number, of, has_key=pseudonym_key(settings) is not None))
        lines = store.sums(DepositFilter(account=found.account), _BY)
    write_entry(settings, "deposits account", str(found.account))
    if as_json:
        print_json(found.model_dump(mode="json") | {"lines": [line.model_dump(mode="json") for line in lines]})
        return
    print_lines(lines, _BY, f"account 积分账户 {found.account}: {found.weight_kg:,.3f} kg, {_credits(found)}")


@exits_on_error
def erase(number: Number = None, of: Of = None, as_json: JsonFlag = False) -> None:
    """Erase an account for ever: its pseudonym, and what leads from it to its deposits.

    Weights and credits stay in the sums of the city. Who deposits again begins a new account.
    """
    settings = settings_with_data()
    with open_deposits(settings, nobody) as store:
        chosen = _chosen(store, number, of, has_key=pseudonym_key(settings) is not None)
        deposits = store.erase(chosen)
    write_entry(settings, "deposits erase", str(chosen))
    if as_json:
        print_json({"account": chosen, "deposits": deposits})
        return
    out.print(f"account {chosen} is erased; its {deposits} deposits belong to nobody", markup=False)


def _chosen(store: DepositStore, number: int | None, of: IdKind | None, *, has_key: bool) -> int:
    if (number is None) == (of is None):
        fail("give the number of the account, or --of card (or code)")
    if number is not None or of is None:
        return number or 0
    if not has_key:
        fail("there is no key, so no account is found by a card: `haulwatch deposits key`")
    text = typer.prompt(str(of), hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    found = store.find(of, text.strip()) if text.strip() else None
    if found is None:
        fail(f"no account of this {of}")
    return found


def _credits(account: Account) -> str:
    return ", ".join(f"{one.amount:,.2f} {one.unit}" for one in account.credits) or "nothing credited"
