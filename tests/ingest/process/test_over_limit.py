"""Devices beyond a limit are named: in the log once a minute, in a file within a second, for an hour."""

import logging
from pathlib import Path

import pytest

from ingest.process.over_limit import MAX_DEVICES, SHOWN_MS, Limit, OverLimit, named, read_over_limit


class Clock:
    now = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now


def test_a_device_is_named_with_what_it_did_for_an_hour(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "collector_limits.json"
    over_limit = OverLimit(path, clock)
    assert read_over_limit([path, tmp_path / "none.json"], clock.now) == {}
    over_limit.note("truck-7", Limit.RATE, 9_000)
    clock.now += 1_000
    over_limit.note("truck-7", Limit.RATE, 1)
    over_limit.note("", Limit.DEAD_LETTERS, 5)
    clock.now += 1_000
    over_limit.report()
    found = read_over_limit([path], clock.now)
    assert found == {"truck-7": {"rate": 9_001}, "": {"dead_letters": 5}}
    assert named(found) == "truck-7 (rate 9,001), (unknown) (dead_letters 5)"
    assert named(found, most=1) == "truck-7 (rate 9,001) and 1 more"
    assert read_over_limit([path], clock.now + SHOWN_MS) == {}
    OverLimit(path, clock)
    assert read_over_limit([path], clock.now) == {}, "a new process begins anew"


def test_the_log_has_one_line_a_minute_and_device(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    over_limit = OverLimit(tmp_path / "limits.json", clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(200):
            over_limit.note("truck-7", Limit.ALERTS, 1)
            over_limit.note("truck-8", Limit.ALERTS, 1)
            clock.now += 500
    assert len(caplog.records) == 4
    assert caplog.messages[0] == (
        "limits: truck-7 is beyond its limit of alerts, 1 so far; the other devices go on: see docs/operation.md"
    )


def test_made_up_ids_do_not_fill_the_file(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "limits.json"
    over_limit = OverLimit(path, clock)
    for n in range(10_000):
        over_limit.note(f"made-up-{n}", Limit.RATE, 1)
    clock.now += 1_000
    over_limit.report()
    assert len(read_over_limit([path], clock.now)) == MAX_DEVICES


def test_a_file_that_cannot_be_read_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    for content in ("", "{", "[1]", '[["a", "rate", "x", 1]]'):
        path.write_text(content)
        assert read_over_limit([path], 1) == {}
