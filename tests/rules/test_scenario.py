"""The simulators' labelled scenario, judged without a broker: every label leads to an alert, and nothing else does."""

from collections.abc import Iterator
from itertools import takewhile

import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.readings.models import Reading, Status
from rules.alerts.model import AlertChange, Amendment, Phase
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from simulators.firmware.events import Heartbeat, NetworkDown, NetworkUp, PowerCut, Sensed
from simulators.staging.scenario import Scenario, Script

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


@pytest.mark.parametrize("seed", [1, 7])
def test_every_label_leads_to_an_alert_and_nothing_else_does(seed: int) -> None:
    city = read_city(JINCHENG)
    script = Scenario(seed=seed).cast(city, START)
    engine = RuleEngine(city, build_rules())
    changes: list[AlertChange] = []
    for at_ms, reading in sorted(arrivals(script), key=lambda arrival: arrival[0]):
        engine.receive(at_ms)
        changes += engine.judge(reading)
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
