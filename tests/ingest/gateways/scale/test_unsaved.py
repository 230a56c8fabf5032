"""What the disk does not take waits in memory, in order, and is carried out once."""

from decimal import Decimal
from typing import Final

import pytest

from ingest.gateways.scale import unsaved
from ingest.gateways.scale.passes import Settled, Weighed
from ingest.gateways.scale.ticket_book import TicketBookFailed
from ingest.gateways.scale.unsaved import Entry, Forget, Issue, Unsaved

NOW: Final = 1_795_305_263_000


def settled(kg: int) -> Settled:
    return Settled(Decimal(kg), NOW, NOW - 9_000, (b"frame",), Decimal(0))


def issue(kg: int) -> Issue:
    return Issue(Weighed(settled(kg), NOW + 1_000), None)


class Disk:
    def __init__(self) -> None:
        self.is_full = False
        self.done: list[Entry] = []

    def take(self, entry: Entry) -> None:
        if self.is_full:
            raise TicketBookFailed("book.sqlite: database or disk is full")
        self.done.append(entry)


def test_entries_are_carried_out_at_once_while_the_disk_takes_them() -> None:
    disk = Disk()
    tested = Unsaved(disk.take)
    for entry in (settled(9_000), issue(9_000), Forget()):
        tested.add(entry)
    assert disk.done == [settled(9_000), issue(9_000), Forget()]
    assert tested.trouble is None


def test_weighings_wait_for_room_and_keep_their_order() -> None:
    disk = Disk()
    tested = Unsaved(disk.take)
    disk.is_full = True
    for kg in (9_000, 15_620):
        tested.add(settled(kg))
        tested.add(issue(kg))
    tested.add(settled(7_000))
    assert "disk is full" in str(tested.trouble)
    assert [one.settled.kg for one in tested.weighings()] == [9_000, 15_620]
    tested.retry()
    assert disk.done == []
    disk.is_full = False
    tested.add(settled(8_000))
    assert disk.done == [issue(9_000), issue(15_620), settled(8_000)], "the platform as it is now, no earlier one"
    assert (tested.trouble, tested.weighings()) == (None, [])


def test_what_memory_does_not_hold_is_counted_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsaved, "MAX_UNSAVED", 2)
    disk = Disk()
    disk.is_full = True
    tested = Unsaved(disk.take)
    for kg in (9_000, 15_620, 8_000):
        tested.add(settled(kg))
        tested.add(issue(kg))
    assert (tested.lost, [int(one.settled.kg) for one in tested.weighings()]) == (1, [9_000, 15_620])
