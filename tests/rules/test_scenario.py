"""The simulators' labelled scenario, judged without a broker: every label leads to an alert, and nothing else does."""

from collections.abc import Iterator
from itertools import takewhile

import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.readings.ids import MANIFESTS
from devices.readings.manifests import ManifestDeed, ManifestTerms
from devices.readings.models import ManifestAction, Reading, Status
from rules.alerts.model import AlertChange, Amendment, Phase
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from simulators.firmware.events import Heartbeat, NetworkDown, NetworkUp, PowerCut, Sensed
from simulators.staging.scenario import Scenario, Script
from simulators.staging.trips import Anomaly, PlannedTrip

START = 1_790_000_000_000


def arrivals(script: Script) -> Iterator[tuple[int, Reading]]:
    """(time at the broker, reading); readings sensed in a blind zone arrive at its end."""
    for device_id, life in script.timelines.items():
        held: list[Reading] | None = None
        for moment in takewhile(lambda moment: moment.at_ms <= script.end_ms, life()):
            match moment:
                case PowerCut():
                    break
                case NetworkDown():
                    held = []
                case NetworkUp():
                    yield from ((moment.at_ms, reading) for reading in held or ())
                    held = None
                case Heartbeat(at_ms=at_ms) if held is None:
                    yield at_ms, Status(device_id=device_id, ts=at_ms, online=True, session=1)
                case Sensed(reading=reading) if held is not None:
                    held.append(reading)
                case Sensed(at_ms=at_ms, reading=reading, copies=copies):
                    yield from ((at_ms, reading) for _ in range(copies))


def papers(script: Script) -> Iterator[tuple[int, Reading]]:
    """A manifest for each trip, as a haulier's system issues it, and the clock that finds it overdue."""
    for no, trip in enumerate(script.trips):
        planned = ManifestTerms(
            source=trip.source_id, destination=trip.destination_id, depart_at=trip.depart_at, arrive_by=trip.arrive_by,
            declared_kg=trip.declared_kg,
        )  # fmt: skip
        overdue_at = trip.arrive_by + max(2_700_000, (trip.arrive_by - trip.depart_at) // 2)
        yield trip.issue_at, _action(trip, ManifestDeed.ISSUE, trip.issue_at, 4 * no + 1, planned)
        yield trip.confirm_at, _action(trip, ManifestDeed.CONFIRM_SOURCE, trip.confirm_at, 4 * no + 2)
        if trip.gate_at is not None:
            yield trip.gate_at, _action(trip, ManifestDeed.CONFIRM_DISPOSAL, trip.gate_at, 4 * no + 3)
        if overdue_at < script.end_ms:
            yield overdue_at, _action(trip, ManifestDeed.CHECK, overdue_at, 4 * no + 4)


def _action(
    trip: PlannedTrip, deed: ManifestDeed, at: int, no: int, planned: ManifestTerms | None = None
) -> ManifestAction:
    return ManifestAction(
        device_id=MANIFESTS, ts=at, at=at, truck=trip.device_id, number=number_of(trip), no=no, deed=deed, actor="li",
        terms=planned,
    )  # fmt: skip


def number_of(trip: PlannedTrip) -> str:
    return f"{trip.device_id}-{trip.issue_at}"


def check_manifests(script: Script, engine: RuleEngine) -> None:
    """Honest trips that were weighed and left in time are closed, and only the labelled ones went wrong."""
    unseen = {label.device_id for label in script.labels if label.rule == "silent_device"}
    found = {one.manifest.number: one.manifest for one in engine.manifests()}
    for trip in script.trips:
        manifest = found[number_of(trip)]
        if trip.anomaly is not None:
            assert manifest.state == {"overdue": "overdue", "short": "discrepancy"}[trip.anomaly]
            continue
        assert manifest.state not in {"overdue", "discrepancy"}, trip
        if trip.device_id not in unseen and trip.unloaded_at and trip.unloaded_at < script.end_ms - 180_000:
            assert manifest.state == "closed", trip
            assert manifest.gained_kg is not None
            assert abs(manifest.gained_kg) < 200
    assert sum(one.state == "closed" for one in found.values()) >= 10


@pytest.mark.parametrize("seed", [1, 7])
def test_every_label_leads_to_an_alert_and_nothing_else_does(seed: int) -> None:
    city = read_city(JINCHENG)
    script = Scenario(seed=seed).cast(city, START)
    engine = RuleEngine(city, build_rules())
    changes: list[AlertChange] = []
    for at_ms, reading in sorted([*arrivals(script), *papers(script)], key=lambda arrival: arrival[0]):
        engine.receive(at_ms)
        changes += engine.judge(reading)
    check_manifests(script, engine)
    late = {("manifest_overdue", trip.device_id) for trip in script.trips if trip.anomaly is Anomaly.OVERDUE}
    assert {(change.rule, change.subject) for change in changes if change.rule == "manifest_overdue"} == late
    changes = [change for change in changes if change.rule != "manifest_overdue"]
    labelled = {(label.rule, label.device_id): label for label in script.labels}
    merged = {change.alert_id for change in changes if change.amendment is Amendment.MERGED}
    beds = [change for change in changes if change.alert_id in merged]
    assert {("illegal_dumping", change.subject) for change in beds} <= set(labelled)  # told before, part of it now
    changes = [change for change in changes if change.alert_id not in merged]
    assert {(change.rule, change.subject) for change in changes} == set(labelled)
    assert {(change.rule, change.subject) for change in changes if change.phase is Phase.CONFIRMED} == set(labelled)
    for change in changes:
        label = labelled[change.rule, change.subject]
        assert label.start_ms - 60_000 <= change.opened_at <= label.end_ms + 600_000
    assert not engine.failures
