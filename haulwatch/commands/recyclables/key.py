"""`haulwatch deposits key`: makes the key of pseudonyms."""

from typing import Annotated

import typer

from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.recyclables.sums import nobody
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json
from haulwatch.settings.data_files import deposit_key_path, settings_with_data
from haulwatch.settings.load import Settings
from haulwatch.wiring.desk.recyclables import keep_pseudonym_key, open_deposits, pseudonym_key
from rules.recyclables.pseudonyms import PseudonymKey


@exits_on_error
def key(
    begin_anew: Annotated[
        bool, typer.Option("--begin-anew", help="Make a key although there are accounts by another one, which is lost.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make the key of this installation, once; later, show its id. It takes effect at once, without a restart.

    Without a key, cards and codes are dropped when they come. Keep a copy of the file apart from the copies of the
    database: who has both can try which card an account is of, and without the file every account begins anew.
    """
    settings = settings_with_data()
    found = pseudonym_key(settings)
    is_new = found is None
    if found is None:
        found = PseudonymKey.new()
        _check_none_is_lost(settings, found, begin_anew=begin_anew)
        keep_pseudonym_key(settings, found)
        write_entry(settings, "deposits key", found.id)
    if as_json:
        print_json({"id": found.id, "new": is_new})
        return
    made = "a new key makes pseudonyms" if is_new else "pseudonyms are made by the key"
    out.print(f"{made}: {found.id}", markup=False, highlight=False)
    if settings.deposits.key is None:
        out.print(f"key: {deposit_key_path(settings)}", markup=False, highlight=False, soft_wrap=True)


def _check_none_is_lost(settings: Settings, new: PseudonymKey, *, begin_anew: bool) -> None:
    with open_deposits(settings, nobody) as store:
        others = store.other_keys(new)
    if others and not begin_anew:
        fail(
            f"the key of {others} account(s) is not there: put its file back ({deposit_key_path(settings)}). If it is"
            " lost, --begin-anew makes another: every card then begins a new account, and none of these is found by one"
        )
