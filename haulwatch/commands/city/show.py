"""`haulwatch city show`, `fields` and `changes`: the city of the registry, what its files may say, who changed what."""

from dataclasses import asdict
from typing import Annotated

import typer

from devices.city.files import reference
from devices.city.files.difference import as_text
from devices.db.registry_changes import RegistryChange
from haulwatch.commands.shared import JsonFlag, exits_on_error, local_minute, print_json, print_table
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_registry, people_zone


@exits_on_error
def fields() -> None:
    """List every field of the files of a city: what to write, and what it means. In Markdown, as in docs/city.md."""
    typer.echo(reference.as_markdown(), nl=False)


@exits_on_error
def show(as_json: JsonFlag = False) -> None:
    """Show the city of the registry, and how many devices, vehicles, sites, routes, zones and permits it has."""
    with open_registry(load_settings()) as registry:
        city = registry.load_city(with_drivers=True)
    counts = {
        "devices": len(city.devices),
        "vehicles": len(city.vehicles),
        "sites": len(city.sites),
        "gates": len(city.gates),
        "routes": len(city.routes),
        "zones": len(city.zones),
        "permits": len(city.permits),
        "hauliers": len(city.hauliers),
        "drivers": len(city.drivers),
        "licences": len(city.licences),
        "profiles": len(city.profiles),
    }
    if as_json:
        print_json({"id": city.id, "name": city.name, "name_zh": city.name_zh, "revision": city.revision, **counts})
    else:
        title = f"{city.title}, registry revision {city.revision}"
        print_table(title, ("what", "count"), counts.items(), right=("count",))


@exits_on_error
def changes(
    kind: Annotated[str | None, typer.Option(help="Only entries of this file: `sites`, `vehicles`, …")] = None,
    entry_id: Annotated[str | None, typer.Option("--id", help="Only the entry of this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show who changed what of the registry, when and why: each field before and after."""
    settings = load_settings()
    with open_registry(settings) as registry:
        found = registry.changes(kind, entry_id, limit=limit)
    if as_json:
        print_json([asdict(change) for change in found])
        return
    zone = people_zone(settings)
    rows = [
        (
            local_minute(change.at, zone) or "",
            change.actor,
            f"{change.kind} {change.entry_id} v{change.version}",
            _text(change),
            change.reason,
        )
        for change in found
    ]
    print_table(f"{len(found)} changes", ("when", "who", "entry", "change", "why"), rows)


def _text(change: RegistryChange) -> str:
    if change.before is None:
        return "added"
    after = change.after or {}
    return "; ".join(f"{name}: {as_text(old)} → {as_text(after.get(name))}" for name, old in change.before.items())
