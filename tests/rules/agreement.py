"""Whether title, findings and measures of one change of an alert say the same: one check for each rule, `CHECKS`.

Those of rules about sensors, receivers and bridges stand in `tests.rules.agreement_on_devices`.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from devices.readings.streams import STREAM_NAMES
from rules.alerts.model import TAKEN_BACK, AlertChange, Amendment, Phase, Text
from rules.contract.wording import MAX_REFS, duration, length
from rules.tracking.load import STEADY_KG

_NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?")
_TERM = re.compile(r"\(([-+]\d+\.\d+)\)$")


def numbers(text: str) -> list[float]:
    return sorted(float(found) for found in _NUMBER.findall(text))


def the(pattern: str, texts: Sequence[Text]) -> list[tuple[str, ...]]:
    """What the groups of a pattern caught in English texts."""
    return [found.groups() for text in texts if (found := re.search(pattern, text.en))]


def dumping_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if "score" not in measures:  # a ticket retracted it
        return
    terms = [float(term) for (term,) in the(_TERM.pattern, evidence.findings)]
    assert len(terms) == len(evidence.findings)
    assert terms[0] == change.evidence.parameters["start_score"]
    assert round(sum(terms), 2) == measures["score"]
    if change.phase is Phase.PROVISIONAL:
        least = "unsensed_score" if measures.get("unsensed") else "suspected_score"
        assert float(measures["score"]) >= evidence.parameters[least]
    for (back,) in the(r"drove (\d+) m back along its route", evidence.findings):
        assert int(back) == measures["back_m"]
    for (stood,) in the(r"Bed up (\d+) s", evidence.findings):
        assert int(stood) == measures["lift_standing_s"]
    for (stood,) in the(r"^Stood (\d+) s", evidence.findings):
        assert int(stood) == measures["stay_s"]
    assert [hotspot for (hotspot,) in the(r"known unlicensed dump \((\w+)\)", evidence.findings)] == [
        measures[name] for name in ("hotspot",) if name in measures
    ]
    weights = [cited.values["load_kg"] for cited in evidence.readings if "load_kg" in cited.values]
    during = [c.values["load_kg"] for c in evidence.readings if "load_kg" in c.values and c.ts >= change.opened_at]
    until = (change.onset or 0) + change.evidence.parameters["weight_drop_within_s"] * 1000
    in_time = [c.values["load_kg"] for c in evidence.readings if "load_kg" in c.values and c.ts <= until]
    for before, after in the(r"fell from ([\d.]+) t to ([\d.]+) t", evidence.findings):
        assert (before, after) == tuple(f"{float(measures[name]) / 1000:.1f}" for name in ("before_kg", "after_kg"))
    if "after_kg" in measures:
        after_kg = float(measures["after_kg"])
        assert after_kg in during
        assert after_kg == in_time[-1] or after_kg < in_time[-1] - STEADY_KG  # the last one leapt up and is not steady
    if "before_kg" in measures and change.phase is not Phase.CLOSED:
        assert measures["before_kg"] in weights


def deviation_agrees(change: AlertChange) -> None:
    if "gap_s" in change.evidence.measures:
        ((driven, along),) = the(
            r"counted ([\d.]+ k?m); along its route it came ([\d.]+ k?m)", change.evidence.findings
        )
        assert (driven, along) == tuple(
            length(float(change.evidence.measures[m])) for m in ("driven_m", "along_route_m")
        )
        return
    measures = change.evidence.measures
    if "off_route_s" not in measures:  # a closed road retracted it
        return
    pattern = r"For ([\d.]+) (s|min|h) and ([\d.]+) (k?m) it drove .* at most ([\d.]+) (k?m)"
    ((time, unit, driven, driven_unit, peak, peak_unit),) = the(pattern, change.evidence.findings)
    assert float(time) == duration_of(measures["off_route_s"], unit)
    assert float(driven) == length_of(measures["detour_m"], driven_unit)
    assert float(peak) == length_of(measures["peak_off_route_m"], peak_unit)
    assert float(measures["off_route_m"]) <= float(measures["peak_off_route_m"])
    assert (", loaded," in change.title.en) is measures["loaded"]


def overflow_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    ((level,),) = the(r"\(([\d.]+) %\)$", [change.title])
    assert float(level) == measures["fill_pct"] == evidence.readings[-1].values["fill_pct"]
    assert f"compartment {measures['compartment']} " in change.title.en
    for (count,) in the(r"^(\d+) deposits since it is full", evidence.findings):
        assert int(count) == measures["deposits_while_full"]
    for former, later in the(r"from ([\d.]+) % to ([\d.]+) %$", evidence.findings):
        assert (float(former), float(later)) == (measures["emptied_from_pct"], measures["fill_pct"])
    covered = the(r"leaped from ([\d.]+) % to ([\d.]+) % .*; (\d+) deposits since$", evidence.findings)
    for figures in covered:
        assert list(map(float, figures)) == [
            measures[name] for name in ("leap_from_pct", "leap_to_pct", "deposits_since_leap")
        ]
    assert ("Not a covered sensor" in evidence.ruled_out[0].en if evidence.ruled_out else True) is not bool(covered)


def silence_agrees(change: AlertChange) -> None:
    if change.subject == "system":
        outage_agrees(change)
    if "silent_s" not in change.evidence.measures or change.amendment is Amendment.RETRACTED:
        return
    for time, unit in the(r"for ([\d.]+) (s|min|h)(?:;|$)", [change.title, *change.evidence.findings]):
        assert float(time) == duration_of(change.evidence.measures["silent_s"], unit)


def outage_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    silent, of = int(measures["overdue_devices"]), int(measures["awaited_devices"])
    assert the(r"^(\d+) % of these devices", change.evidence.findings) == [(f"{100 * silent / of:.0f}",)]
    if change.phase is Phase.CLOSED:
        assert the(r"; still silent: (\d+)$", [change.title]) == [(str(silent),)]
    else:
        assert the(r"^(\d+) of (\d+) .* are silent at once", [change.title]) == [(str(silent), str(of))]


def plate_agrees(change: AlertChange) -> None:
    for text in (change.title, *change.evidence.findings):
        assert str(change.evidence.measures["plate"]) in text.en
        assert str(change.evidence.measures["plate"]) in text.zh


def datum_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    if change.phase is Phase.CLOSED or change.amendment in TAKEN_BACK:
        return
    ((fixes, driven, unit),) = the(r"^(\d+) fixes over ([\d.]+) (k?m) lie on its routes", change.evidence.findings)
    assert int(fixes) == measures["fixes"]
    assert float(driven) == length_of(measures["driven_m"], unit)
    for cited in change.evidence.readings:
        assert {"lat", "lon"} <= cited.values.keys()


def judgeability_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    if change.phase is Phase.CLOSED or change.amendment in TAKEN_BACK:
        return
    ((lasted, unit, readings),) = the(r"^For ([\d.]+) (s|min|h) and (\d+) readings: ", change.evidence.findings)
    assert float(lasted) == duration_of(measures["lasted_s"], unit)
    assert int(readings) == measures["readings"]
    for interval, registered in the(r"reports every (\d+) s and is registered with (\d+) s", change.evidence.findings):
        assert (int(interval), int(registered)) == (measures["interval_s"], measures["registered_interval_s"])


def clock_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    ((off, unit, side),) = the(r"its clock is ([\d.]+) (s|min|h|days) (behind|ahead)$", [change.title])
    seconds = float(measures["offset_s"]) * (-1 if side == "behind" else 1)
    assert seconds > change.evidence.parameters["off_s"] - 1
    assert float(off) == (round(seconds / 86_400) if unit == "days" else duration_of(seconds, unit))
    ((readings, over, over_unit),) = the(r"^(\d+) readings over ([\d.]+) (s|min|h) agree", change.evidence.findings)
    assert int(readings) == measures["readings"]
    assert float(over) == duration_of(measures["over_s"], over_unit)
    ((needed,),) = the(r"set clock_correction_s to (-?\d+) in", change.evidence.findings)
    assert int(needed) == measures["needed_clock_correction_s"]
    assert abs(int(needed) + float(measures["offset_s"]) - float(measures["clock_correction_s"])) <= 30


def uncovered_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    pattern = r"^It drove ([\d.]+) (k?m) in ([\d.]+) (s|min|h) with its cover open, at up to ([\d.]+) km/h$"
    ((driven, driven_unit, time, unit, peak),) = the(pattern, change.evidence.findings)
    assert float(driven) == length_of(measures["driven_m"], driven_unit)
    assert float(time) == duration_of(measures["driven_s"], unit)
    assert float(peak) == measures["peak_kmh"]
    assert any(cited.values.get("cover_open") for cited in change.evidence.readings)


def stop_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    if change.amendment in TAKEN_BACK:  # it is a part of a dump
        return
    ((time, unit),) = the(r"^It stood for ([\d.]+) (s|min|h)$", change.evidence.findings)
    assert float(time) == duration_of(measures["stood_s"], unit)
    assert (", off its approved routes," in change.title.en) is measures["off_corridor"]
    assert change.severity == ("P2" if measures["off_corridor"] else "P3")
    for away, away_unit in the(r"^It has left: it is ([\d.]+) (k?m) away$", change.evidence.findings):
        assert float(away) == length_of(measures["away_m"], away_unit)


def overdue_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    assert str(measures["manifest"]) in change.title.en
    for planned, late in the(r"^Its trip of (.+) should have ended (.+) before$", change.evidence.findings):
        assert late == duration(1000 * int(measures["late_s"]))
        assert planned == duration(1000 * int(measures["planned_s"]))
    for (ago,) in the(r"^It left the source (.+) before", change.evidence.findings):
        assert ago == duration(1000 * int(measures["left_s"]))


def speeding_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    ((peak, limit),) = the(r"drove ([\d.]+) km/h where ([\d.]+) km/h is the limit", [change.title])
    assert (float(peak), float(limit)) == (measures["peak_kmh"], measures["limit_kmh"])
    pattern = r"for ([\d.]+) (s|min|h) and ([\d.]+) (k?m), by up to ([\d.]+) %$"
    ((time, unit, driven, driven_unit, over),) = the(pattern, evidence.findings)
    assert float(time) == duration_of(measures["over_s"], unit)
    assert float(driven) == length_of(measures["over_m"], driven_unit)
    assert float(over) == measures["over_pct"] == round((float(peak) / float(limit) - 1) * 100, 1)


def fire_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if change.phase is not Phase.CLOSED:
        assert f"compartment {measures['compartment']} " in change.title.en
        assert ("may be" in change.title.en) is (change.phase is Phase.PROVISIONAL)
    for (peak,) in the(r"in a row, ([\d.]+) °C at most$", evidence.findings):
        assert float(peak) == measures["peak_c"] >= evidence.parameters["fire_c"]
    for low, high, time, unit in the(r"rose from ([\d.]+) °C to ([\d.]+) °C in ([\d.]+) (s|min|h)$", evidence.findings):
        assert (float(low), float(high)) == (measures["risen_from_c"], measures["temperature_c"])
        assert float(time) == duration_of(measures["risen_s"], unit)
    for (count,) in the(r"reports smoke, in readings: (\d+)$", evidence.findings):
        assert int(count) == measures["smoke_readings"]


def bed_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if change.amendment in TAKEN_BACK:  # it is a part of a dump
        return
    ((time, unit),) = the(r"^The bed was up for ([\d.]+) (s|min|h)$", evidence.findings)
    assert float(time) == duration_of(measures["up_s"], unit)
    assert ("drove with its bed raised" in change.title.en) is measures["drove"]
    drives = the(
        r"^It drove ([\d.]+) (k?m) in ([\d.]+) (s|min|h) with the bed up, at up to ([\d.]+)", evidence.findings
    )
    assert bool(drives) is measures["drove"]
    for driven, driven_unit, drove_time, drove_unit, peak in drives:
        assert float(driven) == length_of(measures["drove_m"], driven_unit)
        assert float(drove_time) == duration_of(measures["drove_s"], drove_unit)
        assert float(peak) == measures["peak_kmh"]


def zone_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    pattern = r"^It was inside for ([\d.]+) (s|min|h) and ([\d.]+) (k?m), up to ([\d.]+) (k?m) from its edge$"
    ((time, unit, driven, driven_unit, deep, deep_unit),) = the(pattern, evidence.findings)
    assert float(time) == duration_of(measures["inside_s"], unit)
    assert float(driven) == length_of(measures["inside_m"], driven_unit)
    assert float(deep) == length_of(measures["deepest_m"], deep_unit)


def border_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    pattern = r"^It was outside for ([\d.]+) (s|min|h) and ([\d.]+) (k?m), up to ([\d.]+) (k?m) beyond the border$"
    ((time, unit, driven, driven_unit, far, far_unit),) = the(pattern, evidence.findings)
    assert float(time) == duration_of(measures["outside_s"], unit)
    assert float(driven) == length_of(measures["outside_m"], driven_unit)
    assert float(far) == length_of(measures["furthest_m"], far_unit)
    assert measures["furthest_m"] >= evidence.parameters["beyond_m"]


def backlog_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    full = the(r"for ([\d.]+) (s|min|h), at up to ([\d.]+) %$", evidence.findings)
    stood = the(
        r"^The line has stood still for ([\d.]+) (s|min|h) while trucks wait, at most: (\d+)$", evidence.findings
    )
    assert full or stood
    assert (bool(full), bool(stood)) == ("full_s" in measures, "stopped_s" in measures)
    for time, unit, peak in full:
        assert float(time) == duration_of(measures["full_s"], unit)
        assert float(peak) == measures["hopper_pct"] >= evidence.parameters["full_pct"]
    for time, unit, trucks in stood:
        assert float(time) == duration_of(measures["stopped_s"], unit)
        assert int(trucks) == measures["queue_trucks"] >= evidence.parameters["queue_trucks"]


def hours_agree(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    ((driven, driven_unit, time, unit),) = the(
        r"^It drove ([\d.]+) (k?m) in ([\d.]+) (s|min|h) outside its hours$", evidence.findings
    )
    assert float(driven) == length_of(measures["driven_m"], driven_unit)
    assert float(time) == duration_of(measures["driven_s"], unit)
    assert f" {measures['hours']}, " in change.title.en


def deposits_agree(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    assert change.title.en.endswith(f" outside its hours {measures['hours']}: {measures['deposits']}")
    ((count,),) = the(r"^Deposits counted outside its hours: (\d+), compartments: \S", evidence.findings)
    assert int(count) == measures["deposits"]
    cited = [reading.values["deposits"] for reading in evidence.readings]
    assert all(cited)
    assert len(cited) == MAX_REFS or sum(cited) == measures["deposits"]
    ((apart, unit),) = the(r"^Its hours were ([\d.]+) (s|min|h) away", evidence.findings)
    assert float(apart) == duration_of(measures["apart_s"], unit)
    assert float(measures["apart_s"]) > evidence.parameters["grace_s"]
    ((_, end),) = the(r"^The first was made between (\d\d:\d\d) and (\d\d:\d\d) by", evidence.findings)
    first = datetime.fromtimestamp(evidence.readings[0].ts / 1000, ZoneInfo("Asia/Shanghai"))
    assert end == f"{first:%H:%M}"
    repeated = the(r"^It is so on (\d+) of the last", evidence.findings)
    assert repeated == ([(str(measures["days"]),)] if change.severity == "P3" else [])


def area_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    pattern = r"^It stood for ([\d.]+) (s|min|h) in all, ([\d.]+) (k?m) outside its area at the first stop$"
    ((time, unit, outside, outside_unit),) = the(pattern, evidence.findings)
    assert float(time) == duration_of(measures["stood_s"], unit)
    assert float(outside) == length_of(measures["outside_m"], outside_unit)
    assert measures["outside_m"] > evidence.parameters["margin_m"]
    sources = [name for name in str(measures["sources"]).split(",") if name]
    named = the(r"or longer beside: (.+)$", evidence.findings)
    assert [len(names.split(", ")) for (names,) in named] == ([len(sources)] if sources else [])
    for rise, base in the(r"^Its load rose by (\d+) kg, from (\d+) kg$", evidence.findings):
        assert (int(rise), int(base)) == (measures["rise_kg"], measures["base_kg"])
    if "may have collected" not in change.title.en:
        has_load = measures["filled"] or float(measures.get("rise_kg", 0)) >= evidence.parameters["rise_kg"]
        assert has_load or len(sources) >= evidence.parameters["sources"]


def mix_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    named = [
        " or ".join(STREAM_NAMES[word].en for word in str(measures[f"{which}_streams"]).split(","))
        for which in ("first", "second")
    ]
    assert f" carry {named[0]} and {named[1]} in" in change.title.en.replace("carries", "carry")
    assert any(text.en.endswith(f" holds {named[0]} and {named[1]}") for text in evidence.findings)
    stood = the(r"^It stood for ([\d.]+) (s|min|h) beside .*, a source of (.+)$", evidence.findings)
    expected = [measures[name] for name in ("first_stood_s", "second_stood_s") if name in measures]
    assert [float(time) for time, _, _ in stood] == [
        duration_of(seconds, unit) for seconds, (_, unit, _) in zip(expected, stood, strict=True)
    ]
    assert all(float(seconds) >= evidence.parameters["stay_s"] for seconds in expected)
    rises = [int(kg) for (kg,) in the(r"^Its load rose by (\d+) kg beside", evidence.findings)]
    assert rises == [
        measures[f"{which}_rise_kg"]
        for which in ("first", "second")
        if measures[f"{which}_proven"] and f"{which}_stood_s" in measures
    ]
    proven = measures["first_proven"] and measures["second_proven"]
    assert ("may carry" in change.title.en) is not proven


def duration_of(seconds: Any, unit: str) -> float:
    return float(f"{seconds / 3600:.1f}") if unit == "h" else float(f"{seconds / {'s': 1, 'min': 60}[unit]:.0f}")


def length_of(metres: Any, unit: str) -> float:
    return float(f"{metres / 1000:.1f}" if unit == "km" else f"{metres:.0f}")


def site_agrees(change: AlertChange) -> None:
    measures = change.evidence.measures
    ((trucks, stops),) = the(r"^(\d+) trucks, (\d+) stops", change.evidence.findings)
    assert (int(trucks), int(stops)) == (measures["trucks"], measures["stops"])
    loaded_there = measures["kind"] == "source"
    assert change.title.en.startswith(f"{trucks} {'empty' if loaded_there else 'loaded'} trucks")
    assert loaded_there is bool(the("empty before and loaded after", change.evidence.findings))
    assert len({cited.device_id for cited in change.evidence.readings}) == int(trucks)


CHECKS = {
    "illegal_dumping": dumping_agrees,
    "route_deviation": deviation_agrees,
    "suspected_site": site_agrees,
    "bin_overflow": overflow_agrees,
    "silent_device": silence_agrees,
    "unknown_plate": plate_agrees,
    "device_clock": clock_agrees,
    "device_datum": datum_agrees,
    "cannot_be_judged": judgeability_agrees,
    "uncovered_load": uncovered_agrees,
    "stopped_loaded": stop_agrees,
    "speeding": speeding_agrees,
    "manifest_overdue": overdue_agrees,
    "bin_fire": fire_agrees,
    "bed_raised_outside": bed_agrees,
    "forbidden_zone": zone_agrees,
    "station_backlog": backlog_agrees,
    "restricted_hours": hours_agree,
    "deposit_outside_hours": deposits_agree,
    "outside_permitted_area": area_agrees,
    "mixed_haulage": mix_agrees,
    "left_jurisdiction": border_agrees,
}
