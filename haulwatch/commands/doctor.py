"""`haulwatch doctor`: checks of everything that Haulwatch needs."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from haulwatch.commands.people.visibility import districts_and_hauliers
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.health.doctor import CHECKS, DoctorParts, passed, run_checks
from haulwatch.health.people import Areas
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.databases import (
    accounts_exist,
    count_registered_devices,
    existing_database_url,
    open_registry,
)
from haulwatch.wiring.desk.attachments import look_at_attachments
from haulwatch.wiring.log import judges_of_verdicts, topic_as_found, topic_as_wanted, unread_on_topic
from haulwatch.wiring.rules import known_rules
from haulwatch.wiring.sign_on import find_provider
from haulwatch.wiring.stores import prove_store

_COLOURS: Final = {CheckStatus.OK: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "red"}


@exits_on_error
def doctor(
    only: Annotated[
        list[str] | None, typer.Argument(metavar="CHECK", help=f"Run only these of {', '.join(CHECKS)}.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check broker, collector, store, database, city, disk, clock, API, rules, certificates, sign-on, map layers,
    the files of attachments and Kafka.

    Says how to fix each fault. The store is written and read (measurement haulwatch_doctor).

    Exit code 0: no check failed; warnings may remain. 1: a check failed.
    """
    settings = load_settings()
    try:
        results = asyncio.run(run_checks(settings, _parts(settings), only or []))
    except ValueError as exc:
        fail(str(exc))
    if as_json:
        print_json(results_as_json(results))
    else:
        out.print(results_as_table(results))
    if not passed(results):
        raise typer.Exit(1)


def _parts(settings: Settings) -> DoctorParts:
    return DoctorParts(
        prove_store=lambda: prove_store(settings),
        database_url=lambda: existing_database_url(settings),
        count_devices=lambda: count_registered_devices(settings),
        rules=lambda: known_rules(settings),
        find_provider=lambda: find_provider(settings),
        areas=lambda: _areas(settings),
        accounts_exist=lambda: accounts_exist(settings),
        topic=None if settings.kafka.url is None else lambda: topic_as_found(settings),
        wanted_of_topic=lambda replicas: topic_as_wanted(settings, replicas),
        unread=lambda: unread_on_topic(settings),
        fleet=judges_of_verdicts(settings),
        attachments=lambda: look_at_attachments(settings),
    )


def _areas(settings: Settings) -> Areas:
    with open_registry(settings) as registry:
        return Areas(*districts_and_hauliers(registry.load_city()))


def results_as_table(results: Sequence[CheckResult]) -> Table:
    table = Table("check", "status", "result", "what to do", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for result in results:
        status = Text(result.status, _COLOURS[result.status])
        table.add_row(result.name, status, Text(result.detail), Text(result.hint))
    return table


def results_as_json(results: Sequence[CheckResult]) -> dict[str, object]:
    return {"ok": passed(results), "checks": [asdict(result) for result in results]}
