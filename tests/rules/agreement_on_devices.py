"""As `tests.rules.agreement`: the checks of rules that judge whether sensors, receivers and bridges can be believed."""

from rules.alerts.model import TAKEN_BACK, AlertChange, Phase
from tests.rules.agreement import duration_of, length_of, the


def weighing_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if change.amendment in TAKEN_BACK:
        return
    finding = [evidence.findings[0]]
    match measures["reason"]:
        case "away":
            for far, unit in the(r"([\d.]+) (k?m) ", [change.title]) + the(r"are ([\d.]+) (k?m) or more", finding):
                assert float(far) == length_of(measures["away_m"], unit)
            assert measures["away_m"] > evidence.parameters["away_m"]
        case "twice":
            ((time, unit, former, later),) = the(
                r"record, ([\d.]+) (s|min|h) apart: ([\d.]+) kg and ([\d.]+) kg", finding
            )
            assert float(time) == duration_of(measures["apart_s"], unit)
            assert (float(former), float(later)) == (measures["former_net_kg"], measures["net_kg"])
            tickets = [cited.values["ticket"] for cited in evidence.readings]
            assert tickets == [measures["former_ticket"], measures["ticket"]]
        case "part_axle":
            ((weight, share, usual),) = the(r"^([\d.]+) kg is ([\d.]+) % of its usual tare of ([\d.]+) kg", finding)
            assert (float(weight), float(usual)) == (measures["weight_kg"], measures["usual_tare_kg"])
            assert float(share) == measures["share_pct"] == round(100 * float(weight) / float(usual), 1)
        case "tare":
            ((tare, usual, band),) = the(r"tare was ([\d.]+) kg; .* weighs ([\d.]+) kg ± ([\d.]+) kg$", finding)
            assert (float(tare), float(usual)) == (measures["tare_kg"], measures["usual_tare_kg"])
            assert float(band) == measures["band_kg"]
            assert measures["off_kg"] == round(float(tare) - float(usual), 1)
            assert abs(float(measures["off_kg"])) > float(band)
        case "shift":
            ((trucks, off, error),) = the(r"of (\d+) trucks that day lie ([-+][\d.]+) kg ± ([\d.]+) kg", finding)
            assert (int(trucks), float(off), float(error)) == (
                measures["trucks"],
                measures["shift_kg"],
                measures["error_kg"],
            )
        case "unsettled":
            ((frames, low, high),) = the(r"^(\d+) weights .* from ([\d.]+) kg to ([\d.]+) kg", finding)
            assert (int(frames), float(low), float(high)) == (
                measures["frames"],
                measures["lowest_kg"],
                measures["highest_kg"],
            )
        case "manual":
            assert the(r"(\d+) of (\d+) tickets", [change.title]) == [
                (str(measures["manual_tickets"]), str(measures["tickets"]))
            ]
            assert the(r"is ([\d.]+) % of its last", finding) == [(str(measures["share_pct"]),)]
        case reason:
            assert reason == "tag"
            cited = evidence.readings[0].values
            assert (measures["plate"], measures["rfid"]) == (cited["plate"], cited["rfid"])


def sensor_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if change.amendment in TAKEN_BACK:
        return
    finding, reason = [evidence.findings[0]], str(measures["reason"])
    if change.phase is Phase.CLOSED:
        ((time, unit),) = the(r"healthy for ([\d.]+) (s|min|h)$", finding)
        assert float(time) == duration_of(measures["healthy_s"], unit)
    elif reason.endswith("_chatter"):
        ((edges, time, unit),) = the(r"changed in (\d+) readings within ([\d.]+) (s|min|h)$", finding)
        assert int(edges) == measures["edges"] == len(evidence.readings)
        assert float(time) == duration_of(measures["over_s"], unit)
        values = [cited.values.get("lift_up", cited.values.get("cover_open")) for cited in evidence.readings]
        assert set(values) == {True, False}
    elif reason in {"lift_stuck", "cover_stuck"}:
        ((loads, reports),) = the(r"^Through (\d+) emptied loads .* in (\d+) reports of", finding)
        assert (int(loads), int(reports)) == (measures["loads"], measures["reports"])
    elif reason == "weight_stuck":
        ((loads, low, high),) = the(r"^Through (\d+) emptied loads .* from ([\d.]+) kg to ([\d.]+) kg$", finding)
        assert (int(loads), float(low), float(high)) == (
            measures["loads"],
            measures["lowest_kg"],
            measures["highest_kg"],
        )
    elif reason == "weight_drift":
        ((loads, level),) = the(r"^After (\d+) emptyings .* ([\d.]+) kg in the median$", finding)
        assert (int(loads), float(level)) == (measures["loads"], measures["level_kg"])
    elif reason == "lift_at_speed":
        ((time, unit, peak),) = the(r"for ([\d.]+) (s|min|h) of driving at .* up to ([\d.]+) km/h$", finding)
        assert (float(time), float(peak)) == (duration_of(measures["up_s"], unit), measures["peak_kmh"])
    else:
        assert reason == "weight_too_high"
        ((weight, most),) = the(r"^It showed ([\d.]+) kg; .* more than ([\d.]+) kg$", finding)
        assert float(weight) == measures["weight_kg"]
        assert float(weight) > float(most)


def gnss_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if change.amendment in TAKEN_BACK:
        return
    finding = [evidence.findings[0]]
    if change.phase is Phase.CLOSED:
        for time, unit in the(r"good for ([\d.]+) (s|min|h)$", finding if change.subject != "system" else []):
            assert float(time) == duration_of(measures["good_s"], unit)
        return
    match measures["reason"]:
        case "teleport":
            ((far, far_unit, time, unit, kmh, fixes),) = the(
                r"leaped ([\d.]+) (k?m) in ([\d.]+) (s|min|h), which is (\d+) km/h; (\d+) fixes", finding
            )
            assert float(far) == length_of(measures["distance_m"], far_unit)
            assert float(time) == duration_of(measures["took_s"], unit)
            assert (int(kmh), int(fixes)) == (measures["speed_kmh"], measures["fixes"])
            assert int(kmh) > 150
        case "frozen":
            ((time, unit, readings),) = the(r"same place for ([\d.]+) (s|min|h) and (\d+) readings", finding)
            assert float(time) == duration_of(measures["turned_s"], unit)
            assert int(readings) == measures["readings"]
            assert len({(cited.values["lat"], cited.values["lon"]) for cited in evidence.readings}) == 1
            for driven, driven_unit in the(r"odometer counted ([\d.]+) (k?m)", evidence.findings):
                assert float(driven) == length_of(measures["odometer_m"], driven_unit)
            for (kmh,) in the(r"reported up to ([\d.]+) km/h", evidence.findings):
                assert float(kmh) == measures["peak_kmh"]
        case "alarm":
            ((time, unit, readings),) = the(r"^For ([\d.]+) (s|min|h) and (\d+) readings in a row: ", finding)
            assert float(time) == duration_of(measures["lasted_s"], unit)
            assert int(readings) == measures["readings"]
        case reason:
            assert reason == "interference"
            ((trucks, time, unit),) = the(r"^(\d+) trucks within ([\d.]+) (s|min|h) of one another: ", finding)
            assert (int(trucks), float(time)) == (measures["trucks"], duration_of(measures["over_s"], unit))
            assert f"of {trucks} trucks" in change.title.en


def shortfall_agrees(change: AlertChange) -> None:
    evidence, measures = change.evidence, change.evidence.measures
    if change.amendment in TAKEN_BACK:
        ((source, destination),) = the(r"are ([\d.]+) kg and ([\d.]+) kg, within", list(evidence.findings))
        assert (float(source), float(destination)) == (measures["source_net_kg"], measures["destination_net_kg"])
        return
    ((source, destination),) = the(r"^Net weight ([\d.]+) kg at .*, and ([\d.]+) kg at", [evidence.findings[0]])
    assert (float(source), float(destination)) == (measures["source_net_kg"], measures["destination_net_kg"])
    lost = round(float(source) - float(destination), 1)
    assert measures["lost_kg"] == lost
    assert measures["lost_pct"] == round(100 * lost / float(source), 1)
    ((kg, pct, sense),) = the(r" brought ([\d.]+) kg \(([\d.]+) %\) (less|more) to ", [change.title])
    assert (float(kg), float(pct)) == (abs(lost), abs(float(measures["lost_pct"])))
    assert sense == ("less" if measures["reason"] == "shortfall" else "more") == ("less" if lost > 0 else "more")
    ((budget, weighings, each),) = the(
        r"± ([\d.]+) kg: (\d+) weighings, each within ± ([\d.]+) kg", [evidence.findings[1]]
    )
    assert float(budget) == measures["budget_kg"] == int(weighings) * float(each)
    for time, unit in the(r"nowhere else in the ([\d.]+) (s|min|h) between", evidence.ruled_out):
        assert float(time) == duration_of(measures["trip_s"], unit)


CHECKS = {
    "mass_shortfall": shortfall_agrees,
    "gnss_anomaly": gnss_agrees,
    "sensor_fault": sensor_agrees,
    "weighbridge_integrity": weighing_agrees,
}
