"""Handed cases of weighings: what counts as tonnes, and which truck a plate belongs to."""

from pathlib import Path
from typing import Any

import pytest

from devices.readings.models import Kind
from ingest.store import Row
from tests.field_cases.path import BASE_MS, Message, Outcome, PathUnderTest, case

BRIDGE = "weighbridge-02"


def weighing(at_s: float, ticket: str = "A002", /, *, bridge: str = BRIDGE, **changed: Any) -> Message:
    """18 t of a registered truck, weighed out."""
    ts = BASE_MS + round(at_s * 1000)
    body = {"gross_kg": 31000, "tare_kg": 13000, "net_kg": 18000, "direction": "out", "material": "spoil"}
    body |= {"ts": ts, "ticket": ticket, "plate": "晋E·D0101"} | changed
    return Message(
        f"haulwatch/v1/{bridge}/weighing", {k: v for k, v in body.items() if v is not None}, BASE_MS + 90_000_000
    )


def tonnes(outcome: Outcome) -> float:
    """As the boards sum them."""
    return sum(float(row.fields.get("counted_kg", 0)) for row in weighings(outcome)) / 1000


def tickets(outcome: Outcome) -> int:
    return sum(int(row.fields.get("counted", 0)) for row in weighings(outcome))


def weighings(outcome: Outcome) -> list[Row]:
    return [row for (_, kind), rows in outcome.rows.items() if kind is Kind.WEIGHING for row in rows]


def states(outcome: Outcome) -> list[str]:
    return [str(row.fields["ticket_state"]) for row in weighings(outcome)]


def test_a_ticket_sent_twice_counts_once(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path).send(case("17a-ticket-sent-twice"))
    assert (tonnes(outcome), tickets(outcome)) == (18.0, 1)
    assert states(outcome) == ["counted", "repeated"]
    assert outcome.ledger.total.stored == 2, "both are evidence"


def test_unsettled_frames_are_in_no_sum(tmp_path: Path) -> None:
    frames = case("17b-unsettled-frames")
    outcome = PathUnderTest(tmp_path).send(frames)
    assert (tonnes(outcome), tickets(outcome)) == (0.0, 0)
    assert set(states(outcome)) == {"unsettled"}
    assert outcome.ledger.total.stored == len(frames)


def test_a_tare_above_the_gross_weight_is_flagged(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path).send(case("17c-tare-above-gross"))
    assert (tonnes(outcome), states(outcome)) == (0.0, ["tare_above_gross"])


def test_of_all_kinds_together_18_t_count(tmp_path: Path) -> None:
    """The same ticket twice, unsettled frames, tare above gross, a net of 81 t of 31 t, pounds: 18 t."""
    outcome = PathUnderTest(tmp_path).send(
        [
            *case("17a-ticket-sent-twice"),
            *case("17b-unsettled-frames"),
            *case("17c-tare-above-gross"),
            weighing(3_000, "A030", net_kg=81000),
            weighing(3_100, "A031", gross_kg=68343, tare_kg=28660, net_kg=39683, unit="lb"),
        ]
    )
    assert (tonnes(outcome), tickets(outcome)) == (18.0, 1)
    (refused,) = (line.quarantined for line in outcome.ledger.devices if line.quarantined)
    assert refused == {"out_of_bounds": 1}


def test_sums_are_the_same_after_any_restart_and_repetition(tmp_path: Path) -> None:
    sent = case("17a-ticket-sent-twice")
    path = PathUnderTest(tmp_path)
    for message in [*sent, *reversed(sent), *sent]:
        outcome = path.send([message], quiet_ms=0)
    assert (tonnes(outcome), tickets(outcome)) == (18.0, 1)
    (tmp_path / "recorder.db").unlink()
    outcome = path.send(sent)
    assert (tonnes(outcome), tickets(outcome)) == (18.0, 1), "also by a recorder that lost its file"


@pytest.mark.parametrize("again", ["a002", "Ａ００２", " A 002", "ａ002"])
def test_a_ticket_number_in_another_spelling_is_the_same_ticket(tmp_path: Path, again: str) -> None:
    outcome = PathUnderTest(tmp_path).send([weighing(0), weighing(60, again.strip())])
    assert (tonnes(outcome), states(outcome)) == (18.0, ["counted", "repeated"])


def test_a_correction_replaces_its_ticket_whichever_comes_first(tmp_path: Path) -> None:
    first, corrected = weighing(0), weighing(600, tare_kg=14000, net_kg=17000)
    for name, sent in (("in order", [first, corrected]), ("late", [corrected, first])):
        path = PathUnderTest(tmp_path / name)
        for message in sent:
            outcome = path.send([message], quiet_ms=0)
        assert (tonnes(outcome), states(outcome)) == (17.0, ["replaced", "counted"]), name


SPELLINGS = [
    "晋E·D0101", "晋ED0101", "晋E D0101", "晋E-D0101", "晋E.D0101", "晋e·d0101", "晋Ｅ·Ｄ０１０１", "晋E・D0101",
    "晋E•D0101", "晋E－D0101", "晋E．D0101", " 晋E\u3000D0101",
]  # fmt: skip


@pytest.mark.parametrize("plate", SPELLINGS)
def test_twelve_spellings_of_a_plate_meet_their_truck(tmp_path: Path, plate: str) -> None:
    """A truck that is weighed into a spoil ground is loaded; that it falls silent then is more urgent."""
    outcome = PathUnderTest(tmp_path).send(
        [weighing(0, plate=plate, direction="in"), *moments_later("truck-001")], quiet_ms=400_000
    )
    (row,) = weighings(outcome)
    assert row.fields["plate"] == plate, "shown as written"
    assert outcome.of("unknown_plate") == []
    assert [alert.evidence.measures["loaded"] for alert in outcome.of("silent_device", "truck-001")] == [True]


def moments_later(truck: str) -> list[Message]:
    """One fix without load sensors, after which the truck falls silent."""
    ts = BASE_MS + 20_000
    return [Message(f"haulwatch/v1/{truck}/position", {"ts": ts, "lat": 35.49, "lon": 112.85}, ts + 1_000)]


def test_a_plate_that_fits_no_truck_is_told_once_a_day(tmp_path: Path) -> None:
    sent = [weighing(60 * n, f"B{n:03}", plate="晋A·99999") for n in range(20)]
    outcome = PathUnderTest(tmp_path).send(sent)
    (alert,) = outcome.of("unknown_plate")
    assert (alert.severity, alert.subject, alert.evidence.measures["plate"]) == ("P4", BRIDGE, "晋A·99999")
    assert tonnes(outcome) == 360.0, "its tonnes were weighed nevertheless"


def test_a_truck_that_publishes_a_ticket_counts_nothing_and_loads_no_truck(tmp_path: Path) -> None:
    forged = weighing(0, bridge="truck-002", direction="in")
    outcome = PathUnderTest(tmp_path).send([forged, *moments_later("truck-001")], quiet_ms=400_000)
    assert (tonnes(outcome), states(outcome)) == (0.0, [])
    assert outcome.ledger.total.quarantined == {"kind_of_another_role": 1}
    assert [alert.evidence.measures["loaded"] for alert in outcome.of("silent_device", "truck-001")] == [False]


@pytest.mark.parametrize("unseen", ["\ufe0f", "\ufe00", "\U000e0100", "\u3164", "\u115f", "\u1160", "\uffa0", "\u180b"])
def test_a_plate_with_an_invisible_character_is_refused(tmp_path: Path, unseen: str) -> None:
    outcome = PathUnderTest(tmp_path).send([weighing(0, plate=f"晋E·D{unseen}0101")])
    assert (outcome.ledger.total.stored, outcome.ledger.total.quarantined) == (0, {"out_of_bounds": 1})
