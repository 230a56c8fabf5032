"""`haulwatch doctor` and `haulwatch settings`: what Haulwatch stands on, and how it is set."""

import asyncio
from typing import Annotated

import typer

from haulwatch import wiring
from haulwatch.commands.shared import JsonFlag, fail, out, plainly
from haulwatch.health import doctor as checks
from haulwatch.settings import table as settings_table
from haulwatch.settings.load import Settings, load_settings


@plainly
def doctor(
    only: Annotated[
        list[str] | None, typer.Argument(metavar="CHECK", help=f"Only these of {', '.join(checks.CHECKS)}.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check broker, store, database, city, disk, clock and API, and name the mend of what is wrong.

    Exit code 0: all is well, or could be better. 1: something must be mended.
    """
    try:
        results = asyncio.run(_checks(load_settings(), only or []))
    except ValueError as exc:
        fail(str(exc))
    if as_json:
        typer.echo(checks.as_json(results))
    else:
        out.print(checks.as_table(results))
    if not checks.passed(results):
        raise typer.Exit(1)


async def _checks(settings: Settings, only: list[str]) -> list[checks.CheckResult]:
    async def ping() -> str:
        store = wiring.store(settings)
        try:
            return await store.ping()
        finally:
            await store.close()

    return await checks.run_checks(settings, ping, only)


@plainly
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="The defaults, as the README shows them.")] = False,
) -> None:
    """List every setting: its variable, value, unit and the reason for its default. Secrets are masked."""
    if markdown:
        typer.echo(settings_table.as_markdown(), nl=False)
    else:
        out.print(settings_table.as_table(load_settings()))
