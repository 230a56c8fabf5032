"""People hear of an overdue manifest once, again when something else is awaited of it, and when it is over."""

from collections.abc import Sequence
from typing import Any

import pytest

from devices.readings.models import Reading
from rules.alerts.model import AlertChange, Phase
from rules.detectors.manifest_overdue.judgement import ManifestOverdue
from rules.engine.engine import RuleEngine
from tests.rules.manifests.trips import action, terms, weighed_at_tip
from tests.rules.town import Trip, in_time, run, town

HOUR_S = 3_600


def told(*rows: Sequence[Reading]) -> list[AlertChange]:
    return run(RuleEngine(town(), [ManifestOverdue()]), in_time(*rows))


def papers(number: str = "M1", first_no: int = 1, **plan: Any) -> list[Reading]:
    return [
        action("issue", 20 + first_no, first_no, number=number, terms=terms(**plan)),
        action("confirm_source", 120 + first_no, first_no + 1, number=number),
    ]


def waiting_truck(hours: int) -> Trip:
    """It stands on its way, and reports each minute."""
    trip = Trip("T1", 0, 0, load="loaded").stand(180).drive(5_000, 0)
    trip.every_s = 60
    return trip.stand(hours * HOUR_S)


def test_who_stands_on_the_way_for_eight_hours_is_one_change() -> None:
    [change] = told(waiting_truck(8).readings, papers())
    assert (change.phase, change.revision) == (Phase.CONFIRMED, 1)


def test_a_load_that_arrives_after_hours_is_two_changes() -> None:
    trip = waiting_truck(8)
    trip.every_s = 10
    at_s = trip.drive(10_000, 0).stand(60).now_s
    changes = told(trip.stand(60).readings, papers(), [weighed_at_tip("T1", at_s, 12_000)])
    assert [one.phase for one in changes] == [Phase.CONFIRMED, Phase.CLOSED]


def test_what_is_awaited_of_it_now_is_a_revision() -> None:
    issued = papers()[0]
    late = action("confirm_source", 3 * HOUR_S, 3)
    changes = told(waiting_truck(6).readings, [issued, late])
    assert [(one.title.en, one.revised) for one in changes] == [
        ("Truck 晋ET1 left with manifest M1, which its source has not confirmed", False),
        ("Truck 晋ET1 has not arrived at Tip with manifest M1", True),
    ]
    assert len({one.alert_id for one in changes}) == 1


@pytest.mark.parametrize("number", ["M2", "M18"])
def test_two_manifests_of_a_truck_are_two_alerts_whatever_their_numbers(number: str) -> None:
    other = papers(number, 3, source="othertip", destination="source", depart_s=5, arrive_s=1_900)
    void = action("void", 6_000, 9, number="M1", reason="lost")
    changes = told(waiting_truck(2).readings, papers(), other, [void])
    assert [(one.phase, one.evidence.measures["manifest"]) for one in changes] == [
        (Phase.CONFIRMED, "M1"), (Phase.CONFIRMED, number), (Phase.CLOSED, "M1"),
    ]  # fmt: skip
    assert len({one.alert_id for one in changes}) == 2
