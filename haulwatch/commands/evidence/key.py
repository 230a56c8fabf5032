"""`haulwatch evidence key`: makes the key that signs packs, and shows its public half."""

from pathlib import Path
from typing import Annotated

import typer

from devices.access.signatures import PRIVATE_FILE, PUBLIC_FILE, keep_new_key, kept_key
from haulwatch.commands.people.audit import write_entry
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json
from haulwatch.settings.data_files import evidence_folder, settings_with_data


@exits_on_error
def key(
    public: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write the public key to this file, for whoever verifies."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make the key of this installation, once; later, show its id, and write its public half to a file.

    The private file is readable by this user only and stays on this machine: back it up where evidence is kept. Publish
    the public key and its id, so that a pack can be checked by somebody who does not trust whoever hands it over.
    """
    settings = settings_with_data()
    folder = evidence_folder(settings)
    is_new = not (folder / PRIVATE_FILE).exists()
    found = keep_new_key(folder) if is_new else kept_key(folder)
    if is_new:
        write_entry(settings, "evidence key", found.public.id)
    if public is not None:
        if public.exists() and public.read_bytes() != found.public.pem:
            fail(f"--public {public}: is there already: name another file")
        public.write_bytes(found.public.pem)
        public.chmod(0o644)
    if as_json:
        print_json({"id": found.public.id, "new": is_new, "public_key": str(public or folder / PUBLIC_FILE)})
        return
    made = "a new key signs evidence packs" if is_new else "evidence packs are signed by the key"
    out.print(f"{made}: {found.public.id}", markup=False, highlight=False)
    out.print(f"public key: {public or folder / PUBLIC_FILE}", markup=False, highlight=False, soft_wrap=True)
