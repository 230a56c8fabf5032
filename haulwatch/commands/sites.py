"""`haulwatch sites`: places that are suspected to be unlicensed sites, and what people decide about them."""

from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from haulwatch.commands.shared import (
    By,
    JsonFlag,
    acting_name,
    exits_on_error,
    fail,
    local_time,
    out,
    print_json,
    print_table,
)
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import open_journal, open_registry, people_zone
from haulwatch.wiring.suspected_sites import open_proposals
from rules.suspected_sites.model import MAX_REASON, Decision, PlaceKind, Proposal, ProposalState
from rules.suspected_sites.proposing import DEFAULT_DAYS, propose

app = typer.Typer(
    no_args_is_help=True,
    help="""Suspected sites: places outside every permitted site where trucks stop, raise their beds or come away empty.

    A proposal accuses nobody. A person looks at the place, then accepts or dismisses it.
    """,
)

_TITLES: Final = {PlaceKind.DUMP: "dump 黑消纳场", PlaceKind.SOURCE: "source 黑工地"}

SiteId = Annotated[str, typer.Argument(metavar="ID", help="Id, as `list` shows it.")]
Reason = Annotated[str, typer.Option(prompt=True, help="Why; it stays with the site for ever.")]


@app.command("list")
@exits_on_error
def list_sites(
    state: Annotated[ProposalState | None, typer.Option(help="Only those in this state.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List suspected sites, the one with the latest visit first."""
    settings = settings_with_data()
    with open_proposals(settings) as store:
        found = store.proposals(state)
    if as_json:
        print_json([proposal.model_dump(mode="json") for proposal in found])
        return
    zone = people_zone(settings)
    columns = ("id", "", "state", "place", "trucks", "visits", "days", "last visit", "busiest hour", "decided")
    print_table("suspected sites", columns, [_row(one, zone) for one in found], right=("trucks", "visits", "days"))


@app.command()
@exits_on_error
def suspect(
    days: Annotated[int, typer.Option(min=1, max=366, help="Look at the alerts of so many days.")] = DEFAULT_DAYS,
    as_json: JsonFlag = False,
) -> None:
    """Look for places in the alerts of the last days now. `haulwatch serve` does so every hour."""
    settings = settings_with_data()
    with open_registry(settings) as registry:
        city = registry.load_city()
    journal = open_journal(settings)
    try:
        with open_proposals(settings) as store:
            new = propose(journal, store, city, now=now_ms(), days=days)
            waiting = len(store.proposals(ProposalState.PROPOSED))
    finally:
        journal.close()
    if as_json:
        print_json({"new": new, "waiting": waiting})
    else:
        out.print(f"{new} new, {waiting} wait for a decision: `haulwatch sites list`", markup=False)


@app.command()
@exits_on_error
def accept(site: SiteId, reason: Reason, by: By = None, as_json: JsonFlag = False) -> None:
    """Say that a suspected site is one."""
    _decide(site, ProposalState.ACCEPTED, reason, by, as_json=as_json)


@app.command()
@exits_on_error
def dismiss(site: SiteId, reason: Reason, by: By = None, as_json: JsonFlag = False) -> None:
    """Say that a suspected site is none, or none any more. Stops there are no longer counted."""
    _decide(site, ProposalState.DISMISSED, reason, by, as_json=as_json)


def _decide(site: str, state: ProposalState, reason: str, by: str | None, *, as_json: bool) -> None:
    settings, actor = settings_with_data(), acting_name(by)
    if not reason.strip() or len(reason) > MAX_REASON:
        fail(f"--reason: write 1 to {MAX_REASON} characters")
    with open_proposals(settings) as store:
        decided = store.decide(site, Decision(state=state, actor=actor, reason=reason.strip(), at=now_ms()))
    if as_json:
        print_json(decided.model_dump(mode="json"))
    else:
        out.print(f"{decided.id} is {decided.state} by {actor}", markup=False)


def _row(proposal: Proposal, zone: ZoneInfo) -> tuple[object, ...]:
    last = proposal.decisions[-1] if proposal.decisions else None
    return (
        proposal.id,
        _TITLES[proposal.kind],
        proposal.state,
        f"{proposal.lat:.5f},{proposal.lon:.5f} ±{proposal.radius_m:.0f} m",
        len(proposal.trucks),
        proposal.visits,
        proposal.days,
        local_time(proposal.last_seen, zone),
        f"{proposal.busiest_hour:02}:00",
        None if last is None else f"{last.actor}: {last.reason}",
    )
