"""Stories of devices that fall silent."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import pytest
from msgspec import structs

from devices.city.sites import Validity
from devices.readings.models import Reading, Status
from rules.alerts.model import AlertChange
from rules.detectors.silent_device.judgement import SilentDevice
from rules.detectors.silent_device.parameters import SilentDeviceParameters
from rules.engine.engine import RuleEngine
from tests.rules.town import T0, Trip, at_s, fills, in_time, judged, rows, run, summaries, ticket, town


def others(seconds: float) -> list[Reading]:
    """Three trucks that keep reporting: the fleet's time goes on."""
    return in_time(
        *(Trip(truck, 100, 100, at_s=n).stand(seconds).readings for n, truck in enumerate(("T3", "T4", "T5")))
    )


def changes(*rows: Iterable[Reading], seconds: float = 3600) -> list[AlertChange]:
    return judged([SilentDevice()], others(seconds), *rows)


def driven(seconds: float = 100, **fields: Any) -> Trip:
    return Trip("T1", 500, 0, **fields).stand(seconds)


def status(at_s: float, online: bool, cause: Literal["birth", "will", "shutdown"]) -> Status:
    return Status(device_id="T1", ts=T0 + round(at_s * 1000), online=online, session=1, cause=cause)


def test_a_loaded_truck_is_missed_ever_more_urgently() -> None:
    found = changes(driven(load="loaded").readings)
    assert summaries(found) == ["T1 confirmed P3", "T1 confirmed P2", "T1 confirmed P1", "T1 confirmed P1"]
    assert [at_s(change) for change in found] == [280, 700, 1300, 3100]
    assert found[0].opened_at == T0 + 100_000


@pytest.mark.parametrize(("gap_s", "lines"), [(180, 0), (181, 2), (600, 2), (601, 3), (1201, 4)])
def test_thresholds_of_a_loaded_truck(gap_s: float, lines: int) -> None:
    assert len(changes(driven(load="loaded").quiet(gap_s - 10).stand(3500 - gap_s).readings)) == lines


@pytest.mark.parametrize("name", ["loaded_again_s", "outage_again_s"])
def test_a_step_of_no_length_is_refused(name: str) -> None:
    """It would be repeated for ever."""
    with pytest.raises(ValueError, match=name):
        SilentDeviceParameters.model_validate({name: 0})


def test_an_empty_truck_is_information() -> None:
    assert summaries(changes(driven(load="empty").readings)) == ["T1 confirmed P4"]


def test_others_by_their_own_interval() -> None:
    """Points report every 300 s: missed after 1,050 s."""
    found = changes(fills([10, 11, 12], every_s=300), seconds=2400)
    assert summaries(found) == ["P01 confirmed P4"]
    assert at_s(found[0]) == 600 + 1050


def test_two_lost_reports_and_some_jitter_are_no_silence() -> None:
    readings = fills([10, 11, 12], every_s=300) + fills([13, 14, 15], every_s=300, start_s=1502)
    assert changes(readings, seconds=2700) == []


def test_data_again_closes() -> None:
    found = changes(driven(load="loaded").quiet(400).stand(3090).readings)
    assert summaries(found) == ["T1 confirmed P3", "T1 closed P3"]
    assert at_s(found[-1]) == 510


def offline(upload: str) -> list[Reading]:
    """Away from 100 s to 700 s; then what it buffered comes before, after or among what is live."""
    trip = Trip("T1", 500, 0, load="loaded").stand(100).stand(600).stand(2800)
    before = [r for r in trip.readings if r.ts <= T0 + 100_000]
    held = [r for r in trip.readings if T0 + 100_000 < r.ts <= T0 + 700_000]
    live = [r for r in trip.readings if r.ts > T0 + 700_000]
    if upload == "some":
        held = held[::2][:20]
    around = others(3500)
    row = in_time(before, [r for r in around if r.ts <= T0 + 700_000])
    rest = in_time(live, [r for r in around if r.ts > T0 + 700_000])
    return [*row, *rest[:20], *held, *rest[20:]] if upload == "after" else [*row, *held, *rest]


def test_a_complete_upload_retracts_whether_it_comes_before_or_after_live_data() -> None:
    for upload in ("before", "after"):
        found = run(RuleEngine(town(), [SilentDevice()]), offline(upload))
        assert summaries(found)[0] == "T1 confirmed P3"
        assert "retracted" in summaries(found)[-1], upload
        assert len({change.alert_id for change in found}) == 1


def test_an_upload_with_a_hole_does_not_retract() -> None:
    found = run(RuleEngine(town(), [SilentDevice()]), offline("some"))
    assert summaries(found)[-1] == "T1 closed P3"


def test_a_device_that_reports_its_shutdown_is_not_missed_unless_it_is_loaded() -> None:
    assert changes(driven(load="empty").readings, [status(101, False, "shutdown")]) == []
    assert changes(driven(load="loaded").readings, [status(101, False, "shutdown")])


def test_a_last_will_comes_from_the_broker_not_from_the_device() -> None:
    found = changes(driven(load="loaded").readings, [status(250, False, "will"), status(281, True, "birth")])
    assert at_s(found[0]) == 280


def test_a_ticket_of_the_truck_is_not_the_truck() -> None:
    assert at_s(changes(driven(load="loaded").readings, [ticket("T1", 200)])[0]) == 280


def test_a_slow_clock_is_not_silence_and_harms_nobody() -> None:
    slow = Trip("T1", 500, 0, at_s=60, load="loaded").stand(3400)
    late = [structs.replace(r, ts=r.ts - 86_400_000) for r in slow.readings]
    mixed = sorted([*late, *others(3500)], key=lambda r: r.ts + (86_400_000 if r.device_id == "T1" else 0))
    assert run(RuleEngine(town(), [SilentDevice()]), mixed) == []


def test_a_fast_clock_harms_nobody() -> None:
    ahead = [structs.replace(r, ts=r.ts + 120_000) for r in Trip("T1", 500, 0, load="loaded").stand(3500).readings]
    mixed = sorted([*ahead, *others(3500)], key=lambda r: r.ts - (120_000 if r.device_id == "T1" else 0))
    assert run(RuleEngine(town(), [SilentDevice()]), mixed) == []


def test_silence_of_everybody_is_seen_by_ticks() -> None:
    engine = RuleEngine(town(), [SilentDevice()])
    assert run(engine, driven(load="loaded").readings, quiet_s=230) == []
    assert summaries(run(engine, (), quiet_s=20)) == ["T1 confirmed P3"]


def points(count: int, stop_s: int) -> list[Reading]:
    """Points that report every minute, some seconds apart from each other, until `stop_s`."""
    return in_time(
        *(fills([10.0] * (stop_s // 60), point=f"P{n:02}", every_s=60, start_s=n) for n in range(1, count + 1))
    )


def quick_town() -> Any:
    city = town()
    return town(devices={k: d if d.id[0] != "P" else type(d)(d.id, d.role, site_id="point", report_interval_s=60)
                         for k, d in city.devices.items()})  # fmt: skip


def outage(silent: int, total: int, until_s: int = 2400) -> list[AlertChange]:
    stop = points(silent, 600)
    rest = [r for r in points(total, until_s) if int(r.device_id[1:]) > silent]
    return judged([SilentDevice()], stop, rest, city=quick_town())


def test_more_than_a_fifth_at_once_is_one_alert() -> None:
    assert summaries(outage(6, 24)) == ["system confirmed P2"]
    assert len(outage(4, 24)) == 4  # 17 %
    assert {change.subject for change in outage(5, 24)} == {"system"}


def test_four_devices_are_never_an_outage() -> None:
    assert {change.subject for change in outage(4, 8)} == {"P01", "P02", "P03", "P04"}


def test_after_the_outage_the_alert_closes_and_those_still_silent_are_named() -> None:
    back = [r for r in points(24, 2400) if int(r.device_id[1:]) > 2 and not 600 <= (r.ts - T0) / 1000 < 1500]
    found = judged([SilentDevice()], points(2, 600), back, city=quick_town())
    assert summaries(found)[0] == "system confirmed P2"
    assert summaries(found)[1:] == ["system closed P2", "P01 confirmed P4", "P02 confirmed P4"]


def test_devices_that_were_broken_before_do_not_make_an_outage_last() -> None:
    """Three of 24 broke long ago: when the other 21 are back the outage is over, and later silences raise alerts."""
    broken = points(3, 600)
    back = [
        r
        for r in points(24, 6000)
        if int(r.device_id[1:]) > 3
        and not 2400 <= (r.ts - T0) / 1000 < 3300
        and not (r.device_id == "P24" and r.ts > T0 + 4500_000)
    ]
    found = summaries(judged([SilentDevice()], broken, back, city=quick_town()))
    assert found[:3] == ["P01 confirmed P4", "P02 confirmed P4", "P03 confirmed P4"]
    assert found[3:5] == ["system confirmed P2", "system closed P2"]
    assert found[-1] == "P24 confirmed P4", "a later silence raises an alert of its own again"


def test_a_loaded_truck_that_stays_silent_is_repeated_every_half_hour_for_one_shift() -> None:
    """After twelve hours nobody knows any more whether it is loaded."""
    found = changes(driven(load="loaded").readings, seconds=16 * 3600)
    assert [at_s(change) for change in found[2:5]] == [1300, 3100, 4900]
    assert found[3].title.en.endswith("50 min")
    assert 12 * 3600 - 1800 < at_s(found[-1]) <= 12 * 3600 + 100


def test_a_device_that_was_retired_is_not_missed_and_no_longer_counted() -> None:
    city = town()
    retired = {
        f"P{n:02}": replace(city.devices[f"P{n:02}"], validity=Validity(None, T0 + 700_000)) for n in range(1, 25)
    }
    gone = town(devices=dict(city.devices) | retired)
    readings = [fills([10, 11, 12], point=device_id, every_s=300) for device_id in retired]
    engine = RuleEngine(gone, [SilentDevice()])
    assert run(engine, in_time(others(2400), *readings)) == []
    awaited = rows(engine)["fleet"]["memories"]["silent_device/1"]["awaited"]
    assert sorted(awaited) == ["T3", "T4", "T5"]


def test_the_wording_claims_only_what_is_known() -> None:
    loaded = changes(driven(load="loaded").readings)[0]
    assert loaded.title.en == "Truck 晋ET1, loaded, has not been heard for 3 min"
    assert loaded.title.zh == "车辆晋ET1载货，已离线3分钟"
    empty = changes(driven(load="empty").readings)[0]
    assert empty.title.en == "Truck 晋ET1 has not been heard for 3 min"
    engine = RuleEngine(town(), [SilentDevice()])
    run(engine, driven(load="loaded").readings, quiet_s=0)
    (alone,) = run(engine, (), quiet_s=250)
    assert not any("Other devices are heard" in text.en for text in alone.evidence.ruled_out)
