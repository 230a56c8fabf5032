"""Every query of every board, as Grafana sends it, on a real InfluxDB that holds the demonstration."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from devices.readings import series as stored
from devices.readings.models import Kind
from grafana.parts.names import REF
from grafana.render import Json
from tests.grafana.answers import BOARDS, EVERYTHING, Answers, values
from tests.grafana.as_grafana import ALL, with_variables

ONE_BOARD: Final = pytest.mark.parametrize("path", BOARDS)
DUMPER: Final = "truck-005"
"""The truck that tips its load on the way; the trucks board shows one truck."""
NO_DEVICES: Final = ["truck-00", "point-00", "line-0", "weighbridge-0"]

MAY_BE_EMPTY: Final = {
    ("trucks", "All trucks", "B"): "no bed is up at the scenario's last moment",
    ("trucks", "Bed raised", "A"): "no bed is up at the scenario's last moment",
    ("weighbridges", "Entered by hand", "A"): "every simulated weighing comes from the scale",
    ("recycling", "Filling up", "A"): "no compartment stands between warning and full at the last moment",
    ("recycling", "Smoke", "A"): "nothing burns in the scenario",
}
"""Queries with an empty result, by board, title and query. All other queries must have rows, and these must not:
remove a line when the demonstration fills it."""


def tags_and_fields(measurement: str) -> set[str]:
    """Tags and fields of a measurement, from `devices.readings.series`."""
    others = {
        stored.ALERT_MEASUREMENT: {*stored.ALERT_TAGS, *stored.AREA_TAGS, *stored.ALERT_FIELDS},
        stored.ALERT_STATE_MEASUREMENT: {*stored.ALERT_STATE_TAGS, *stored.ALERT_STATE_FIELDS},
        stored.SUSPECTED_SITE_MEASUREMENT: {*stored.SUSPECTED_SITE_TAGS, *stored.SUSPECTED_SITE_FIELDS},
        stored.EMPTYING_MEASUREMENT: {*stored.EMPTYING_TAGS, *stored.EMPTYING_FIELDS},
        stored.PLACE_MEASUREMENT: {*stored.PLACE_TAGS, *stored.PLACE_FIELDS},
        stored.CITY_LOADS_MEASUREMENT: {*stored.CITY_LOADS_TAGS, *stored.CITY_LOADS_FIELDS},
        stored.MANIFEST_MEASUREMENT: {*stored.MANIFEST_TAGS, *stored.MANIFEST_FIELDS},
        stored.INDICATOR_MEASUREMENT: {*stored.INDICATOR_TAGS, *stored.INDICATOR_FIELDS},
        stored.HEALTH_MEASUREMENT: {*stored.HEALTH_TAGS, *(n for part in stored.HEALTH_FIELDS.values() for n in part)},
    }
    if measurement in others:
        return others[measurement]
    compartment = {"compartment"} if measurement == Kind.FILL else set()
    derived = stored.DERIVED_FIELDS.get(Kind(measurement), ())
    return {"device", *stored.AREA_TAGS, *stored.FIELDS[Kind(measurement)], *derived, *compartment}


def queries(board: Json) -> list[tuple[str, str]]:
    """(title, query) of panels, annotations and variables."""
    found = [(panel["title"], target["query"]) for panel in board["panels"] for target in panel["targets"]]
    found += [(item["name"], item["target"]["query"]) for item in board["annotations"]["list"]]
    return found + [(v["name"], v["query"]) for v in board["templating"]["list"] if v["type"] == "query"]


@ONE_BOARD
def test_a_query_names_only_what_is_stored(path: str) -> None:
    for title, query in queries(BOARDS[path]):
        [measurement] = re.findall(r'FROM "(\w+)"', query)
        aliases = set(re.findall(r'AS "(\w+)"', query))
        named = set(re.findall(r'"(\w+)"', query)) - aliases - {measurement}
        assert named, title
        assert named <= tags_and_fields(measurement), (title, named - tags_and_fields(measurement))
        if measurement == stored.HEALTH_MEASUREMENT:
            [part] = re.findall(r"\"part\" = '(\w+)'", query)
            assert named <= {*stored.HEALTH_TAGS, *stored.HEALTH_FIELDS[part]}, title


@ONE_BOARD
def test_queries_keep_to_what_every_influxdb_understands(path: str) -> None:
    for title, query in queries(BOARDS[path]):
        assert ";" not in query, title
        assert not re.search(r"\bINTO\b|CARDINALITY|SLIMIT|now\(\)|::|top\(|holt_winters", query, re.IGNORECASE), title


@ONE_BOARD
def test_a_curve_is_named_after_tags_it_is_grouped_by(path: str) -> None:
    for panel in BOARDS[path]["panels"]:
        for target in panel["targets"]:
            grouped = target["query"].rpartition("GROUP BY")[2]
            assert all(f'"{tag}"' in grouped for tag in re.findall(r"\$tag_(\w+)", target["alias"])), panel["title"]


def empty(series: list[Json]) -> bool:
    return not any(value is not None for one in series for row in one["values"] for value in row[1:])


def chosen_on(path: str, **more: Any) -> dict[str, Any]:
    return EVERYTHING | ({"device": DUMPER} if Path(path).stem == "trucks" else {}) | more


@pytest.mark.real
@ONE_BOARD
def test_a_real_influxdb_answers_every_panel(path: str, answers: Answers) -> None:
    board, name = BOARDS[path], Path(path).name
    nothing = set()
    for panel, english in zip(board["panels"], BOARDS[f"en/{name}"]["panels"], strict=True):
        for target in panel["targets"]:
            query = answers.fill(target["query"], panel, board, chosen_on(path))
            found = answers.ask(query)
            if empty(found):
                nothing.add((Path(path).stem, english["title"], target["refId"]))
            aliases = set(re.findall(r'AS "(\w+)"', target["query"].partition(" FROM ")[0]))
            assert not found or aliases <= set(found[0]["columns"]), panel["title"]
    assert nothing == {entry for entry in MAY_BE_EMPTY if entry[0] == Path(path).stem}


@pytest.mark.real
@ONE_BOARD
def test_maps_have_places_in_the_city(path: str, answers: Answers) -> None:
    board = BOARDS[path]
    centre = answers.shown.city.centre
    for panel in board["panels"]:
        if panel["type"] != "geomap":
            continue
        rows = [answers.ask(answers.fill(t["query"], panel, board, chosen_on(path))) for t in panel["targets"]]
        lats, lons = ([value for found in rows for value in values(found, name)] for name in ("lat", "lon"))
        assert lats
        assert len(lats) == len(lons)
        assert all(abs(lat - centre.lat) < 1 for lat in lats)
        assert all(abs(lon - centre.lon) < 1.5 for lon in lons)
        assert all(target["resultFormat"] == "table" for target in panel["targets"])
        if panel["transformations"]:  # joined by device
            by_ref = {target["refId"]: found for target, found in zip(panel["targets"], rows, strict=True)}
            assert set(values(by_ref["A"], "device")) <= set(values(by_ref[REF], "device"))


@pytest.mark.real
@ONE_BOARD
def test_variables_offer_existing_values_and_narrow_each_other(path: str, answers: Answers) -> None:
    for variable in BOARDS[path]["templating"]["list"]:
        if variable["type"] != "query":
            continue
        options = set(values(answers.ask(with_variables(variable["query"], EVERYTHING)), "value"))
        assert options, variable["name"]
        city, chinese = answers.shown.city, path.startswith("zh")
        areas = {"district": city.districts, "fleet": city.fleets}.get(variable["name"])
        if areas is not None:
            assert options <= {f"{area.name_zh if chinese else area.name} | {area.id}" for area in areas}
        if "${district:regex}" in variable["query"]:
            there = {"district": ["lingchuan"], "fleet": ALL, "site": ALL}
            fewer = set(values(answers.ask(with_variables(variable["query"], there)), "value"))
            assert fewer < options, variable["name"]


@pytest.mark.real
@ONE_BOARD
def test_no_panel_shows_what_was_not_chosen(path: str, answers: Answers) -> None:
    """Two fleets are chosen; then devices that do not exist, whose names are prefixes of existing ones."""
    board = BOARDS[path]
    fleets = ["danhe", "fengtai"]
    mine = {device.id for device in answers.shown.city.devices.values() if device.fleet in fleets}
    for panel in board["panels"]:
        for target in panel["targets"]:
            if "${fleet:regex}" in target["query"]:
                query = answers.fill(target["query"], panel, board, chosen_on(path, fleet=fleets))
                assert set(values(answers.ask(query), "device")) <= mine, panel["title"]
            if "${device:regex}" in target["query"]:
                query = answers.fill(target["query"], panel, board, chosen_on(path, device=NO_DEVICES))
                assert empty(answers.ask(query)), panel["title"]


@pytest.mark.real
@pytest.mark.parametrize("path", ["en/trucks.json", "zh/trucks.json"])
def test_alerts_are_marked_on_the_curves_of_their_truck(path: str, answers: Answers) -> None:
    board = BOARDS[path]
    found = {}
    for mark in board["annotations"]["list"]:
        target = mark["target"]
        series = answers.ask(answers.fill(target["query"], {}, board, chosen_on(path)))
        found[mark["iconColor"]] = values(series, target["textColumn"])
        assert not series or {target["textColumn"], target["tagsColumn"]} <= set(series[0]["columns"])
    changes = [change for change in answers.shown.changes if change.subject == DUMPER]
    assert sum(map(len, found.values())) == len(changes) > 1
