"""The registry of rule sets: who applied what, when and why."""

from pathlib import Path

import pytest

from devices.db.database import open_database
from devices.db.versions import AppliedMeanwhile, StoredVersion
from haulwatch import migrations
from rules.rule_sets.store import RuleSetStore, UnknownRuleSet
from tests.closing import closed_later


@pytest.fixture
def store(tmp_path: Path) -> RuleSetStore:
    url = f"sqlite:///{tmp_path / 'haulwatch.db'}"
    migrations.upgrade(url)
    return closed_later(RuleSetStore(open_database(url)))


def stored(version: int, content: str = "speeding: off\n") -> StoredVersion:
    return StoredVersion(version, content, 1_790_000_000_000 + version, "li", "roadworks on 泽州路")


def test_the_newest_holds_and_every_version_is_kept(store: RuleSetStore) -> None:
    assert (store.newest_version(), store.newest(), list(store.history(5))) == (0, None, [])
    store.apply(stored(1))
    store.apply(stored(2, "speeding: on\n"))
    assert (store.newest_version(), store.newest()) == (2, stored(2, "speeding: on\n"))
    assert store.version(1) == stored(1)
    assert [one.version for one in store.history(5)] == [2, 1]


def test_two_people_do_not_overwrite_each_other(store: RuleSetStore) -> None:
    store.apply(stored(1))
    for version in (1, 3):
        with pytest.raises(AppliedMeanwhile):
            store.apply(stored(version))
    assert store.newest_version() == 1


def test_a_version_that_never_was_is_named(store: RuleSetStore) -> None:
    with pytest.raises(UnknownRuleSet, match="no rule set 4"):
        store.version(4)
