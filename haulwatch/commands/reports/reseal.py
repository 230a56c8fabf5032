"""`haulwatch report reseal`: seals all names by the newest key."""

from typing import Annotated

import typer

from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.desk.reports import informant_keys, keep_informant_keys, open_informants


@exits_on_error
def reseal(
    drop: Annotated[
        bool, typer.Option("--drop", help="Then drop all other keys: names in old copies of the database stay closed.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Seal by the newest key what others sealed (`haulwatch report key --rotate`). Call it as the owner of the tables.

    No name is shown or written anywhere meanwhile.
    """
    settings = settings_with_data()
    keys = informant_keys(settings)
    if drop and settings.reports.keys is not None:
        fail("--drop: the keys are those of HAULWATCH_REPORT_KEYS: leave only its first line there")
    with open_informants(settings, lambda: keys) as informants:
        count = informants.reseal()
    write_entry(settings, "report reseal", f"{count} by {keys.ids[0] if keys.ids else ''}")
    if drop:
        keep_informant_keys(settings, keys.only_newest())
    if as_json:
        print_json({"resealed": count, "keys": list(keys.only_newest().ids if drop else keys.ids)})
    else:
        out.print(f"resealed {count:,} names", markup=False)
