"""`haulwatch grafana`: writes the boards to a running Grafana, or to a folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import track

from grafana.render import write_boards
from grafana.sync import FOLDERS, PLAYLISTS, Finding, State, boards_for, compare
from grafana.sync import sync as sync_boards
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, out, print_json, print_table
from haulwatch.settings.load import load_settings
from haulwatch.wiring.grafana import grafana_source, map_token_of, open_grafana

app = typer.Typer(
    no_args_is_help=True,
    help="The six boards, in English and Chinese, in a running Grafana (HAULWATCH_GRAFANA_URL) or as files.",
)

KeepSource = Annotated[
    bool,
    typer.Option(
        "--keep-source", help="Do not touch the data source `haulwatch`, for example because a file provisions it."
    ),
]

_DONE: Final = {State.MISSING: "created", State.DIFFERS: "changed"}
_HINTS: Final = {
    State.FOREIGN: "has our uid without our mark, so somebody else made it: rename it or remove it, and run this again",
    State.PROVISIONED: "comes from a file of Grafana's provisioning: change that file, or remove it there",
}


@app.command()
@exits_on_error
def sync(keep_source: KeepSource = False, as_json: JsonFlag = False) -> None:
    """Create missing folders, data source, boards and wall playlists, and change those that differ.

    A second run changes nothing. It changes only objects that it created; if another object is in the way, it says so
    and the exit code is 1.
    """
    settings = load_settings()
    grafana = open_grafana(settings)
    source = None if keep_source else grafana_source(settings)
    boards = boards_for(settings.grafana.api_url, map_token_of(settings))
    found = list(_with_progress(sync_boards(grafana, source, boards), len(boards)))
    _print(found, "Grafana, after sync", _DONE, as_json)
    if any(finding.state in _HINTS for finding in found):
        raise typer.Exit(1)


@app.command()
@exits_on_error
def diff(keep_source: KeepSource = False, as_json: JsonFlag = False) -> None:
    """Show what `sync` would do, and change nothing. The exit code is 1 if anything differs."""
    settings = load_settings()
    grafana = open_grafana(settings)
    source = None if keep_source else grafana_source(settings)
    boards = boards_for(settings.grafana.api_url, map_token_of(settings))
    found = list(_with_progress(compare(grafana, source, boards), len(boards)))
    _print(found, "Grafana, as it is", {}, as_json)
    if any(finding.state is not State.SAME for finding in found):
        raise typer.Exit(1)


@app.command()
@exits_on_error
def render(
    to: Annotated[Path, typer.Option("--to", help="The folder to write to; created if it does not exist.")],
) -> None:
    """Write the boards as files, for a Grafana that reads provisioning files or for an import by hand."""
    settings = load_settings()
    written = write_boards(to, settings.grafana.api_url, map_token_of(settings))
    out.print(f"wrote {written} boards below {to}", markup=False)


def _with_progress(findings: Iterable[Finding], boards: int) -> Iterable[Finding]:
    return track(findings, "Grafana", total=len(FOLDERS) + 1 + boards + len(PLAYLISTS), console=err, transient=True)


def _print(found: list[Finding], title: str, done: dict[State, str], as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "kind": finding.kind,
                    "uid": finding.uid,
                    "title": finding.title,
                    "state": finding.state,
                    "differs_at": finding.paths,
                    "hint": _HINTS.get(finding.state),
                }
                for finding in found
            ]
        )
        return
    rows = [
        (
            finding.kind,
            finding.uid,
            finding.title,
            done.get(finding.state, finding.state),
            _HINTS.get(finding.state, ", ".join(finding.paths)),
        )
        for finding in found
    ]
    print_table(title, ("what", "uid", "title", "state", "more"), rows)
