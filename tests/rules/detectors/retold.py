"""One story told otherwise: with a restart after every few readings, or with a part of it uploaded an hour later."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from devices.city.model import City
from devices.readings.models import Reading
from rules.alerts.model import TAKEN_BACK, AlertChange
from rules.engine.engine import AnyRule, RuleEngine
from tests.rules.town import T0, Trip, numbered, town

HOUR_MS = 3_600_000

Standing = set[tuple[str, int, str, str]]


def standing(changes: Iterable[AlertChange]) -> Standing:
    """The alerts in the end: id, beginning, phase and severity. An end that was published is not moved."""
    last = {change.alert_id: change for change in changes}
    return {
        (change.alert_id, change.opened_at, str(change.phase), str(change.severity))
        for change in last.values()
        if change.amendment not in TAKEN_BACK
    }


def judged_in(
    rule: Callable[[], AnyRule],
    arrivals: Iterable[tuple[int, Reading]],
    *,
    beside: Sequence[Callable[[], AnyRule]] = (),
    city: City | None = None,
    restart_every: int = 0,
) -> list[AlertChange]:
    """Judge in the order of arrival (time, ms); after `restart_every` readings the engine begins from its rows."""
    city, rules = city or town(), [*(other() for other in beside), rule()]
    engine, kept, changes = RuleEngine(city, rules), dict[str, bytes](), list[AlertChange]()
    for n, (at_ms, reading) in enumerate(sorted(arrivals, key=lambda arrival: arrival[0])):
        engine.receive(at_ms)
        changes += engine.judge(reading)
        if restart_every and n % restart_every == 0:
            fleet, devices = engine.unsaved()
            kept.update(devices)
            engine = RuleEngine(city, rules)
            engine.restore(fleet, kept.items())
    for _ in range(60):
        changes += engine.advance(10_000)
    assert not engine.failures
    return changes


def holds_however_it_is_told(
    rule: Callable[[], AnyRule],
    readings: Sequence[Reading],
    *,
    beside: Sequence[Callable[[], AnyRule]] = (),
    city: City | None = None,
) -> Standing:
    """Assert that restarts, and a late upload of each third, end in the alerts that the story has; return them.

    There its devices number their readings, so that what is complete is judged at once.
    """
    live = [(reading.ts, reading) for reading in readings]
    clock = Trip("T5", 500, 500, at_s=-60, every_s=60)  # another truck, so that time goes on
    clock.stand((readings[-1].ts - T0) / 1000 + 4 * 3600)
    others = [(reading.ts, reading) for reading in clock.readings]
    tell = partial(judged_in, rule, beside=beside, city=city)
    expected = standing(tell([*live, *others]))
    live = [(reading.ts, reading) for reading in numbered(readings)]
    assert standing(tell([*live, *others], restart_every=7)) == expected
    third = max(len(readings) // 3, 1)
    for start in range(0, len(readings), third):
        late = range(start, min(start + third, len(readings)))
        uploaded_ms = readings[-1].ts + HOUR_MS
        arrivals = [(uploaded_ms + 200 * n if n in late else at, reading) for n, (at, reading) in enumerate(live)]
        changes = tell([*arrivals, *others], restart_every=11)
        assert standing(changes) == expected, (start, start + third)
    return expected
