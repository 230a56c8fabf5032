"""One device that raises thousands of alerts: a bounded number is published, the rest is counted, nobody else waits."""

from collections import Counter

from rules.alerts.limit import BURST, MAX_REMEMBERED, REFILL_MS, AlertLimit
from rules.alerts.model import AlertChange, Evidence, Phase, Severity, Text
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, fills, in_time, ticket, town

T = 1_790_000_000_000


def change(
    alert_id: str,
    phase: Phase = Phase.CONFIRMED,
    *,
    revision: int = 1,
    subject: str = "T1",
    severity: Severity = Severity.P2,
) -> AlertChange:
    return AlertChange(
        alert_id=alert_id,
        revision=revision,
        rule="route_deviation",
        rule_version=1,
        subject=subject,
        phase=phase,
        severity=severity,
        at=T,
        opened_at=T,
        title=Text(en="", zh=""),
        evidence=Evidence(parameters={}),
    )


def test_a_burst_passes_and_then_one_a_minute() -> None:
    limit = AlertLimit()
    assert len(limit.published([change(str(n)) for n in range(9_318)], T)) == BURST
    assert limit.withheld() == {"T1": 9_318 - BURST}
    for n in range(1, 6):
        assert len(limit.published([change(f"{n}a"), change(f"{n}b")], T + n * REFILL_MS)) == 1


def test_other_devices_and_other_severities_have_limits_of_their_own() -> None:
    limit = AlertLimit()
    limit.published([change(str(n)) for n in range(1_000)], T)
    others = [change("a", subject="T2"), change("b", severity=Severity.P1)]
    assert limit.published(others, T) == others


def test_what_people_know_as_open_is_closed_and_what_they_never_saw_is_not() -> None:
    limit = AlertLimit()
    shown = [change(f"shown {n}") for n in range(BURST)]
    hidden = [change(f"hidden {n}") for n in range(BURST)]
    assert limit.published([*shown, *hidden], T) == shown
    ends = [change(one.alert_id, Phase.CLOSED, revision=2) for one in (*shown, *hidden)]
    assert limit.published(ends, T) == ends[:BURST]
    again = [change(one.alert_id, Phase.AMENDED, revision=3) for one in shown]
    assert limit.published(again, T) == [], "it is closed already"


def test_an_update_that_is_withheld_leaves_the_alert_known_as_open() -> None:
    limit = AlertLimit()
    limit.published([change(str(n)) for n in range(BURST)], T)
    assert limit.published([change("0", revision=2)], T) == []
    end = change("0", Phase.CLOSED, revision=3)
    assert limit.published([end], T) == [end]


def test_what_is_remembered_is_bounded_and_idle_devices_are_forgotten() -> None:
    limit = AlertLimit()
    limit.published([change(str(n)) for n in range(9_000)], T)
    limit.published([change("a", subject="T2")], T)
    assert len(limit.subjects["T1"].open) == MAX_REMEMBERED
    limit.forget_idle(T + REFILL_MS - 1)
    assert limit.subjects.keys() == {"T1", "T2"}
    limit.forget_idle(T + REFILL_MS)
    assert limit.subjects.keys() == {"T1"}


def test_a_weighbridge_with_invented_plates_is_limited_through_the_engine_and_over_a_restart() -> None:
    """A ticket each 10 s, of a plate that nobody has; the bin overflows meanwhile and is told of as ever."""
    tickets = [ticket("T1", n * 10, plate=f"晋E{n:05d}") for n in range(400)]
    overflow = fills([50, 70, 85, 88, 91, 93, 96, 97], point="P24", every_s=300, deposits=4)
    readings = in_time(tickets, overflow)
    whole, changes = RuleEngine(town(), build_rules()), list[AlertChange]()
    for reading in readings:
        changes += whole.judge(reading)
    by_rule = Counter(one.rule for one in changes)
    minutes = 400 * 10 // 60
    assert BURST <= by_rule["unknown_plate"] <= BURST + minutes + 1
    assert by_rule["bin_overflow"] >= 2
    assert whole.withheld["W1"] > 200
    resumed, again, rows = RuleEngine(town(), build_rules()), list[AlertChange](), dict[str, bytes]()
    for n, reading in enumerate(readings):
        again += resumed.judge(reading)
        if n % 50 == 0:
            fleet, changed = resumed.unsaved()
            rows.update(changed)
            resumed = RuleEngine(town(), build_rules())
            resumed.restore(fleet, rows.items())
    assert again == changes
    assert resumed.withheld == whole.withheld
    assert changes[0].at >= T0
