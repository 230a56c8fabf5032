"""`haulwatch rules`: the rule set that holds, and another one in its place."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from devices.city.hours import minute_of_day
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
from haulwatch.wiring.rules import checked_file, known_rules, open_rule_sets, rules_of
from rules.catalogue import CATALOGUE, entry_of, rule_names
from rules.contract.rule_choice import Scope, scope_of
from rules.rule_sets.changes import CITY, Difference, differences
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet, Change, RuleSet
from rules.rule_sets.places import unknown_places
from rules.rule_sets.shipped import shipped_rules
from rules.rule_sets.store import MAX_REASON

_CURRENT: Final = "current"
_SHIPPED: Final = "shipped"

app = typer.Typer(
    no_args_is_help=True,
    help="""Rules: which hold where, with which parameters.

    A rule set is a YAML file: parameters of the whole city, and exceptions by district, fleet, kind of vehicle, kind of
    site and hours, the most specific of which wins. `docs/rules.md` shows one.

    Look first (`validate`, `diff`, `haulwatch replay --rules FILE`), then `apply`: it holds within two seconds, and no
    process is restarted.
    """,
)

Device = Annotated[str | None, typer.Option("--device", metavar="ID", help="As they hold for this device.")]
At = Annotated[str | None, typer.Option("--at", metavar="HH:MM", help="At this hour of the city's day.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="YAML file.")]


@app.command("list")
@exits_on_error
def list_rules(device: Device = None, at: At = None, as_json: JsonFlag = False) -> None:
    """List all rules: whether they are on, and the parameters that differ from the defaults."""
    settings = settings_with_data()
    choice = known_rules(settings)
    scope = Scope() if device is None else _scope_of(settings, device)
    held = _held(choice, scope, at)
    rows = []
    for entry, rule in zip(CATALOGUE, held, strict=True):
        defaults = entry.parameters().model_dump(mode="json")
        values = {} if rule is None else rule.parameters.model_dump(mode="json")
        changed = {name: value for name, value in values.items() if value != defaults[name]}
        rows.append((entry, rule is not None, changed, defaults))
    if as_json:
        found = [
            {"rule": entry.name, "title": entry.title.model_dump(), "on": on, "changed": changed}
            for entry, on, changed, _ in rows
        ]
        print_json({"version": choice.version, "rules": found})
        return
    shown = [
        (entry.name, f"{entry.title.en} {entry.title.zh}", "on" if on else "off", _changed(changed, defaults))
        for entry, on, changed, defaults in rows
    ]
    print_table(_title(choice, device, at), ("rule", "title", "", "differs from the default"), shown)
    exceptions = [
        (str(one.where), ", ".join(map(_said, one.rules.items())), one.why) for one in choice.rule_set.exceptions
    ]
    if exceptions and device is None:
        out.print()
        print_table("exceptions", ("where", "rules", "why"), exceptions)


@app.command()
@exits_on_error
def show(
    rule: Annotated[str | None, typer.Argument(metavar="RULE", help="Its parameters; default: the whole file.")] = None,
    device: Device = None,
    at: At = None,
    version: Annotated[int | None, typer.Option(help="An earlier rule set; default: the one that holds.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a rule: each parameter, its value, its default, and what it is for. Without a rule: the file as applied."""
    settings = settings_with_data()
    if rule is None:
        _show_file(settings, version, as_json=as_json)
        return
    entry = entry_of(rule)
    if entry is None:
        fail(f"no rule {rule!r}: {did_you_mean(rule, rule_names()) or 'there are ' + ', '.join(rule_names())}")
    choice = known_rules(settings) if version is None else _version(settings, version)
    held = _held(choice, Scope() if device is None else _scope_of(settings, device), at)
    found = held[CATALOGUE.index(entry)]
    defaults, values = entry.parameters().model_dump(mode="json"), dict[str, Any]()
    if found is not None:
        values = found.parameters.model_dump(mode="json")
    if as_json:
        parameters = [
            {
                "name": name,
                "value": values.get(name),
                "default": default,
                "meaning": meaning.en,
                "meaning_zh": meaning.zh,
            }
            for name, default in defaults.items()
            for meaning in (entry.meaning(name),)
        ]
        print_json({"rule": rule, "version": choice.version, "on": found is not None, "parameters": parameters})
        return
    state = "off" if found is None else "on"
    title = f"{rule}: {entry.title.en} {entry.title.zh}, {state} in {_title(choice, device, at)}"
    rows = [
        (name, _text(values.get(name)), _text(default) if values.get(name) != default else "", entry.meaning(name).en)
        for name, default in defaults.items()
    ]
    numbers = () if any(isinstance(value, list) for value in defaults.values()) else ("value", "default")
    print_table(title, ("parameter", "value", "default", "meaning"), rows, right=numbers)


@app.command()
@exits_on_error
def validate(file: FileArgument) -> None:
    """Check a file: all its faults at once, with lines, and whether the city has the places that it names.

    Exit code 0: it can be applied. 2: it cannot.
    """
    settings = load_settings()
    choice = _checked(file)
    for line in _unknown(settings, choice.rule_set):
        out.print(f"{file}: {line}", style="yellow", markup=False)
    changed = differences(shipped_rules(), choice)
    out.print(f"{file} is correct: {len(changed)} values differ from what is shipped", markup=False)


@app.command()
@exits_on_error
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A file, a version, `current` or `shipped`.")],
    second: Annotated[
        str | None, typer.Argument(metavar="B", help="Likewise; default: `current` is A, and A is B.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what differs between two rule sets, such as a file and what holds now.

    Exit code 0: nothing. 1: something.
    """
    settings = settings_with_data()
    before, after = (_CURRENT, first) if second is None else (first, second)
    found = differences(_named(settings, before), _named(settings, after))
    if as_json:
        print_json([difference._asdict() for difference in found])
    else:
        _print_differences(f"{before} → {after}", found)
    if found:
        raise typer.Exit(1)


@app.command()
@exits_on_error
def apply(
    file: FileArgument,
    reason: Annotated[str, typer.Option(prompt=True, help="Why; it stands in the history for ever.")],
    by: By = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a file hold from now on, in place of the whole rule set before.

    Open alerts go on by the new parameters; those of a rule that is switched off end.
    """
    settings = settings_with_data()
    if not reason.strip() or len(reason) > MAX_REASON:
        fail(f"--reason: write 1 to {MAX_REASON} characters")
    after, before = _checked(file), known_rules(settings)
    migrations.upgrade(settings.database_url.get_secret_value())
    with open_rule_sets(settings) as store:
        newest = store.newest()
        content = file.read_text(encoding="utf-8")
        if newest is not None and newest.content == content:
            fail(f"{file} holds already, as rule set {newest.version}")
        version = (newest.version if newest is not None else 0) + 1
        store.apply(StoredVersion(version, content, now_ms(), acting_name(by), reason.strip()))
    found = differences(before, after)
    if as_json:
        print_json({"version": version, "changed": [difference._asdict() for difference in found]})
        return
    for line in _unknown(settings, after.rule_set):
        out.print(f"{file}: {line}", style="yellow", markup=False)
    _print_differences(f"rule set {version}", found)


@app.command()
@exits_on_error
def history(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="The newest so many.")] = 20, as_json: JsonFlag = False
) -> None:
    """List the rule sets that were applied: when, by whom and why."""
    settings = settings_with_data()
    with open_rule_sets(settings) as store:
        found = store.history(limit)
    if as_json:
        print_json(
            [{name: getattr(one, name) for name in ("version", "applied_at", "applied_by", "reason")} for one in found]
        )
        return
    zone = people_zone(settings)
    rows = [(one.version, local_time(one.applied_at, zone), one.applied_by, one.reason) for one in found]
    print_table("rule sets", ("version", "applied", "by", "reason"), rows, right=("version",))


def _show_file(settings: Settings, version: int | None, *, as_json: bool) -> None:
    with open_rule_sets(settings) as store:
        found = store.newest() if version is None else store.version(version)
    if found is None:
        fail("no rule set was applied: `haulwatch rules list` shows what is shipped")
    if as_json:
        print_json({name: getattr(found, name) for name in StoredVersion.__slots__})
        return
    when = local_time(found.applied_at, people_zone(settings))
    typer.echo(f"# rule set {found.version}, {when}, {found.applied_by}: {found.reason}")
    typer.echo(found.content, nl=not found.content.endswith("\n"))


def _print_differences(title: str, found: Sequence[Difference]) -> None:
    if not found:
        out.print(f"{title}: nothing differs", markup=False)
        return
    rows = [
        (one.rule, one.parameter, one.where if one.where != CITY else "the city", _text(one.before), _text(one.after))
        for one in found
    ]
    print_table(title, ("rule", "parameter", "where", "before", "after"), rows, right=("before", "after"))


def _held(choice: RuleSetChoice, scope: Scope, at: str | None) -> Sequence[Any]:
    return choice.at(scope, 12 * 60 if at is None else _minute(at))


def _minute(text: str) -> int:
    try:
        return minute_of_day(text)
    except ValueError:
        fail(f"--at: write an hour such as 22:30, not {text!r}")


def _scope_of(settings: Settings, device_id: str) -> Scope:
    with open_registry(settings) as registry:
        city = registry.load_city()
    device = city.devices.get(device_id)
    if device is None:
        fail(f"{device_id}: no such device: {did_you_mean(device_id, city.devices) or '`haulwatch device list`'}")
    return scope_of(device, city, now_ms())


def _named(settings: Settings, name: str) -> RuleSetChoice:
    if name == _CURRENT:
        return known_rules(settings)
    if name == _SHIPPED:
        return shipped_rules()
    if name.isdigit():
        return _version(settings, int(name))
    if not Path(name).is_file():
        fail(f"{name}: no such file; give a file, a version, `current` or `shipped`")
    return _checked(Path(name))


def _version(settings: Settings, version: int) -> RuleSetChoice:
    with open_rule_sets(settings) as store:
        return rules_of(store.version(version))


def _checked(file: Path) -> RuleSetChoice:
    try:
        return checked_file(file)
    except BadRuleSet as exc:
        fail(f"{file} cannot hold, nothing was changed:\n  " + "\n  ".join(exc.faults))


def _unknown(settings: Settings, rule_set: RuleSet) -> Iterator[str]:
    try:
        with open_registry(settings) as registry:
            city: City = registry.load_city()
    except (CityMissing, DatabaseError, NoData):
        return  # there is nothing to compare with yet
    yield from (found.en for found in unknown_places(rule_set, city))


def _title(choice: RuleSetChoice, device: str | None, at: str | None) -> str:
    name = f"rule set {choice.version}" if choice.version else "the shipped rule set"
    return name + (f", for {device}" if device else "") + (f", at {at}" if at else "")


def _changed(changed: dict[str, Any], defaults: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_text(value)} ({_text(defaults[name])})" for name, value in changed.items())


def _said(change: tuple[str, Change]) -> str:
    rule, said = change
    values = ", ".join(f"{name} {_text(value)}" for name, value in said.parameters.items())
    return f"{rule} {values if said.on is None else _text(said.on)}"


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(f"[{_text(each)}]" if isinstance(each, list) else _text(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
