"""`haulwatch manifest list` and `haulwatch manifest show`."""

from typing import Annotated

import typer

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
from haulwatch.wiring.desk.manifests import read_manifests
from rules.manifests.document import ManifestFilter
from rules.manifests.model import ManifestState


@exits_on_error
def list_manifests(
    state: Annotated[ManifestState | None, typer.Option(help="Only those in this state, as judged.")] = None,
    vehicle: Annotated[str | None, typer.Option(help="Only those of this vehicle (its id).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The newest so many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List manifests, newest first."""
    settings = settings_with_data()
    zone = people_zone(settings)
    with read_manifests(settings) as store:
        page = store.manifests(ManifestFilter(state=state, vehicle_id=vehicle), limit=limit)
    if as_json:
        print_json([one.model_dump(mode="json") for one in page.items])
        return
    rows = [
        (
            one.number,
            one.state,
            one.document.vehicle_id,
            one.document.source_id,
            one.document.destination_id,
            local_minute(one.issued_at, zone),
            _tonnes(one.sent_kg),
            _tonnes(one.net_kg),
        )
        for one in page.items
    ]
    columns = ("number", "state", "vehicle", "from", "to", "issued", "sent t", "arrived t")
    print_table("manifests 联单", columns, rows, right=("sent t", "arrived t"))
    if page.next_cursor is not None:
        out.print(f"more follow: give a --limit above {limit}", markup=False)


@exits_on_error
def show(number: Annotated[str, typer.Argument(help="Number of the manifest.")], as_json: JsonFlag = False) -> None:
    """Show a manifest with every transition: who or what moved it, when, and by which evidence."""
    settings = settings_with_data()
    zone = people_zone(settings)
    with read_manifests(settings) as store:
        detail = store.manifest(number)
    if detail is None:
        fail(f"no manifest {number!r}: `haulwatch manifest list` shows them")
    if as_json:
        print_json(detail.model_dump(mode="json"))
        return
    rows = [
        (
            local_minute(one.at, zone),
            one.trigger,
            one.after,
            one.actor or "telemetry",
            one.evidence,
            one.reason if one.withdrawn_at is None else "withdrawn",
        )
        for one in detail.transitions
    ]
    manifest = detail.manifest
    title = f"manifest {manifest.number} of {manifest.document.vehicle_id}: {manifest.state}"
    print_table(title, ("time", "trigger", "state", "by", "evidence", "reason"), rows)
    for one in detail.refusals:
        out.print(f"{local_minute(one.at, zone)}  {one.trigger} by {one.actor} refused: {one.why}", markup=False)


def _tonnes(kg: float | None) -> str:
    return "–" if kg is None else f"{kg / 1000:.2f}"
