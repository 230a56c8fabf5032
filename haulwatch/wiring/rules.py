"""The rule set that holds: the newest in the registry, else that of the rules file, else the shipped one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from devices.bounded_files import UnboundedFile, read_bounded
from devices.db.database import DatabaseError, open_database
from devices.db.versions import StoredVersion
from haulwatch.process.current_rules import CurrentRules
from haulwatch.settings.data_files import NoData
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import existing_database_url
from rules.alerts.model import Text
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet, RuleSetFault
from rules.rule_sets.reading import MAX_BYTES
from rules.rule_sets.shipped import checked, shipped_rules
from rules.rule_sets.store import RuleSetStore
from rules.rule_sets.wording import not_yaml

SHIPPED: Final = 0
"""The version of what holds before the first rule set is applied."""


def configured_rules(settings: Settings) -> RuleSetChoice:
    """What holds before the first rule set is applied. Raises BadRuleSet."""
    path = settings.rules.file
    if path is None:
        return shipped_rules()
    return checked_file(path)


def checked_file(path: Path) -> RuleSetChoice:
    """The rules of a file. Raises BadRuleSet."""
    try:
        content = read_bounded(path, MAX_BYTES, "keep only what differs")
    except UnboundedFile as exc:
        raise BadRuleSet([RuleSetFault(not_yaml(exc), file=str(path))]) from exc
    except OSError as exc:
        raise BadRuleSet([RuleSetFault(Text(en=f"{path}: {exc}", zh=f"{path}：无法读取（{exc}）"))]) from exc
    return checked(content, str(path), SHIPPED)


def rules_of(stored: StoredVersion) -> RuleSetChoice:
    """The rules of a version in the registry. Raises BadRuleSet: this version of Haulwatch has other rules."""
    return checked(stored.content.encode(), f"rule set {stored.version}", stored.version)


def present_rules(settings: Settings) -> RuleSetChoice:
    """The rule set that holds now. Raises BadRuleSet, DatabaseError, NoData."""
    with open_rule_sets(settings) as store:
        newest = store.newest()
    return configured_rules(settings) if newest is None else rules_of(newest)


def known_rules(settings: Settings) -> RuleSetChoice:
    """As `present_rules`; where there is no registry, what holds before the first rule set. Raises BadRuleSet."""
    try:
        return present_rules(settings)
    except (DatabaseError, NoData):
        return configured_rules(settings)


@contextmanager
def open_rule_sets(settings: Settings) -> Iterator[RuleSetStore]:
    store = RuleSetStore(open_database(existing_database_url(settings)))
    try:
        yield store
    finally:
        store.close()


def current_rules(settings: Settings, store: RuleSetStore) -> CurrentRules:
    """The rule set that holds, kept current. Raises BadRuleSet: what holds before the first one cannot."""
    return CurrentRules(store, configured_rules(settings), rules_of)
