"""The ticket book: numbers never come twice, and no crash loses a weighing."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from ingest.gateways.scale import ticket_book
from ingest.gateways.scale.passes import Settled
from ingest.gateways.scale.ticket_book import STAY_MS, Passage, TicketBook, TicketBookFailed

NOW: Final = 1_795_305_263_000
SETTLED: Final = Settled(
    Decimal("15620.5"), NOW, NOW - 9_000, (b"\x02+015620\xff", b"\x00"), Decimal("-Infinity"), out_of_range=True
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateways" / "scale-1.sqlite"


@pytest.fixture
def book(path: Path) -> Iterator[TicketBook]:
    with TicketBook(path, NOW) as opened:
        yield opened


def message(number: int) -> bytes:
    return b"message %d" % number


def test_numbers_go_on_after_a_restart_also_when_everything_is_published(path: Path) -> None:
    tickets = []
    for start in range(3):
        with TicketBook(path, NOW + start * 1_000_000) as book:
            for _ in range(2):
                number = book.issue(message)
                tickets.append(book.ticket(number))
                book.published(number)
            assert book.oldest() is None
    assert tickets == [f"261121235423-{number:06d}" for number in range(1, 7)]


def test_a_lost_file_begins_another_series(path: Path, tmp_path: Path) -> None:
    with TicketBook(path, NOW) as book:
        before = book.ticket(book.issue(message))
    with TicketBook(tmp_path / "new.sqlite", NOW + 1_000) as book:
        assert book.ticket(book.issue(message)) != before


def test_weighings_wait_in_order_until_each_is_published(path: Path) -> None:
    with TicketBook(path, NOW) as book:
        numbers = [book.issue(message) for _ in range(3)]
    with TicketBook(path, NOW) as book:
        seen = []
        while (waiting := book.oldest()) is not None:
            seen.append((waiting.number, waiting.message))
            book.published(waiting.number)
    assert seen == [(number, message(number)) for number in numbers]


def test_truck_on_the_platform_is_kept_as_it_is(path: Path) -> None:
    with TicketBook(path, NOW) as book:
        assert book.kept() is None
        book.keep(SETTLED)
    with TicketBook(path, NOW) as book:
        assert book.kept() == SETTLED
        book.forget()
        assert book.kept() is None


def test_a_ticket_takes_the_truck_off_the_platform_in_one_step(book: TicketBook) -> None:
    book.keep(SETTLED)

    def dies(number: int) -> bytes:
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError, match="killed here"):
        book.issue(dies, Passage("晋E·D0101", NOW, inside=True))
    assert (book.kept(), book.waiting(), book.came_in("晋E·D0101", NOW)) == (SETTLED, 0, False)
    number = book.issue(message, Passage("晋E·D0101", NOW, inside=True))
    assert (book.kept(), book.waiting(), book.came_in("晋ED0101", NOW)) == (None, 1, True)
    assert number == 1, "a number that was never given is given now"


def test_truck_that_came_in_leaves_within_a_stay(book: TicketBook) -> None:
    book.issue(message, Passage("晋E·D0101", NOW, inside=True))
    assert book.came_in("晋ed0101", NOW + STAY_MS)
    assert not book.came_in("晋ED0101", NOW + STAY_MS + 1)
    assert not book.came_in("晋ED0102", NOW)
    book.issue(message, Passage("晋E-D0101", NOW + 1_000, inside=False))
    assert not book.came_in("晋ED0101", NOW + 2_000)


def test_no_more_wait_than_a_disk_is_given_for(book: TicketBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticket_book, "MAX_WAITING", 2)
    book.issue(message)
    book.issue(message)
    book.keep(SETTLED)
    with pytest.raises(TicketBookFailed, match="2 weighings wait for the broker"):
        book.issue(message)
    assert book.kept() == SETTLED


def test_spoiled_file_says_what_to_do(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 100)
    with pytest.raises(TicketBookFailed, match=r"scale-1\.sqlite: .*: the disk must take tickets"):
        TicketBook(path, NOW)
