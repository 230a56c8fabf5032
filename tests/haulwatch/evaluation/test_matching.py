"""Which alarm is about which incident, counted by hand."""

from dataclasses import replace

from haulwatch.evaluation.alarms import Alarm
from haulwatch.evaluation.matching import Tally, compare
from simulators.trials.incidents import Incident

T0 = 1_790_000_000_000
MINUTE = 60_000


def incident(start_min: float, end_min: float, *, subject: str = "T1", begins_min: float | None = None) -> Incident:
    begins = start_min if begins_min is None else begins_min
    start_ms, end_ms, begins_ms = (T0 + round(minute * MINUTE) for minute in (start_min, end_min, begins))
    return Incident("illegal_dumping", subject, "dump", start_ms, end_ms, begins_ms)


def alarm(onset_min: float, told_min: float, *, subject: str = "T1", alert: str = "") -> Alarm:
    onset_ms, told_ms = T0 + round(onset_min * MINUTE), T0 + round(told_min * MINUTE)
    return Alarm("illegal_dumping", subject, onset_ms, told_ms, alert or f"{subject} {onset_min}")


def tally(
    incidents: list[Incident],
    alarms: list[Alarm],
    clocks_ms: dict[str, int] | None = None,
    lacks: frozenset[str] = frozenset(),
) -> Tally:
    return compare(incidents, alarms, clocks_ms or {}, lacks, "trial").get("illegal_dumping", Tally())


def test_the_window_is_a_minute_before_to_ten_after() -> None:
    """Both ends belong to it; a second beyond does not."""
    for onset_min, found in ((-1, 1), (-1 - 1 / 60, 0), (0, 1), (15, 1), (15 + 1 / 60, 0)):
        counted = tally([incident(0, 5)], [alarm(onset_min, 20)])
        assert (counted.found, counted.false_alarms) == (found, 1 - found), onset_min


def test_delay_is_from_the_beginning_until_people_are_told() -> None:
    """Its stop begins at 0, the bed rises at 1 min 30 s; the alert dates it from 0 and comes at 3 min."""
    counted = tally([incident(0, 5, begins_min=1.5)], [alarm(0, 3)])
    assert counted.delays_s == [90.0]


def test_what_is_uploaded_late_costs_what_it_costs() -> None:
    assert tally([incident(0, 5)], [alarm(0, 185)]).delays_s == [185 * 60.0]


def test_the_first_alert_counts_and_others_are_duplicates() -> None:
    counted = tally([incident(0, 5)], [alarm(4, 9), alarm(1, 3), alarm(2, 6)])
    assert (counted.incidents, counted.found, counted.duplicates, counted.false_alarms) == (1, 1, 2, 0)
    assert counted.delays_s == [180.0]


def test_one_alert_that_goes_on_is_no_duplicate_and_no_false_alarm() -> None:
    """Incidents near each other are one alert with several beginnings, of which one lies outside the window."""
    counted = tally([incident(0, 5)], [alarm(0, 1, alert="a"), alarm(3, 4, alert="a"), alarm(30, 31, alert="a")])
    assert (counted.found, counted.duplicates, counted.false_alarms) == (1, 0, 0)


def test_an_alert_finds_one_incident_only() -> None:
    """Two tickets five minutes apart, each with its alert; then only one alert for both."""
    both = [incident(0, 0.1), incident(5, 5.1)]
    assert tally(both, [alarm(0, 1), alarm(5, 6)]).found == 2
    assert tally(both, [alarm(5, 6)]).found == 1


def test_another_truck_is_another_matter() -> None:
    counted = tally([incident(0, 5)], [alarm(0, 1, subject="T2")])
    assert (counted.incidents, counted.found, counted.false_alarms) == (1, 0, 1)


def test_an_alert_that_is_taken_back_finds_nothing_and_is_not_false() -> None:
    withdrawn = alarm(0, 1)
    withdrawn.withdrawn = True
    counted = tally([incident(0, 5)], [withdrawn])
    assert (counted.found, counted.withdrawn, counted.false_alarms) == (0, 1, 0)


def test_a_false_alarm_that_is_taken_back_was_one() -> None:
    withdrawn = alarm(60, 61)
    withdrawn.withdrawn = True
    assert tally([], [withdrawn]).false_alarms == 1


def test_what_need_not_be_noticed_is_neither_missed_nor_false() -> None:
    small = replace(incident(0, 5), required=False)
    assert (tally([small], []).incidents, tally([small], [alarm(1, 2)]).false_alarms) == (0, 0)


def test_an_alert_counts_for_what_must_be_noticed_first() -> None:
    """A bypass too small to ask for an alert overlaps one that does."""
    counted = tally([replace(incident(0, 5), required=False), incident(2, 6)], [alarm(0, 8)])
    assert counted.found == 0  # two minutes before it begins: it is about the small one
    counted = tally([replace(incident(0, 5), required=False), incident(2, 6)], [alarm(1.5, 8)])
    assert counted.found == 1


def test_device_time_is_compared_with_the_clock_of_the_device() -> None:
    """Its clock is 90 s behind: the alert dates the incident 90 s early, outside the window by true time."""
    early = alarm(-1.5, 4)
    assert tally([incident(0, 5)], [early]).found == 0
    counted = tally([incident(0, 5)], [early], {"T1": -90_000})
    assert (counted.found, counted.delays_s) == (1, [240.0])


def test_what_no_terminal_has_a_sensor_for_is_counted_apart() -> None:
    counted = tally([replace(incident(0, 5), needs=frozenset({"lift_up"}))], [], lacks=frozenset({"lift_up"}))
    assert (counted.incidents, counted.unseen) == (0, 1)


def test_tallies_add_up() -> None:
    total = Tally()
    for n in range(3):
        total.add(tally([incident(0, 5)], [alarm(0, n + 1), alarm(60, 61)]))
    assert (total.incidents, total.found, total.false_alarms, total.delays_s) == (3, 3, 3, [60.0, 120.0, 180.0])
    assert total.by_behaviour == {"dump": 3}
