"""Shelves: what they cover, how long they stand, and who ended them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.db.database import open_database
from rules.alerts.model import Severity
from rules.alerts.shelves import NewShelf, Shelf, ShelfRefused, ShelfStore, UnknownShelf
from rules.alerts.tables import metadata

NOW = 1_790_000_000_000
HOUR = 3_600_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ShelfStore]:
    engine = open_database(f"sqlite:///{tmp_path / 'shelves.db'}")
    metadata.create_all(engine)
    yield ShelfStore(engine)
    engine.dispose()


def wanted(**changed: Any) -> NewShelf:
    fields: dict[str, Any] = {
        "rule": "bin_overflow", "subject": "P01", "reason": "lid is repaired", "shelved_by": "li",
        "shelved_at": NOW, "until": NOW + HOUR,
    }  # fmt: skip
    return NewShelf(**fields | changed)


@pytest.mark.parametrize(
    ("rule", "subject", "covered"),
    [
        # rule and subject; the rule's other subjects; the subject's other rules; neither. Each P1, then P3.
        ("bin_overflow", "P01", "11 00 00 00"),
        ("bin_overflow", None, "01 01 00 00"),
        (None, "P01", "11 00 11 00"),
    ],
)
def test_what_a_shelf_covers(store: ShelfStore, rule: str | None, subject: str | None, covered: str) -> None:
    shelf = store.add(wanted(rule=rule, subject=subject))
    alerts = [(of, device) for of in ("bin_overflow", "bin_fire") for device in ("P01", "P02")]
    found = [
        "".join(str(int(shelf.covers(of, device, severity))) for severity in (Severity.P1, Severity.P3))
        for of, device in alerts
    ]
    assert " ".join(found) == covered


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rule": None, "subject": None}, "rule"),
        ({"until": NOW}, "until"),
        ({"until": NOW + 7 * 24 * HOUR + 1}, "until"),
    ],
)
def test_a_shelf_for_everything_or_for_ever_is_refused(store: ShelfStore, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(ShelfRefused) as caught:
        store.add(wanted(**changed))
    assert caught.value.field == field
    assert store.newest(9) == []


def test_a_shelf_of_a_whole_week_stands(store: ShelfStore) -> None:
    assert store.add(wanted(until=NOW + 7 * 24 * HOUR)).no == 1


def test_a_shelf_stands_until_its_time_and_no_longer(store: ShelfStore) -> None:
    shelf = store.add(wanted())
    standing = {after: [one.no for one in store.standing_after(NOW + after)] for after in (0, HOUR - 1, HOUR)}
    assert standing == {0: [1], HOUR - 1: [1], HOUR: []}
    assert [shelf.stands_at(NOW + after) for after in (0, HOUR - 1, HOUR)] == [True, True, False]


def test_the_first_who_ends_a_shelf_stays_named(store: ShelfStore) -> None:
    store.add(wanted())
    assert store.end(1, "wang", NOW + 5) == Shelf(no=1, ended_by="wang", ended_at=NOW + 5, **wanted().model_dump())
    assert store.end(1, "zhao", NOW + 9).ended_by == "wang"
    assert store.standing_after(NOW + 5) == []
    assert [one.no for one in store.standing_after(NOW + 4)] == [1], "it stood then"
    with pytest.raises(UnknownShelf, match="no shelf 2"):
        store.end(2, "wang", NOW)


def test_a_shelf_that_ran_out_was_ended_by_nobody(store: ShelfStore) -> None:
    store.add(wanted())
    assert store.end(1, "wang", NOW + HOUR).ended_by is None


def test_shelves_are_listed_with_the_newest_first(store: ShelfStore) -> None:
    for subject in ("P01", "P02", "P03"):
        store.add(wanted(subject=subject))
    store.end(2, "wang", NOW + 1)
    assert [one.subject for one in store.newest(2)] == ["P03", "P02"]
    assert [one.subject for one in store.standing_after(NOW + 1)] == ["P01", "P03"]
