"""`haulwatch report key`: makes the key that seals names of informants."""

from typing import Annotated

import typer

from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json
from haulwatch.settings.data_files import informant_keys_path, settings_with_data
from haulwatch.wiring.desk.reports import informant_keys, keep_informant_keys


@exits_on_error
def key(
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make another key, which seals from now on; the others still open.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Make the key of this installation, once; later, show its id. It takes effect at once, without a restart.

    Without a key the form takes no names, and reports are anonymous. Keep a copy of the file apart from the copies of
    the database: who has both reads the names, and without the file nobody does.
    """
    settings = settings_with_data()
    keys = informant_keys(settings)
    is_new = rotate or not keys.ids
    if is_new and settings.reports.keys is not None:
        fail("the keys are those of HAULWATCH_REPORT_KEYS: unset it, make the new one, and set the content of its file")
    path = informant_keys_path(settings)
    if is_new:
        keys = keys.with_new()
        path = keep_informant_keys(settings, keys)
        write_entry(settings, "report key", keys.ids[0])
    if as_json:
        print_json({"id": keys.ids[0], "new": is_new, "others": list(keys.ids[1:])})
        return
    made = "a new key seals names of informants" if is_new else "names of informants are sealed by the key"
    out.print(f"{made}: {keys.ids[0]}", markup=False, highlight=False)
    if settings.reports.keys is None:
        out.print(f"keys: {path}", markup=False, highlight=False, soft_wrap=True)
    if keys.ids[1:]:
        out.print(f"still opened by {', '.join(keys.ids[1:])}: `haulwatch report reseal`", markup=False)
