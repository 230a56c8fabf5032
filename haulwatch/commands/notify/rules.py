"""`haulwatch notify list`, `show`, `validate` and `apply`: the notice rules that hold, and others in their place."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from devices.city.model import City
from devices.db.database import DatabaseError
from devices.db.registry import CityMissing
from devices.db.versions import StoredVersion
from devices.spelling import did_you_mean
from haulwatch import migrations
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
from haulwatch.settings.data_files import NoData, settings_with_data
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.databases import open_registry, people_zone
from haulwatch.wiring.notices import open_notice_rules
from ingest.notices.model import Alerts, NoticeRules, Step
from ingest.notices.reading import BadNoticeRules, read_notice_rules
from ingest.notices.secrets import environment_secrets
from ingest.notices.senders.registry import ChannelUnusable, sender_of
from rules.rule_sets.store import MAX_REASON

_MENTIONED_BY: Final = {"wecom": "`wecom` or `mobile`", "dingtalk": "`mobile`", "feishu": "`feishu`"}
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="YAML file.")]


@exits_on_error
def list_rules(as_json: JsonFlag = False) -> None:
    """List channels, rules with their steps, and who is on duty now."""
    settings = settings_with_data()
    stored, rules = current_rules(settings)
    now = datetime.now(people_zone(settings))
    duty = {table: list(rules.on_duty(table, now)) for table in rules.duty}
    if as_json:
        print_json({"version": stored.version, "rules": rules.model_dump(mode="json"), "on_duty": duty})
        return
    title = f"notice rules {stored.version}"
    print_table(title, ("channel", "kind"), [(name, channel.kind) for name, channel in rules.channels.items()])
    out.print()
    rows = [
        (rule.name if not number else "", _alerts(rule.alerts) if not number else "", _when(step), _whom(step))
        for rule in rules.rules
        for number, step in enumerate(rule.steps)
    ]
    print_table("rules", ("rule", "alerts", "when", "who is told, by"), rows)
    if duty:
        out.print()
        print_table("on duty now", ("table", "people"), [(table, ", ".join(names)) for table, names in duty.items()])


@exits_on_error
def show(as_json: JsonFlag = False) -> None:
    """Show the file as it was applied."""
    settings = settings_with_data()
    stored, _ = current_rules(settings)
    if as_json:
        print_json({name: getattr(stored, name) for name in StoredVersion.__slots__})
        return
    when = local_time(stored.applied_at, people_zone(settings))
    typer.echo(f"# notice rules {stored.version}, {when}, {stored.applied_by}: {stored.reason}")
    typer.echo(stored.content, nl=not stored.content.endswith("\n"))


@exits_on_error
def validate(file: FileArgument) -> None:
    """Check a file: its faults, with lines; and whether the city and the secrets that it names are there.

    Exit code 0: it can be applied. 2: it cannot.
    """
    settings = load_settings()
    rules = checked_file(file)
    for line in _warnings(settings, rules):
        out.print(f"{file}: {line}", style="yellow", markup=False)
    counts = f"{len(rules.channels)} channels, {len(rules.people)} people, {len(rules.rules)} rules"
    out.print(f"{file} is correct: {counts}", markup=False)


@exits_on_error
def apply(
    file: FileArgument,
    reason: Annotated[str, typer.Option(prompt=True, help="Why; it stands in the history for ever.")],
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a file hold from now on, in place of all notice rules before.

    Alerts that were recorded before the first file are told to nobody.
    """
    settings = settings_with_data()
    if not reason.strip() or len(reason) > MAX_REASON:
        fail(f"--reason: write 1 to {MAX_REASON} characters")
    rules = checked_file(file)
    migrations.upgrade(settings.database_url.get_secret_value())
    with open_notice_rules(settings) as store:
        newest = store.newest()
        content = file.read_text(encoding="utf-8")
        if newest is not None and newest.content == content:
            fail(f"{file} holds already, as notice rules {newest.version}")
        version = (newest.version if newest is not None else 0) + 1
        store.apply(StoredVersion(version, content, now_ms(), acting_name(by), reason.strip()))
    if as_json:
        print_json({"version": version})
        return
    for line in _warnings(settings, rules):
        out.print(f"{file}: {line}", style="yellow", markup=False)
    out.print(f"notice rules {version} hold", markup=False)


def current_rules(settings: Settings) -> tuple[StoredVersion, NoticeRules]:
    """The rules that hold. Ends with a message where there are none."""
    with open_notice_rules(settings) as store:
        stored = store.newest()
    if stored is None:
        fail("there are no notice rules, nobody is told of anything: docs/notices.md shows some")
    try:
        return stored, read_notice_rules(stored.content.encode(), f"notice rules {stored.version}")
    except BadNoticeRules as exc:
        fail("\n  ".join(("this version cannot read them, nothing is sent:", *exc.faults)))


def checked_file(file: Path) -> NoticeRules:
    """The rules in a file. Ends with all its faults."""
    try:
        return read_notice_rules(file.read_bytes(), str(file))
    except BadNoticeRules as exc:
        fail(f"{file} cannot hold, nothing was changed:\n  " + "\n  ".join(exc.faults))


def _warnings(settings: Settings, rules: NoticeRules) -> Iterator[str]:
    """What is no fault of the file, and may keep notices from being sent."""
    secrets = environment_secrets()
    for name, channel in rules.channels.items():
        try:
            sender_of(channel, secrets, now_ms)
        except ChannelUnusable as exc:
            yield f"channel {name} could not send from here: {exc}"
    for rule in rules.rules:
        for step in rule.steps:
            yield from (f"rule {rule.name}: {line}" for line in _unmentioned(rules, step))
    try:
        with open_registry(settings) as registry:
            city = registry.load_city()
    except (CityMissing, DatabaseError, NoData):
        return  # there is nothing to compare with yet
    for rule in rules.rules:
        for what, wanted, there in _places(rule.alerts, city):
            for value in wanted:
                if value not in there:
                    guess = did_you_mean(value, there) or f"there are {', '.join(there) or 'none'}"
                    yield f"rule {rule.name}: {what} {value!r}: {city.id} has none of this name: {guess}"


def _unmentioned(rules: NoticeRules, step: Step) -> Iterator[str]:
    """People whom a robot cannot mention: the message stands in the group, and calls none of them."""
    for channel in step.by:
        needs = _MENTIONED_BY.get(rules.channels[channel].kind)
        for person in sorted(rules.may_tell(step)):
            if needs is not None and not rules.reaches(channel, person):
                yield f"{person} cannot be mentioned in {channel}: give the person {needs}"


def _places(alerts: Alerts, city: City) -> Iterator[tuple[str, Sequence[str], list[str]]]:
    devices = city.devices.values()
    areas = {device.district for device in devices} | {area.id for area in city.districts}
    fleets = {device.fleet for device in devices} | {area.id for area in city.fleets}
    yield "district", alerts.district, sorted(filter(None, areas))
    yield "fleet", alerts.fleet, sorted(filter(None, fleets))
    yield "carrier", alerts.carrier, sorted({vehicle.carrier for vehicle in city.vehicles.values()} - {""})


def _alerts(alerts: Alerts) -> str:
    parts = [f"{alerts.severity} or graver"]
    parts += [
        f"{name} {' or '.join(values)}"
        for name, values in (
            ("rule", alerts.rule),
            ("district", alerts.district),
            ("fleet", alerts.fleet),
            ("carrier", alerts.carrier),
        )
        if values
    ]
    return ", ".join([*parts, str(alerts.hours)] if alerts.hours else parts)


def _when(step: Step) -> str:
    return "at once" if step.after_min is None else f"{step.after_min:g} min later"


def _whom(step: Step) -> str:
    tell = step.tell
    whom = [*tell.people, *(f"role {role}" for role in tell.roles), *(f"on duty: {table}" for table in tell.duty)]
    return f"{', '.join(whom) or 'the group'}, by {', '.join(step.by)}"
