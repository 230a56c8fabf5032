"""What a report may hold, its number, and its secret code."""

import re

import pytest
from pydantic import ValidationError

from rules.public_reports import codes
from rules.public_reports.model import (
    Category,
    Channel,
    NewReport,
    ReportRefused,
    no_of,
    number_of,
)

NOW = 1_790_000_000_000
DAY = 86_400_000


def new(**changes: object) -> NewReport:
    values = {
        "channel": Channel.WEB,
        "category": Category.DUMPING,
        "text": "Two trucks tip spoil",
        "seen_at": NOW,
        "lat": 35.5,
        "lon": 112.8,
        "received_at": NOW,
    }
    return NewReport.model_validate(values | changes)


@pytest.mark.parametrize("typed", ["R-000123", "r-123", "123", " R 000123 ", "R000123"])
def test_a_number_is_read_as_people_write_it(typed: str) -> None:
    assert no_of(typed) == 123


@pytest.mark.parametrize("typed", ["", "R-", "0", "R-0", "12x", "-" * 9, "1" * 40, "１２３", "1\n2x"])
def test_what_is_no_number_is_none(typed: str) -> None:
    assert no_of(typed) is None


def test_a_number_is_written_with_six_digits_or_more() -> None:
    assert [number_of(no) for no in (1, 123_456, 1_234_567)] == ["R-000001", "R-123456", "R-1234567"]


@pytest.mark.parametrize(
    "changes",
    [
        {"text": ""},
        {"text": " \n "},
        {"text": "x" * 2_001},
        {"text": "a\x00b"},
        {"text": "a\u202eb"},
        {"lat": None},
        {"lat": None, "lon": None},
        {"lat": float("nan")},
        {"lat": 91},
        {"plate": "晋E\u200b123"},
        {"category": "murder"},
        {"informant": "王某"},
    ],
)
def test_a_report_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        new(**changes)


def test_a_report_needs_one_way_to_find_the_place() -> None:
    nowhere = {"lat": None, "lon": None}
    assert new(**nowhere, address="behind the brickworks").lat is None
    assert new(**nowhere, site_id="site-1").site_id == "site-1"


def test_lines_are_kept_and_have_one_kind_of_end() -> None:
    assert new(text="  first\r\nsecond\rthird\t ").text == "first\nsecond\nthird"


@pytest.mark.parametrize("seen_at", [NOW + 11 * 60_000, NOW - 91 * DAY])
def test_what_was_seen_lies_within_three_months(seen_at: int) -> None:
    with pytest.raises(ReportRefused, match="seen_at"):
        new(seen_at=seen_at).check_time()
    new(seen_at=NOW - 89 * DAY).check_time()


def test_a_code_is_long_enough_and_has_nothing_that_is_misread() -> None:
    found = {codes.new_code() for _ in range(200)}
    assert len(found) == 200
    assert all(re.fullmatch(r"[2-9A-HJKMNP-TV-Z]{4}(-[2-9A-HJKMNP-TV-Z]{4}){2}", code) for code in found)
    assert len(codes.ALPHABET) ** codes.CHARS > 2**58


def test_a_code_belongs_to_one_report_however_it_is_typed() -> None:
    code = codes.new_code()
    kept = codes.hash_of(7, code)
    assert codes.is_code(7, code.lower().replace("-", " "), kept)
    assert not codes.is_code(8, code, kept)
    assert not codes.is_code(7, code[:-1], kept)
    assert not codes.is_code(7, code, "")
    assert code not in kept


def test_a_code_from_a_secret_is_always_the_same() -> None:
    assert codes.code_from(b"\x01" * 32) == codes.code_from(b"\x01" * 32) != codes.code_from(b"\x02" * 32)
