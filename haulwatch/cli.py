"""The `haulwatch` command."""

import sys
from collections.abc import Collection
from importlib import import_module
from typing import Annotated, Final, NamedTuple

import typer

from haulwatch import __version__


class _Entry(NamedTuple):
    panel: str
    module: str
    attribute: str


_PATH: Final = "The path"
_DEVICES: Final = "Devices and tests"
_CARE: Final = "Care"
_ENTRIES: Final = {
    "demo": _Entry(_PATH, "path.demo", "run_demo"),
    "run": _Entry(_PATH, "path.run", "run"),
    "collect": _Entry(_PATH, "path.collect", "collect"),
    "record": _Entry(_PATH, "path.record", "record"),
    "judge": _Entry(_PATH, "path.judge", "judge"),
    "serve": _Entry(_PATH, "path.serve", "serve"),
    "simulate": _Entry(_DEVICES, "simulate", "simulate"),
    "broker": _Entry(_DEVICES, "broker", "broker"),
    "doctor": _Entry(_CARE, "doctor", "doctor"),
    "settings": _Entry(_CARE, "doctor", "settings"),
    "ledger": _Entry(_CARE, "ledger", "ledger"),
    "replay": _Entry(_CARE, "ledger", "replay"),
    "city": _Entry(_CARE, "city", "app"),
    "device": _Entry(_CARE, "device.show", "app"),
    "deadletter": _Entry(_CARE, "deadletter", "app"),
    "grafana": _Entry(_CARE, "grafana", "app"),
    "log": _Entry(_CARE, "log", "app"),
    "db": _Entry(_CARE, "db", "app"),
}
"""In the order of the help. Each names the module that is loaded when its command is asked for, and only then: a
collector holds no web framework in memory, and a process is up in half the time."""


def command_line(names: Collection[str] = _ENTRIES.keys()) -> typer.Typer:
    """The command line with the commands named, all by default."""
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
    """Run the command line."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    command_line([asked] if asked in _ENTRIES else _ENTRIES)()


_HELP: Final = """Telemetry and alerts for waste trucks, weighbridges, recycling points and sorting stations.

    Begin with `haulwatch demo`. In production run `haulwatch city import DIR` once, then `haulwatch run`, or the
    four processes collect, record, judge and serve each by itself. Settings are environment variables, listed by
    `haulwatch settings`.
    """


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


def _haulwatch(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
