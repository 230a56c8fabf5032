"""`haulwatch grafana`: the boards, brought to a running Grafana or to a folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import track

from grafana.render import as_text
from grafana.server import Grafana
from grafana.sync import Finding, Source, State, boards_for, compare
from grafana.sync import sync as bring
from haulwatch.commands.shared import JsonFlag, err, fail, out, plainly, print_json, print_table
from haulwatch.settings.load import Settings, load_settings

app = typer.Typer(
    no_args_is_help=True,
    help="The boards: six of them, in English and Chinese, kept in a running Grafana (HAULWATCH_GRAFANA_URL).",
)

KeepSource = Annotated[
    bool, typer.Option("--keep-source", help="Leave the data source `haulwatch` to somebody else, a file for example.")
]

_DONE: Final = {State.MISSING: "made", State.DIFFERS: "changed"}
_MENDS: Final = {
    State.FOREIGN: "has our uid and not our mark: rename it, or remove it, and run this again",
    State.PROVISIONED: "comes from a file of Grafana's provisioning: change that file, or take it out there",
}


@app.command()
@plainly
def sync(keep_source: KeepSource = False, as_json: JsonFlag = False) -> None:
    """Make folders, data source and boards that are missing, and change those that differ.

    Run again, it changes nothing. What it did not make it never touches; then the exit code is 1.
    """
    settings = load_settings()
    boards = boards_for(settings.grafana.api_url)
    found = list(_followed(bring(_grafana(settings), _source(settings, keep_source), boards), len(boards)))
    _say(found, "Grafana, brought up to date", _DONE, as_json)
    if any(finding.state in _MENDS for finding in found):
        raise typer.Exit(1)


@app.command()
@plainly
def diff(keep_source: KeepSource = False, as_json: JsonFlag = False) -> None:
    """Say what `sync` would do, and do nothing. The exit code is 1 where anything differs."""
    settings = load_settings()
    boards = boards_for(settings.grafana.api_url)
    found = list(_followed(compare(_grafana(settings), _source(settings, keep_source), boards), len(boards)))
    _say(found, "Grafana, as it stands", {}, as_json)
    if any(finding.state is not State.SAME for finding in found):
        raise typer.Exit(1)


@app.command()
@plainly
def render(
    to: Annotated[Path, typer.Option("--to", help="The folder to write to; it is made where there is none.")],
) -> None:
    """Write the boards as files, for a Grafana that is provisioned from them or a person who imports them."""
    boards = boards_for(load_settings().grafana.api_url)
    for language, board in boards:
        path = to / language / f"{board['uid']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_text(board), encoding="utf-8")
    out.print(f"wrote {len(boards)} boards below {to}", markup=False)


def _grafana(settings: Settings) -> Grafana:
    url, token = settings.grafana.url, settings.grafana.token
    if url is None or token is None:
        fail("set HAULWATCH_GRAFANA_URL and HAULWATCH_GRAFANA_TOKEN (or …_TOKEN_FILE)")
    return Grafana(url, token.get_secret_value())


def _source(settings: Settings, keep_source: bool) -> Source | None:
    if keep_source:
        return None
    url = settings.grafana.influx_url or settings.store.url
    token = settings.grafana.influx_token or settings.store.token
    if url is None or token is None or settings.store.bucket is None:
        fail("Grafana reads from InfluxDB: set HAULWATCH_INFLUX_URL and its companions, or say --keep-source")
    return Source(url, settings.store.bucket, token.get_secret_value())


def _followed(findings: Iterable[Finding], boards: int) -> Iterable[Finding]:
    return track(findings, "Grafana", total=boards + 3, console=err, transient=True)


def _say(found: list[Finding], title: str, done: dict[State, str], as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "kind": one.kind,
                    "uid": one.uid,
                    "title": one.title,
                    "state": one.state,
                    "differs_at": one.paths,
                    "mend": _MENDS.get(one.state),
                }
                for one in found
            ]
        )
        return
    rows = [
        (one.kind, one.uid, one.title, done.get(one.state, one.state), _MENDS.get(one.state, ", ".join(one.paths)))
        for one in found
    ]
    print_table(title, ("what", "uid", "title", "state", "more"), rows)
