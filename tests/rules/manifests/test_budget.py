"""The error budget of a manifest: scales, water that leaves the load, and what is uncertain of a volume."""

from typing import Any

import pytest

from devices.readings.manifests import ManifestTerms
from rules.catalogue import build_rules, load_budget
from rules.manifests.document import LoadBudget, ManifestDocument, Quantity
from rules.manifests.machine import Event, issue, step
from rules.manifests.model import Manifest, Trigger
from tests.rules.manifests.trips import terms
from tests.rules.town import T0


def after_trip(found: ManifestTerms, net_kg: float, source_kg: float | None = None) -> Manifest:
    one = issue("M1", Event(Trigger.ISSUE, T0, no=1, actor="li", terms=found))
    steps = [
        Event(Trigger.CONFIRM_SOURCE, T0 + 1, no=2, actor="li", net_kg=source_kg),
        Event(Trigger.LEFT_SOURCE, T0 + 2),
        Event(Trigger.ENTERED_DESTINATION, T0 + 3),
        Event(Trigger.WEIGHED, T0 + 4, net_kg=net_kg, ticket="D1", bridge="W1"),
        Event(Trigger.LEFT_DESTINATION, T0 + 5),
    ]
    for event in steps:
        one = step(one, event)
    return one


@pytest.mark.parametrize(
    ("changed", "source_kg", "net_kg", "state"),
    [
        ({}, None, 11_200, "closed"),  # 800 kg
        ({}, None, 11_199, "discrepancy"),
        ({"loss_pct": 5.0}, None, 10_600, "closed"),  # 800 kg and 600 kg of water
        ({"loss_pct": 5.0}, None, 10_599, "discrepancy"),
        ({"loss_pct": 5.0}, None, 12_501, "discrepancy"),  # water only leaves
        ({"declared_error_pct": 15.0}, None, 9_400, "closed"),
        ({"declared_error_pct": 15.0}, None, 9_399, "discrepancy"),
        ({"declared_error_pct": 15.0}, None, 14_300, "closed"),
        ({"declared_error_pct": 15.0}, None, 14_301, "discrepancy"),
        ({"declared_error_pct": 15.0}, 12_000.0, 11_199, "discrepancy"),  # it was weighed at its source
        ({"estimated": True}, None, 1.0, "closed"),
    ],
)
def test_a_manifest_closes_within_its_budget(
    changed: dict[str, Any], source_kg: float | None, net_kg: float, state: str
) -> None:
    assert after_trip(terms(**changed), net_kg, source_kg).state == state


def test_the_budget_stays_on_every_leg() -> None:
    one = issue("M1", Event(Trigger.ISSUE, T0, no=1, actor="li", terms=terms(loss_pct=5.0, declared_error_pct=15.0)))
    for event in (
        Event(Trigger.CONFIRM_SOURCE, T0 + 1, no=2, actor="li"),
        Event(Trigger.LEFT_SOURCE, T0 + 2),
        Event(Trigger.REROUTE, T0 + 3, no=3, actor="li", destination="othertip"),
    ):
        one = step(one, event)
    assert (one.terms.destination, one.terms.loss_pct, one.terms.declared_error_pct) == ("othertip", 5.0, 15.0)


@pytest.mark.parametrize(
    ("quantity", "declared_kg", "error_pct"),
    [
        ({"tonnes": 12}, 12_000, 0),
        ({"volume_m3": 8, "density_t_per_m3": 1.5}, 12_000, 15),
        ({"volume_m3": 8}, None, 15),
    ],
)
def test_a_volume_times_a_density_is_less_sure_than_tonnes(
    quantity: dict[str, Any], declared_kg: float | None, error_pct: float
) -> None:
    document = ManifestDocument(
        vehicle_id="VT1", source_id="source", destination_id="tip", stream="sludge",
        quantity=Quantity(**quantity), depart_at=T0, arrive_by=T0 + 1,
        budget=LoadBudget(loss_pct=3, volume_error_pct=15),
    )  # fmt: skip
    found = document.terms()
    assert (found.declared_kg, found.declared_error_pct, found.loss_pct) == (declared_kg, error_pct, 3)


def test_what_a_stream_loses_is_a_parameter_of_the_rule_set() -> None:
    rules = build_rules({"mass_shortfall": {"sludge_loss_pct": 4, "volume_error_pct": 20}})
    budget = load_budget(rules)
    assert budget("污泥") == LoadBudget(loss_pct=4, volume_error_pct=20)
    assert [budget(stream).loss_pct for stream in ("kitchen", "slurry", "spoil", "wool")] == [5, 5, 0, 0]
    assert load_budget([])("kitchen") == LoadBudget()
