"""The `haulwatch` command, with its subcommands."""

import os
import sys
from collections.abc import Collection
from importlib import import_module
from typing import Annotated, Final, NamedTuple

import typer

from haulwatch import __version__
from haulwatch.process.garbage import look_seldom


class _Entry(NamedTuple):
    panel: str
    module: str
    attribute: str


PRIVATE: Final = 0o077
"""Files get mode 0600 and folders 0700, since raw log, journal, secrets and logs are private. What the broker
reads gets its mode in `devices.access.mosquitto_files`."""

_PATH: Final = "The path"
_DEVICES: Final = "Devices and tests"
_OPERATION: Final = "Operation"
_ENTRIES: Final = {
    "demo": _Entry(_PATH, "path.demo", "run_demo"),
    "run": _Entry(_PATH, "path.run", "run"),
    "collect": _Entry(_PATH, "path.collect", "collect"),
    "record": _Entry(_PATH, "path.record", "record"),
    "judge": _Entry(_PATH, "path.judge", "judge"),
    "serve": _Entry(_PATH, "path.serve", "serve"),
    "gateway": _Entry(_PATH, "gateway.app", "app"),
    "simulate": _Entry(_DEVICES, "simulate", "simulate"),
    "broker": _Entry(_DEVICES, "broker", "broker"),
    "evaluate": _Entry(_DEVICES, "judgement.evaluate", "evaluate_rules"),
    "doctor": _Entry(_OPERATION, "doctor", "doctor"),
    "settings": _Entry(_OPERATION, "settings", "settings"),
    "ledger": _Entry(_OPERATION, "ledger", "app"),
    "weighings": _Entry(_OPERATION, "weighings.app", "app"),
    "replay": _Entry(_OPERATION, "judgement.replay", "replay"),
    "city": _Entry(_OPERATION, "city.app", "app"),
    "alerts": _Entry(_OPERATION, "alerts", "app"),
    "case": _Entry(_OPERATION, "cases.app", "app"),
    "manifest": _Entry(_OPERATION, "manifests.app", "app"),
    "deposits": _Entry(_OPERATION, "recyclables.app", "app"),
    "evidence": _Entry(_OPERATION, "evidence.app", "app"),
    "report": _Entry(_OPERATION, "reports.app", "app"),
    "rules": _Entry(_OPERATION, "judgement.rules", "app"),
    "notify": _Entry(_OPERATION, "notify.app", "app"),
    "sites": _Entry(_OPERATION, "sites", "app"),
    "user": _Entry(_OPERATION, "people.user", "app"),
    "token": _Entry(_OPERATION, "people.token", "app"),
    "audit": _Entry(_OPERATION, "people.audit", "app"),
    "device": _Entry(_OPERATION, "device.app", "app"),
    "deadletter": _Entry(_OPERATION, "deadletter", "app"),
    "grafana": _Entry(_OPERATION, "grafana", "app"),
    "log": _Entry(_OPERATION, "log", "app"),
    "kafka": _Entry(_OPERATION, "path.kafka", "app"),
    "store": _Entry(_OPERATION, "store", "app"),
    "db": _Entry(_OPERATION, "db", "app"),
}
"""In the order of the help. A module is loaded only when its command is called: a collector holds no web framework in
memory, and a process starts in half the time."""


def command_line(names: Collection[str] = _ENTRIES.keys()) -> typer.Typer:
    """Build the command line with the named commands; default: all."""
    app = typer.Typer(
        name="haulwatch",
        callback=_haulwatch,
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,  # locals may hold secrets
        rich_markup_mode="markdown",
        help=_HELP,
    )
    for name in names:
        panel, module, attribute = _ENTRIES[name]
        entry = getattr(import_module(f"haulwatch.commands.{module}"), attribute)
        if isinstance(entry, typer.Typer):
            app.add_typer(entry, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(entry)
    return app


def main() -> None:
    """Run the command line. Every file and folder that it creates is for this user only."""
    os.umask(PRIVATE)
    look_seldom()
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    command_line([first] if first in _ENTRIES else _ENTRIES)()


_HELP: Final = """Telemetry and alerts for waste trucks, weighbridges, recycling points and sorting stations.

    First steps: `haulwatch demo`. In production: `haulwatch city import DIR` once, then `haulwatch run`, or the four
    processes collect, record, judge and serve, each by itself. `haulwatch doctor` checks an installation;
    `haulwatch settings` lists the settings, which are environment variables.
    """


def _version(requested: bool) -> None:
    if requested:
        typer.echo(__version__)
        raise typer.Exit


def _haulwatch(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
