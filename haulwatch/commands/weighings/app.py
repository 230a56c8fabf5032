"""`haulwatch weighings`: sessions on weighbridges, those without a truck, usual tares and the drift of bridges."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from haulwatch.commands.shared import (
    By,
    JsonFlag,
    acting_name,
    exits_on_error,
    fail,
    instant,
    local_time,
    out,
    print_json,
    print_table,
)
from haulwatch.commands.weighings.stocks import state_stocks, stocks
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_registry, people_zone
from haulwatch.wiring.desk.weighings import open_sessions
from rules.weighing.model import Decision, SessionDetail, SessionFilter, SessionView
from rules.weighing.session import WeighingSession
from rules.weighing.store import SessionStore
from rules.weighing.tares import drifts, histories

app = typer.Typer(
    no_args_is_help=True,
    help="""Weighing sessions: what each visit of a truck to a weighbridge weighed, gross, tare and net.

    `haulwatch serve` makes them of the tickets as they come. A ticket whose truck nobody knows waits for a person.
    """,
)

app.command("state-stocks")(state_stocks)
app.command()(stocks)

MAX_REASON: Final = 500
_DAYS: Final = 30
_DAY_MS: Final = 86_400_000

SessionId = Annotated[str, typer.Argument(metavar="ID", help="Id, as `list` and `unmatched` show it.")]
Since = Annotated[
    int | None,
    typer.Option(parser=instant, metavar="T", help="Weighed at or after T (RFC 3339, or ms since 1970 UTC)."),
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
Days = Annotated[int, typer.Option(min=1, max=366, help="By the weighings of so many days.")]


@contextmanager
def _sessions(settings: Settings) -> Iterator[SessionStore]:
    with open_registry(settings) as registry:
        city = registry.load_city()
    with open_sessions(settings, lambda: city) as store:
        yield store


@app.command("list")
@exits_on_error
def list_sessions(
    vehicle: Annotated[str | None, typer.Option(help="Only of this registered vehicle, by its id.")] = None,
    site: Annotated[str | None, typer.Option(help="Only at this site, by its id.")] = None,
    since: Since = None,
    limit: Limit = 50,
    as_json: JsonFlag = False,
) -> None:
    """List weighing sessions, newest first."""
    settings = settings_with_data()
    with _sessions(settings) as store:
        found = store.sessions(SessionFilter(vehicle_id=vehicle, site=site, start=since), limit=limit).items
    _show(found, settings, as_json=as_json, title="weighing sessions")


@app.command()
@exits_on_error
def unmatched(since: Since = None, limit: Limit = 50, as_json: JsonFlag = False) -> None:
    """List sessions whose truck nobody knows, newest first: `resolve` says which it was."""
    settings = settings_with_data()
    with _sessions(settings) as store:
        found = store.sessions(SessionFilter(unmatched=True, start=since), limit=limit).items
    _show(found, settings, as_json=as_json, title="weighings without a truck")


@app.command()
@exits_on_error
def show(session: SessionId, as_json: JsonFlag = False) -> None:
    """Show a session with all its revisions."""
    settings = settings_with_data()
    with _sessions(settings) as store:
        detail = store.session(session)
    if detail is None:
        fail(f"no weighing session {session!r}: `haulwatch weighings list` shows them")
    _show_detail(detail, settings, as_json=as_json)


@app.command()
@exits_on_error
def resolve(
    session: SessionId,
    reason: Annotated[str, typer.Option(prompt=True, help="Why; it stays for ever.")],
    vehicle: Annotated[str | None, typer.Option(help="The registered vehicle, by its id.")] = None,
    none: Annotated[bool, typer.Option("--none", help="It was of no registered vehicle.")] = False,
    revision: Annotated[
        int | None, typer.Option(min=1, help="Refuse if the session has another revision meanwhile.")
    ] = None,
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """Say which truck a session is of, or that it is of none that is registered."""
    if (vehicle is None) != none:
        fail("give --vehicle ID, or --none if it was of no registered vehicle")
    if not reason.strip() or len(reason) > MAX_REASON:
        fail(f"--reason: write 1 to {MAX_REASON} characters")
    settings, actor = settings_with_data(), acting_name(by)
    with _sessions(settings) as store:
        detail = store.resolve(session, Decision(vehicle, actor, reason.strip(), now_ms(), revision))
    _show_detail(detail, settings, as_json=as_json)


@app.command()
@exits_on_error
def tares(days: Days = _DAYS, as_json: JsonFlag = False) -> None:
    """Show what each truck weighed empty lately: median and scaled median absolute deviation of its last 15 tares."""
    settings = settings_with_data()
    with open_registry(settings) as registry:
        city = registry.load_city()
    with open_sessions(settings, lambda: city) as store:
        found = histories(_weighed(store, days), city)
    if as_json:
        print_json(
            [
                {name: getattr(one, name) for name in one.__slots__} | {"off_registered_kg": one.off_registered_kg}
                for one in found
            ]
        )
        return
    columns = ("vehicle", "tares", "usual kg", "deviation kg", "last kg", "registered kg", "off kg")
    rows = [
        (one.vehicle_id, one.tares, one.usual_kg, one.deviation_kg, one.last_kg, one.registered_kg,
         one.off_registered_kg)
        for one in found
    ]  # fmt: skip
    print_table("usual tares", columns, rows, right=columns[1:])


@app.command()
@exits_on_error
def bridges(days: Days = _DAYS, as_json: JsonFlag = False) -> None:
    """Show how far each bridge lies from the others, by empty trucks, and when its verification ends."""
    settings = settings_with_data()
    with open_registry(settings) as registry:
        city = registry.load_city()
    with open_sessions(settings, lambda: city) as store:
        drift = {one.bridge: one for one in drifts(_weighed(store, days))}
    zone, now = people_zone(settings), now_ms()
    found = []
    for device in sorted(city.devices.values(), key=lambda one: one.id):
        if device.role != "weighbridge":
            continue
        of, until = drift.get(device.id), device.verified_until_ms
        found.append(
            {
                "bridge": device.id,
                "site": device.site_id,
                "verification": device.verification or None,
                "verified_until_ms": until,
                "expired": None if until is None else until <= now,
                "trucks": 0 if of is None else of.trucks,
                "drift_kg": None if of is None else of.drift_kg,
                "error_kg": None if of is None else of.error_kg,
            }
        )
    if as_json:
        print_json(found)
        return
    columns = ("bridge", "site", "verification", "valid until", "", "trucks", "drift kg", "± kg")
    rows = [
        (one["bridge"], one["site"], one["verification"], _until(one["verified_until_ms"], zone),
         "expired" if one["expired"] else None, one["trucks"], one["drift_kg"], one["error_kg"])
        for one in found
    ]  # fmt: skip
    print_table("weighbridges", columns, rows, right=("trucks", "drift kg", "± kg"))


def _until(ts: object, zone: ZoneInfo) -> str | None:
    return local_time(ts, zone) if isinstance(ts, int) else None


def _weighed(store: SessionStore, days: int) -> list[WeighingSession]:
    """Sessions of the last days that are weighed in full."""
    since = now_ms() - days * _DAY_MS
    return [session_of(one) for one in store.every(SessionFilter(start=since)) if one.net_kg is not None]


def session_of(view: SessionView) -> WeighingSession:
    names = set(WeighingSession.__dataclass_fields__)
    return WeighingSession(**{name: value for name, value in dict(view).items() if name in names})


def _show(found: tuple[SessionView, ...], settings: Settings, *, as_json: bool, title: str) -> None:
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    zone = people_zone(settings)
    columns = ("id", "weighed", "site", "plate", "vehicle", "", "gross kg", "tare kg", "net kg", "tare by", "sure")
    rows = [
        (one.id, local_time(one.weighed_at, zone), one.site, one.plate, one.vehicle_id, one.flow, one.gross_kg,
         one.tare_kg, one.net_kg, one.tare_source, f"{one.confidence:.2f}")
        for one in found
    ]  # fmt: skip
    print_table(title, columns, rows, right=("gross kg", "tare kg", "net kg", "sure"))


def _show_detail(detail: SessionDetail, settings: Settings, *, as_json: bool) -> None:
    if as_json:
        print_json(detail.model_dump(mode="json"))
        return
    _show((detail.session,), settings, as_json=False, title=f"weighing session {detail.session.id}")
    zone = people_zone(settings)
    rows = [
        (str(change.revision), local_time(change.at, zone), _short(change.before), _short(change.after))
        for change in detail.changes
    ]
    print_table("revisions", ("revision", "at", "before", "after"), rows)
    if detail.session.withdrawn:
        out.print("withdrawn: later weighings made another session of it", style="yellow")


def _short(values: dict[str, object] | None) -> str | None:
    return None if values is None else json.dumps(values, ensure_ascii=False)
