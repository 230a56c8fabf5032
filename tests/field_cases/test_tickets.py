"""Handed cases of weighings: what counts as tonnes, and which truck a plate belongs to."""

from pathlib import Path
from typing import Any

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


def test_a_correction_replaces_its_ticket_whichever_comes_first(tmp_path: Path) -> None:
    first, corrected = weighing(0), weighing(600, tare_kg=14000, net_kg=17000)
    for name, sent in (("in order", [first, corrected]), ("late", [corrected, first])):
        path = PathUnderTest(tmp_path / name)
        for message in sent:
            outcome = path.send([message], quiet_ms=0)
        assert (tonnes(outcome), states(outcome)) == (17.0, ["replaced", "counted"]), name
