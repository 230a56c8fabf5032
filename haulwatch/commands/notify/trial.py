"""`haulwatch notify test`: a message that shows whether a channel works, with the service's own answer."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from devices.spelling import did_you_mean
from haulwatch.commands.notify.rules import checked_file, current_rules
from haulwatch.commands.shared import By, JsonFlag, acting_name, exits_on_error, fail, print_json, print_table
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from ingest.notices.desk import trial
from ingest.notices.desk.trial import people_with_mail
from ingest.notices.model import NoticeRules
from ingest.notices.secrets import environment_secrets
from ingest.notices.senders.port import Outcome


@exits_on_error
def send_test(
    channel: Annotated[str | None, typer.Argument(metavar="CHANNEL", help="By this channel alone.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="PERSON", help="To this person, or mentioning it.")] = None,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="By this file; default: the rules that hold.")
    ] = None,
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """Send a test message now, from this machine with its secrets, and show what the service answered.

    Give a channel, a person, or both; a person alone: by every channel that reaches it. Exit code 0: the service has
    confirmed each message. 1: it has not.
    """
    if channel is None and to is None:
        fail("give a channel, or --to a person: `haulwatch notify list` names them")
    rules = current_rules(settings_with_data())[1] if file is None else checked_file(file)
    _check("channel", channel, rules.channels)
    _check("--to", to, rules.people)
    pairs = _pairs(rules, channel, to)
    if not pairs:
        fail(f"no channel reaches {to}: give the person `mail`, `mobile`, `wecom` or `feishu`")
    name = acting_name(by)
    results = [
        (one, person, asyncio.run(trial.send_test(rules, one, person, name, environment_secrets(), now_ms)))
        for one, person in pairs
    ]
    if as_json:
        print_json(
            [
                {"channel": one, "person": person, "outcome": result.outcome, "detail": result.detail}
                for one, person, result in results
            ]
        )
    else:
        rows = [(one, person or "", str(result.outcome), result.detail) for one, person, result in results]
        print_table("test messages", ("channel", "person", "outcome", "answer"), rows)
    if any(result.outcome is not Outcome.SENT for _, _, result in results):
        raise typer.Exit(1)


def _pairs(rules: NoticeRules, channel: str | None, to: str | None) -> list[tuple[str, str | None]]:
    """Channel and person of each message."""
    names = list(rules.channels) if channel is None else [channel]
    if to is not None:
        return [(name, to) for name in names if channel is not None or rules.reaches(name, to)]
    if not rules.channels[names[0]].is_group:
        with_mail = ", ".join(people_with_mail(rules)) or "none has `mail`"
        fail(f"channel {names[0]} writes to people, name one with --to: {with_mail}")
    return [(names[0], None)]


def _check(what: str, name: str | None, there: Mapping[str, object]) -> None:
    """End with a message if there is no such name."""
    names = list(there)
    if name is not None and name not in names:
        fail(f"{what}: no {name!r}: {did_you_mean(name, names) or 'there are ' + (', '.join(names) or 'none')}")
