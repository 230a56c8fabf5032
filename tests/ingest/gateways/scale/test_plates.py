"""Plates of the gate: the one that was read while the truck stood there, and none where several were."""

import json
from typing import Any, Final

import pytest

from ingest.gateways.scale.plates import BEFORE_MS, MAX_READS, PlateRead, PlateReads, read_plate, write_plate

BEGAN: Final = 1_795_305_263_000
ENDED: Final = BEGAN + 40_000


def reads(*found: tuple[int, str] | tuple[int, str, str]) -> PlateReads:
    made = PlateReads()
    for at, plate, *by in found:
        made.add(PlateRead(plate=plate, by=by[0] if by else "camera"), BEGAN + at)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("found", "plate"),
    [
        ([], None),
        ([(0, "晋E1")], "晋E1"),
        ([(-BEFORE_MS, "晋E1")], "晋E1"),
        ([(-BEFORE_MS - 1, "晋E1")], None),
        ([(40_000, "晋E1")], "晋E1"),
        ([(40_001, "晋E1")], None),
        ([(0, "晋E1"), (9_000, "晋·e1")], "晋·e1"),
        ([(0, "晋E1"), (30_000, "晋E2")], None),
        ([(0, "晋E1"), (30_000, "晋E2"), (20_000, "晋E3", "person")], "晋E3"),
        ([(0, "晋E3", "person"), (20_000, "晋E4", "person")], "晋E4"),
    ],
)
def test_plate_of_a_pass(found: list[Any], plate: str | None) -> None:
    read = reads(*found).of_pass(BEGAN, ENDED)
    assert (None if read is None else read.plate) == plate


def test_a_plate_is_used_once_and_the_next_truck_has_its_own() -> None:
    made = reads((0, "晋E1"), (41_000, "晋E2"))
    first, second = made.of_pass(BEGAN, ENDED), made.of_pass(BEGAN + 45_000, BEGAN + 80_000)
    assert (first and first.plate, second and second.plate) == ("晋E1", "晋E2")
    assert made.of_pass(BEGAN, BEGAN + 90_000) is None


def test_time_of_the_camera_holds_before_that_of_arrival() -> None:
    made = PlateReads()
    made.add(PlateRead(plate="晋E1", ts=BEGAN), BEGAN + 300_000)
    assert made.of_pass(BEGAN, ENDED) is not None


def test_camera_whose_clock_is_ahead_names_the_truck_that_it_saw() -> None:
    made = PlateReads()
    made.add(PlateRead(plate="晋E1", ts=BEGAN + 70_000), BEGAN + 5_000)
    first = made.of_pass(BEGAN, ENDED)
    assert first is not None
    assert made.of_pass(ENDED + 40_000, ENDED + 80_000) is None


@pytest.mark.parametrize(
    ("found", "plate"),
    [
        ([(45_000, "晋E1", "person")], None),  # typed for the truck that has just left
        ([(45_000, "晋E1", "person"), (85_000, "晋E2")], "晋E2"),
        ([(41_000, "晋E1"), (85_000, "晋E2")], "晋E2"),  # the camera saw the first one drive off
        ([(41_000, "晋E1")], None),
        ([(85_000, "晋E1")], "晋E1"),  # it came again
        ([(70_000, "晋E2")], "晋E2"),  # it was read as it drove up
    ],
)
def test_plate_that_may_be_of_the_truck_before_is_not_taken(found: list[Any], plate: str | None) -> None:
    made = reads((0, "晋E1"))
    made.of_pass(BEGAN, ENDED)
    for at, named, *by in found:
        made.add(PlateRead(plate=named, by=by[0] if by else "camera"), BEGAN + at)
    read = made.of_pass(BEGAN + 80_000, BEGAN + 120_000)
    assert (None if read is None else read.plate) == plate


def test_person_may_type_a_plate_as_the_truck_drives_up_when_none_has_just_left() -> None:
    made = reads((BEFORE_MS + 100_000 - 5_000, "晋E1", "person"))
    made.of_pass(BEGAN - 100_000, BEGAN)
    read = made.of_pass(BEGAN + BEFORE_MS + 100_000, BEGAN + 200_000)
    assert read is not None


def test_reads_are_bounded() -> None:
    made = reads(*[(n, f"晋E{n}") for n in range(MAX_READS + 50)])
    assert len(made._reads) == MAX_READS


def test_message_is_read_as_it_is_written() -> None:
    given = {"plate": "晋E·D0101", "by": "person", "direction": "out", "material": None, "manifest": "M-1"}
    assert read_plate(write_plate(given)) == PlateRead(plate="晋E·D0101", by="person", direction="out", manifest="M-1")


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (b"", "truncated"),
        (b"[]", "object"),
        (b"{}", "plate"),
        (b'{"plate":""}', "plate"),
        (b'{"plate":"\xe2\x80\x8b"}', "plate"),
        (b'{"plate":"A1","by":"bird"}', "by"),
        (b'{"plate":"A1","direction":"up"}', "direction"),
        (b'{"plate":"A1","ts":5}', "ts"),
        (json.dumps({"plate": "A" * 65}).encode(), "plate"),
        (b'{"plate":"A1","x":"' + b"x" * 5_000 + b'"}', "4096"),
        (b'{"plate":"\xff"}', "UTF-8"),
    ],
)
def test_message_that_is_no_plate_is_named(message: bytes, named: str) -> None:
    with pytest.raises(ValueError, match=rf"(?i){named}"):
        read_plate(message)
